"""git.status against real repositories in every state."""

import os
from pathlib import Path

import pytest

from node.git import status
from node.git.runner import GitRunner
from node.git.service import GitService
from tests.support.repositories import TestRepository
from tests.support.unprivileged import NOBODY
from tests.unit.node.git.conftest import Git, fence
from ws.protocol.errors import ErrorCode, WireError
from ws.protocol.git import GitStatusParams, GitStatusResult


def letters(result: GitStatusResult) -> dict[str, str]:
    return {file.path: file.index + file.worktree for file in result.files}


async def test_a_repository_without_commits_has_a_branch_and_no_head(git: Git) -> None:
    git.repository.write("new")
    result = await git.status()
    assert (result.root, result.branch, result.head, result.state) == (
        str(git.repository.path),
        "main",
        None,
        "clean",
    )
    assert letters(result) == {"new": "??"}


async def test_every_kind_of_change_has_its_letters(git: Git) -> None:
    head = git.repository.commit(kept="k\n", changed="c\n", gone="g\n", staged="s\n", old="a\nb\nc\nd\n")
    git.repository.write("changed", "c2\n")
    (git.repository.path / "gone").unlink()
    git.repository.write("staged", "s2\n")
    git.repository.git("add", "staged")
    git.repository.git("mv", "old", "new")
    git.repository.write("folder/untracked")
    git.repository.write(".gitignore", "*.log\n")
    git.repository.write("x.log")
    result = await git.status()
    assert letters(result) == {
        "changed": ".M",
        "gone": ".D",
        "staged": "M.",
        "new": "R.",
        "folder/untracked": "??",
        ".gitignore": "??",
    }
    assert next(file for file in result.files if file.path == "new").renamed_from == "old"
    assert result.head == head


async def test_the_upstream_is_counted(git: Git, tmp_path: Path) -> None:
    git.repository.commit(a="1")
    other = TestRepository(git.repository.path.parent / "clone", git.repository.home)
    git.repository.git("clone", "-q", str(git.repository.path), str(other.path))
    other.commit(b="1")
    other.commit(c="1")
    git.repository.commit(d="1")
    other.git("fetch", "-q")
    result = await git.status(other.path)
    assert (result.upstream, result.ahead, result.behind) == ("origin/main", 2, 1)


async def test_a_folder_inside_names_the_root(git: Git) -> None:
    git.repository.commit(a="1")
    git.repository.write("deep/er/b", "1")
    result = await git.status(git.repository.path / "deep/er")
    assert result.root == str(git.repository.path)
    assert letters(result) == {"deep/er/b": "??"}


async def test_odd_names_come_as_they_are(git: Git) -> None:
    names = ["-rf", "$(touch x)", 'quo"te', "tab\there", "new\nline", "日本", "back\\slash", " space ", ":(glob)*"]
    for name in names:
        git.repository.write(name)
    assert set(letters(await git.status())) == set(names)
    git.repository.git("add", "-A")
    assert letters(await git.status()) == dict.fromkeys(names, "A.")


async def test_a_detached_head_has_no_branch(git: Git) -> None:
    head = git.repository.commit(a="1")
    git.repository.git("checkout", "-q", "--detach")
    result = await git.status()
    assert (result.branch, result.head) == (None, head)


@pytest.fixture
def diverged(git: Git) -> Git:
    git.repository.commit(f="base\n")
    git.repository.git("checkout", "-q", "-b", "side")
    git.repository.commit(f="side\n")
    git.repository.git("checkout", "-q", "main")
    git.repository.commit(f="main\n")
    return git


@pytest.mark.parametrize(
    ("command", "code", "state"),
    [
        (("merge", "side"), 1, "merging"),
        (("rebase", "side"), 1, "rebasing"),
        (("cherry-pick", "side"), 1, "cherry-picking"),
        (("revert", "HEAD~1"), 1, "reverting"),
        (("bisect", "start", "HEAD", "HEAD~1"), 0, "bisecting"),
    ],
)
async def test_what_is_under_way_is_told(diverged: Git, command: tuple[str, ...], code: int, state: str) -> None:
    diverged.repository.git(*command, code=code)
    result = await diverged.status()
    assert result.state == state
    assert ("f" in letters(result)) == (code == 1)


async def test_a_locked_index_does_not_matter_and_is_not_touched(git: Git) -> None:
    git.repository.commit(a="1")
    git.repository.write("a", "2")
    lock = git.repository.write(".git/index.lock", "somebody commits")
    index = (git.repository.path / ".git/index").read_bytes()
    os.utime(git.repository.path / "a")
    assert letters(await git.status()) == {"a": ".M"}
    await git.diff()
    assert lock.read_text() == "somebody commits"
    assert (git.repository.path / ".git/index").read_bytes() == index


async def test_a_linked_worktree_has_its_own_branch_and_state(git: Git) -> None:
    git.repository.commit(a="1")
    git.repository.git("worktree", "add", "-q", "-b", "side", "../linked")
    linked = git.repository.path.parent / "linked"
    (linked / "b").touch()
    result = await git.status(linked)
    assert (result.root, result.branch, letters(result)) == (str(linked), "side", {"b": "??"})


async def test_a_submodule_is_one_entry_and_a_repository_of_its_own(git: Git) -> None:
    inner = TestRepository.make(git.repository.path.parent, "inner")
    inner.commit(a="1")
    git.repository.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(inner.path), "sub")
    git.repository.commit()
    within = TestRepository(git.repository.path / "sub", git.repository.home)
    assert (await git.status(within.path)).root == str(within.path)
    within.commit(b="2")
    assert letters(await git.status()) == {"sub": ".M"}


async def test_a_bare_repository_and_a_git_folder_are_a_conflict(git: Git) -> None:
    bare = TestRepository.make(git.repository.path.parent, "bare.git", options=("--bare",))
    for path in (bare.path, git.repository.path / ".git"):
        with pytest.raises(WireError, match="bare repository") as refused:
            await git.status(path)
        assert refused.value.code is ErrorCode.CONFLICT


async def test_no_repository_is_not_found(git: Git) -> None:
    with pytest.raises(WireError, match="is in no Git repository") as refused:
        await git.status(git.repository.path.parent)
    assert refused.value.code is ErrorCode.NOT_FOUND


async def test_a_repository_above_the_roots_is_not_found(git: Git) -> None:
    git.repository.write("below/f")
    service = GitService(GitRunner(git.repository.environ), fence(git.repository.path / "below"))
    with pytest.raises(WireError) as refused:
        await service.status(GitStatusParams(node="n", path=str(git.repository.path / "below")))
    assert refused.value.code is ErrorCode.NOT_FOUND


async def test_an_empty_git_folder_is_passed_over(git: Git) -> None:
    git.repository.write("inner/f")
    (git.repository.path / "inner/.git").mkdir()
    assert (await git.status(git.repository.path / "inner")).root == str(git.repository.path)


async def test_a_damaged_repository_is_one_sentence(git: Git) -> None:
    git.repository.commit(a="1")
    git.repository.write(".git/index", "garbage")
    with pytest.raises(WireError, match="Git cannot read this repository: ") as refused:
        await git.status()
    assert refused.value.code is ErrorCode.CONFLICT
    assert "\n" not in refused.value.detail


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a repository of somebody else; run as root")
async def test_a_repository_of_another_account_names_the_remedy(git: Git) -> None:
    for path in (git.repository.path, git.repository.path / ".git"):
        os.chown(path, NOBODY, NOBODY)
    with pytest.raises(WireError, match=r"git config --global --add safe\.directory") as refused:
        await git.status()
    assert refused.value.code is ErrorCode.FORBIDDEN
    git.repository.git("config", "--global", "--add", "safe.directory", str(git.repository.path))
    assert (await git.status()).branch == "main"


async def test_without_git_the_remedy_is_named(git: Git) -> None:
    service = GitService(GitRunner({"PATH": "/nonexistent:."}), fence(git.repository.path.parent))
    with pytest.raises(WireError, match="install it there") as refused:
        await service.status(GitStatusParams(node="n", path=str(git.repository.path)))
    assert refused.value.code is ErrorCode.UNSUPPORTED


async def test_a_git_that_is_too_old_is_refused(git: Git, tmp_path: Path) -> None:
    old = tmp_path / "git"
    old.write_text("#!/bin/sh\necho git version 2.30.2\n")
    old.chmod(0o755)
    service = GitService(GitRunner({"PATH": str(tmp_path)}), fence(git.repository.path.parent))
    with pytest.raises(WireError, match=r"install 2\.31 or newer") as refused:
        await service.status(GitStatusParams(node="n", path=str(git.repository.path)))
    assert refused.value.code is ErrorCode.UNSUPPORTED


def test_many_changes_are_cut_and_told() -> None:
    raw = b"".join(b"? f%d\0" % number for number in range(status.MAX_FILES + 1))
    parsed = status.parse(raw, is_cut=False)
    assert (len(parsed.files), parsed.is_truncated) == (status.MAX_FILES, True)


def test_very_long_paths_are_cut_by_their_bytes() -> None:
    parsed = status.parse(b"".join(b"? %d%s\0" % (number, b"x" * 4000) for number in range(1000)), is_cut=False)
    assert parsed.is_truncated
    assert 200 < len(parsed.files) < 400


def test_a_record_that_was_cut_is_left_out() -> None:
    parsed = status.parse(b"# branch.head main\0? whole\0? ha", is_cut=True)
    assert ([file.path for file in parsed.files], parsed.is_truncated) == (["whole"], True)
