"""git.watch: what others do to a repository is told, soon and bounded."""

import asyncio

import pytest

from node.git.watching import MAX_READERS, Reader
from tests.unit.node.git.conftest import Git
from ws.protocol.errors import ErrorCode
from ws.protocol.git import GitChanged, GitProgress, GitWatchEvent


async def _next(reader: Reader) -> GitWatchEvent:
    async with asyncio.timeout(10):
        return await anext(reader)


@pytest.mark.parametrize(
    "command",
    [
        ("commit", "-q", "--allow-empty", "-m", "x"),
        ("add", "b"),
        ("branch", "deep/er"),
        ("checkout", "-q", "--detach"),
        ("update-ref", "refs/heads/other", "HEAD"),
        ("pack-refs", "--all"),
        ("tag", "v1"),
    ],
)
async def test_what_another_git_does_is_told(git: Git, command: tuple[str, ...]) -> None:
    git.repository.commit(a="1")
    git.repository.git("branch", "other")
    git.repository.write("b", "1")
    watching = await git.do("watch")
    assert watching.result.root == str(git.repository.path)
    git.repository.git(*command)
    assert await _next(watching.events) == GitChanged()
    await watching.events.aclose()


async def test_a_linked_worktree_is_watched_too(git: Git) -> None:
    git.repository.commit(a="1")
    place = git.repository.path.parent / "linked"
    git.repository.git("worktree", "add", "-q", str(place))
    watching = await git.do("watch", place)
    git.repository.git("-C", str(place), "checkout", "-q", "--detach")
    assert await _next(watching.events) == GitChanged()
    await watching.events.aclose()


async def test_an_act_of_ours_is_told_at_once_and_once(git: Git) -> None:
    git.repository.write("b", "1")
    watching = await git.do("watch")
    await git.do("stage", all=True)
    assert await _next(watching.events) == GitChanged()
    await watching.events.aclose()


async def test_a_slow_reader_hears_the_latest_progress_and_the_last_endings(git: Git) -> None:
    watching = await git.do("watch")
    reader = watching.events
    for percent in range(100):
        reader.put(GitProgress(act="push", phase="Writing objects", percent=percent))
        reader.put(GitChanged())
    assert await _next(reader) == GitProgress(act="push", phase="Writing objects", percent=99)
    assert await _next(reader) == GitChanged()
    for number in range(100):
        reader.put(GitChanged(act="fetch", error=str(number)))
    assert await _next(reader) == GitChanged(act="fetch", error="84")
    await reader.aclose()


async def test_there_are_not_more_readers_than_the_bound_and_who_goes_makes_room(git: Git) -> None:
    watching = [await git.do("watch") for _ in range(MAX_READERS)]
    assert (await git.refusal("watch")).code is ErrorCode.RATE_LIMITED
    await watching.pop().events.aclose()
    watching.append(await git.do("watch"))
    for each in watching:
        await each.events.aclose()
    assert git.service._watchers._readers == {}
