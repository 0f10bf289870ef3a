"""git.fetch, pull and push against repositories on this machine, and how remotes refuse."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from tests.support.repositories import TestRepository
from tests.support.waiting import eventually
from tests.unit.node.git.conftest import Git, called
from ws.protocol.errors import ErrorCode
from ws.protocol.git import GitChanged, GitProgress

pytestmark = pytest.mark.usefixtures("identity")


@pytest.fixture
def bare(git: Git) -> TestRepository:
    """The remote of the repository, which has one commit and follows its branch."""
    bare = TestRepository.make(git.repository.path.parent, "bare", options=("--bare",))
    git.repository.commit(a="1\n")
    git.repository.git("remote", "add", "origin", str(bare.path))
    git.repository.git("push", "-q", "-u", "origin", "main")
    return bare


@pytest.fixture
def other(bare: TestRepository) -> TestRepository:
    """Somebody else's clone of the remote."""
    other = TestRepository(bare.path.parent / "other", bare.home)
    bare.git("clone", "-q", str(bare.path), str(other.path))
    return other


def give(other: TestRepository, **files: str) -> str:
    commit = other.commit(**files)
    other.git("push", "-q")
    return commit


def hook(repository: TestRepository, name: str, script: str) -> None:
    folder = repository.path / ".git" if (repository.path / ".git").exists() else repository.path
    (folder / "hooks").mkdir(exist_ok=True)
    (folder / "hooks" / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / "hooks" / name).chmod(0o755)


async def test_fetching_tells_how_far_behind_the_branch_is(git: Git, other: TestRepository) -> None:
    give(other, b="1\n")
    assert (await git.do("fetch")).behind == 1
    other.git("push", "-q", "origin", "main:extra")
    await git.do("fetch", remote="origin")
    other.git("push", "-q", "origin", "--delete", "extra")
    await git.do("fetch", prune=True)
    assert [each.name for each in (await git.do("branches")).branches] == ["main", "origin/main"]


async def test_pulling_brings_the_branch_up(git: Git, other: TestRepository) -> None:
    head = give(other, b="1\n")
    result = await git.do("pull")
    assert (result.head, result.behind, result.files) == (head, 0, [])
    assert (await git.do("pull")).head == head


@pytest.mark.parametrize(("how", "parents"), [("merge", 2), ("rebase", 1)])
async def test_branches_that_both_went_on_are_merged_or_rebased_only_when_asked(
    git: Git, other: TestRepository, how: str, parents: int
) -> None:
    give(other, b="1\n")
    before = git.repository.commit(c="1\n")
    refused = await git.refusal("pull")
    assert (refused.code, "pull with merge or with rebase" in refused.detail) == (ErrorCode.CONFLICT, True)
    assert (await git.status()).head == before
    assert (await git.do("pull", how=how)).behind == 0
    (commit,) = (await git.do("log", limit=1)).commits
    assert len(commit.parents) == parents


@pytest.mark.parametrize(("how", "state"), [("merge", "merging"), ("rebase", "rebasing")])
async def test_conflicts_stop_the_pull_show_in_the_status_and_can_be_given_up(
    git: Git, other: TestRepository, how: str, state: str
) -> None:
    give(other, a="theirs\n")
    before = git.repository.commit(a="ours\n")
    refused = await git.refusal("pull", how=how)
    assert "stopped at conflicts in a" in refused.detail
    status = await git.status()
    assert (status.state, [file.index + file.worktree for file in status.files]) == (state, ["UU"])
    assert state in (await git.refusal("pull", how=how)).detail
    result = await git.do("abort")
    assert (result.state, result.head, result.branch, result.files) == ("clean", before, "main", [])


async def test_changes_in_the_way_of_a_pull_are_kept(git: Git, other: TestRepository) -> None:
    give(other, a="theirs\n", new="theirs\n")
    git.repository.write("a", "mine\n")
    assert "in the way" in (await git.refusal("pull")).detail
    assert "not committed" in (await git.refusal("pull", how="rebase")).detail
    assert (git.repository.path / "a").read_text() == "mine\n"
    git.repository.git("checkout", "-q", "a")
    git.repository.write("new", "mine\n")
    assert (
        "in the way, and nothing was done: commit, discard or move them first: new."
        in (await git.refusal("pull")).detail
    )


async def test_pushing_updates_the_remote_and_makes_a_new_branch_follow(git: Git, bare: TestRepository) -> None:
    git.repository.commit(b="1\n")
    assert (await git.do("push")).ahead == 0
    git.repository.git("switch", "-q", "-c", "topic/x")
    head = git.repository.commit(c="1\n")
    result = await git.do("push")
    assert (result.upstream, result.ahead) == ("origin/topic/x", 0)
    assert bare.git("rev-parse", "topic/x").strip() == head


async def test_a_branch_with_another_name_on_the_remote_is_pushed_there(git: Git, bare: TestRepository) -> None:
    git.repository.git("switch", "-q", "-c", "mine", "--track", "origin/main")
    head = git.repository.commit(b="1\n")
    await git.do("push")
    assert bare.git("rev-parse", "main").strip() == head
    assert bare.git("branch", "--list", "mine") == ""


async def test_a_remote_that_is_ahead_is_not_overwritten(git: Git, bare: TestRepository, other: TestRepository) -> None:
    theirs = give(other, b="1\n")
    git.repository.commit(c="1\n")
    assert "pull first" in (await git.refusal("push")).detail
    assert "fetch and look" in (await git.refusal("push", force_with_lease=True)).detail
    await git.do("fetch")
    assert (await git.refusal("push", force_with_lease=True)).code is ErrorCode.CONFLICT  # seen, but never here
    assert bare.git("rev-parse", "main").strip() == theirs


async def test_an_amended_commit_is_pushed_with_a_lease(git: Git, bare: TestRepository) -> None:
    amended = await git.do("commit", message="better", amend=True)
    assert "pull first" in (await git.refusal("push")).detail
    await git.do("push", force_with_lease=True)
    assert bare.git("rev-parse", "main").strip() == amended.head


async def test_hooks_of_a_push_refuse_in_their_words(git: Git, bare: TestRepository) -> None:
    git.repository.commit(b="1\n")
    hook(bare, "pre-receive", "echo 'no pushes on Fridays'; exit 1")
    refused = await git.refusal("push")
    assert (refused.code, "no pushes on Fridays" in refused.detail) == (ErrorCode.FORBIDDEN, True)
    hook(git.repository, "pre-push", "echo 'tests are red' >&2; exit 1")
    assert "tests are red" in (await git.refusal("push")).detail


async def test_a_push_into_a_branch_that_is_checked_out_is_explained(git: Git, other: TestRepository) -> None:
    git.repository.git("remote", "add", "worktree", str(other.path))
    git.repository.commit(b="1\n")
    assert "checked out" in (await git.refusal("push", remote="worktree")).detail


async def test_what_is_missing_for_a_remote_is_said(git: Git) -> None:
    assert "no commit" in (await git.refusal("push")).detail
    git.repository.commit(a="1\n")
    assert "no remote: add one" in (await git.refusal("fetch")).detail
    assert "no remote: add one" in (await git.refusal("push")).detail
    assert "follows no other" in (await git.refusal("pull")).detail
    assert (await git.refusal("fetch", remote="nowhere")).code is ErrorCode.NOT_FOUND
    assert (await git.refusal("fetch", remote=str(git.repository.path))).code is ErrorCode.NOT_FOUND
    git.repository.git("remote", "add", "one", str(git.repository.path))
    git.repository.git("remote", "add", "two", str(git.repository.path))
    assert "(one, two)" in (await git.refusal("push")).detail
    git.repository.git("checkout", "-q", "--detach")
    for op in ("push", "pull"):
        assert "on no branch" in (await git.refusal(op)).detail


async def test_a_branch_that_is_gone_on_the_remote_is_explained(git: Git, other: TestRepository) -> None:
    git.repository.git("switch", "-q", "-c", "topic")
    await git.do("push")
    other.git("push", "-q", "origin", "--delete", "topic")
    await git.do("fetch", prune=True)
    assert "no such branch any more" in (await git.refusal("pull")).detail


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("https://127.0.0.1:1/x", "could not be reached"),
        ("ssh://127.0.0.1:1/x", "could not be reached"),
        ("https://user:secret@127.0.0.1:1/x", "could not be reached"),
        ("https://no-such-host.invalid/x", "has no address here"),
        ("ssh://git@no-such-host.invalid/x", "has no address here"),
    ],
)
async def test_a_remote_that_does_not_answer_is_told_without_its_password(git: Git, address: str, words: str) -> None:
    git.repository.commit(a="1\n")
    git.repository.git("remote", "add", "origin", address)
    for op in ("fetch", "push"):
        refused = await git.refusal(op)
        assert refused.code is ErrorCode.CONFLICT
        assert words in refused.detail
        assert "secret" not in refused.detail


async def test_an_address_where_nothing_is_is_explained(git: Git) -> None:
    git.repository.commit(a="1\n")
    (git.repository.path.parent / "empty").mkdir()
    git.repository.git("remote", "add", "origin", "../empty")
    assert "no repository at the remote's address" in (await git.refusal("fetch")).detail


async def test_progress_and_the_end_are_told_to_who_watches(git: Git, other: TestRepository) -> None:
    watching = await git.do("watch")
    give(other, **{f"file{number}": f"{number}\n" * 500 for number in range(200)})
    await git.do("fetch")
    events = []
    async with asyncio.timeout(10):
        async for event in watching.events:
            events.append(event)
            if isinstance(event, GitChanged) and event.act is not None:
                break
    await watching.events.aclose()
    assert events[-1] == GitChanged(act="fetch")
    msgspec.json.encode(events)


async def test_a_fetch_that_hangs_goes_on_without_its_caller_and_is_cancelled(
    git: Git, bare: TestRepository, tmp_path: Path
) -> None:
    """The user's own ssh command, which never answers."""
    script = tmp_path / "ssh"
    script.write_text(f"#!/bin/sh\necho 'Receiving objects:  45% (9/20)' >&2\ntouch {tmp_path}/began\nexec sleep 60\n")
    script.chmod(0o755)
    git.repository.git("config", "--global", "core.sshCommand", str(script))
    git.repository.git("config", "--global", "ssh.variant", "ssh")
    git.repository.git("remote", "set-url", "origin", "ssh://127.0.0.1/x")
    watching = await git.do("watch")
    caller = called(git.do("fetch"))
    await eventually((tmp_path / "began").exists, what="the ssh command")
    caller.cancel()
    async with asyncio.timeout(10):
        assert await anext(watching.events) == GitProgress(act="fetch", phase="Receiving objects", percent=45)
    for op in ("fetch", "push", "pull"):
        assert (await git.refusal(op)).detail.startswith("A fetch runs in this repository")
    git.repository.write("b", "1\n")
    await git.do("stage", all=True)  # a fetch is in nobody's way who works on files
    await git.do("cancel")
    assert (await git.refusal("cancel")).code is ErrorCode.CONFLICT

    async def ending() -> GitChanged:
        async for event in watching.events:
            if isinstance(event, GitChanged) and event.act is not None:
                return event
        raise AssertionError

    async with asyncio.timeout(10):
        assert await ending() == GitChanged(act="fetch", error="The fetch was cancelled.")
    await watching.events.aclose()
