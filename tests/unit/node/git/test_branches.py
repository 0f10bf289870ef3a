"""git.branches, checkout, create_branch and delete_branch."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.repositories import TestRepository
from tests.unit.node.git.conftest import Git
from ws.protocol.errors import ErrorCode


def _clone(repository: TestRepository, name: str = "clone") -> TestRepository:
    other = TestRepository(repository.path.parent / name, repository.home)
    repository.git("clone", "-q", str(repository.path), str(other.path))
    return other


async def test_branches_say_what_they_follow_and_how_far_they_are(git: Git) -> None:
    git.repository.commit(a="1")
    git.repository.git("branch", "gone")
    clone = _clone(git.repository)
    clone.git("branch", "-q", "--track", "gone", "origin/gone")
    git.repository.git("branch", "-D", "gone")
    git.repository.commit(b="1")
    clone.git("fetch", "-q", "--prune")
    clone.commit(c="1")
    result = await git.do("branches", clone.path)
    branches = {branch.name: branch for branch in result.branches}
    main = branches["main"]
    assert (main.is_current, main.upstream, main.ahead, main.behind) == (True, "origin/main", 1, 1)
    assert (branches["gone"].gone, branches["gone"].ahead) == (True, None)
    assert branches["origin/main"].kind == "remote"
    assert "origin/HEAD" not in branches
    assert (result.current, result.remotes, result.truncated) == ("main", ["origin"], None)


async def test_an_unborn_and_a_detached_head(git: Git) -> None:
    unborn = await git.do("branches")
    assert (unborn.current, unborn.branches) == ("main", [])
    head = git.repository.commit(a="1")
    git.repository.git("checkout", "-q", head)
    assert (await git.do("branches")).current is None


async def test_thousands_of_branches_come_bounded(git: Git) -> None:
    head = git.repository.commit(a="1")
    lines = "".join(f"create refs/heads/b{number} {head}\n" for number in range(5000))
    command = ["git", "update-ref", "--stdin"]
    subprocess.run(command, cwd=git.repository.path, input=lines, text=True, check=True)
    result = await git.do("branches")
    assert (len(result.branches), result.truncated, result.current) == (2000, True, "main")


async def test_a_branch_is_made_switched_to_and_deleted(git: Git) -> None:
    git.repository.commit(a="1")
    assert (await git.do("checkout", branch="topic/one", create=True)).branch == "topic/one"
    assert (await git.do("checkout", branch="main")).branch == "main"
    assert (await git.do("create_branch", branch="two", start="main")).branch == "main"
    await git.do("delete_branch", branch="topic/one")
    await git.do("delete_branch", branch="two")
    assert [branch.name for branch in (await git.do("branches")).branches] == ["main"]


async def test_the_first_branch_can_be_named_before_any_commit(git: Git) -> None:
    assert (await git.do("checkout", branch="trunk", create=True)).branch == "trunk"
    assert (await git.refusal("create_branch", branch="x")).code is ErrorCode.CONFLICT


async def test_a_branch_of_a_remote_gets_a_local_one_that_follows_it(git: Git) -> None:
    git.repository.commit(a="1")
    git.repository.git("branch", "far/away")
    clone = _clone(git.repository)
    result = await git.do("checkout", clone.path, branch="origin/far/away")
    assert (result.branch, result.upstream) == ("far/away", "origin/far/away")
    clone.git("switch", "-q", "main")
    assert (await git.do("checkout", clone.path, branch="origin/far/away")).branch == "far/away"
    clone.git("switch", "-q", "main")
    clone.git("branch", "-D", "far/away")
    assert (await git.do("checkout", clone.path, branch="far/away")).upstream == "origin/far/away"


async def test_a_branch_made_at_a_remote_one_follows_it(git: Git) -> None:
    git.repository.commit(a="1")
    clone = _clone(git.repository)
    made = await git.do("checkout", clone.path, branch="new", create=True, start="origin/main")
    assert made.upstream == "origin/main"


async def test_changes_go_along_and_what_is_in_the_way_is_kept(git: Git) -> None:
    git.repository.commit(a="1\n", b="1\n")
    git.repository.git("switch", "-q", "-c", "side")
    git.repository.commit(a="side\n")
    git.repository.git("switch", "-q", "main")
    git.repository.write("b", "mine\n")
    assert [file.path for file in (await git.do("checkout", branch="side")).files] == ["b"]
    await git.do("checkout", branch="main")
    git.repository.write("a", "mine\n")
    refused = await git.refusal("checkout", branch="side")
    assert refused.code is ErrorCode.CONFLICT
    assert refused.detail.endswith("commit, discard or move them first: a.")
    assert (git.repository.path / "a").read_text() == "mine\n"
    assert (await git.status()).branch == "main"


async def test_a_file_that_git_ignores_is_not_overwritten(git: Git) -> None:
    git.repository.commit(a="1\n")
    git.repository.git("switch", "-q", "-c", "side")
    git.repository.commit(secret="theirs\n")
    git.repository.git("switch", "-q", "main")
    git.repository.write(".gitignore", "secret\n")
    git.repository.write("secret", "mine\n")
    assert (await git.refusal("checkout", branch="side")).code is ErrorCode.CONFLICT
    assert (git.repository.path / "secret").read_text() == "mine\n"


@pytest.mark.parametrize(
    ("op", "fields", "code"),
    [
        ("checkout", {"branch": "nowhere"}, ErrorCode.NOT_FOUND),
        ("checkout", {"branch": "a"}, ErrorCode.NOT_FOUND),  # a file, not a branch
        ("checkout", {"branch": "main", "create": True}, ErrorCode.CONFLICT),
        ("checkout", {"branch": "main/below", "create": True}, ErrorCode.CONFLICT),
        ("checkout", {"branch": "x", "create": True, "start": "nowhere"}, ErrorCode.NOT_FOUND),
        ("create_branch", {"branch": "main"}, ErrorCode.CONFLICT),
        ("create_branch", {"branch": "a..b"}, ErrorCode.INVALID),
        ("create_branch", {"branch": "refs/heads/x"}, ErrorCode.INVALID),
        ("create_branch", {"branch": "x.lock"}, ErrorCode.INVALID),
        ("create_branch", {"branch": "HEAD"}, ErrorCode.INVALID),
        ("delete_branch", {"branch": "main"}, ErrorCode.CONFLICT),
        ("delete_branch", {"branch": "nowhere"}, ErrorCode.NOT_FOUND),
    ],
)
async def test_what_cannot_be_is_refused(git: Git, op: str, fields: dict[str, Any], code: ErrorCode) -> None:
    git.repository.commit(a="1")
    assert (await git.refusal(op, **fields)).code is code


async def test_a_branch_with_commits_of_its_own_is_deleted_only_by_force(git: Git) -> None:
    git.repository.commit(a="1")
    git.repository.git("switch", "-q", "-c", "side")
    git.repository.commit(b="1")
    git.repository.git("switch", "-q", "main")
    assert "on no other branch" in (await git.refusal("delete_branch", branch="side")).detail
    await git.do("delete_branch", branch="side", force=True)
    assert (await git.refusal("checkout", branch="side")).code is ErrorCode.NOT_FOUND


async def test_a_branch_that_another_worktree_has_is_named_with_its_place(git: Git, tmp_path: Path) -> None:
    git.repository.commit(a="1")
    place = git.repository.path.parent / "linked"
    git.repository.git("worktree", "add", "-q", "-b", "linked", str(place))
    refused = await git.refusal("checkout", branch="linked")
    assert refused.code is ErrorCode.CONFLICT
    assert str(place) in refused.detail
    assert str(place) in (await git.refusal("delete_branch", branch="linked", force=True)).detail
    (linked,) = [each for each in (await git.do("branches")).branches if each.name == "linked"]
    assert linked.worktree == str(place)
    assert (await git.do("checkout", place, branch="other", create=True)).branch == "other"


async def test_nothing_is_switched_in_the_middle_of_a_merge(git: Git) -> None:
    git.repository.commit(a="1\n")
    git.repository.git("switch", "-q", "-c", "side")
    git.repository.commit(a="side\n")
    git.repository.git("switch", "-q", "main")
    git.repository.commit(a="main\n")
    git.repository.git("merge", "-q", "side", code=1)
    assert "merging" in (await git.refusal("checkout", branch="side")).detail
    assert (await git.do("abort")).state == "clean"
    assert (git.repository.path / "a").read_text() == "main\n"
    assert (await git.refusal("abort")).code is ErrorCode.CONFLICT
