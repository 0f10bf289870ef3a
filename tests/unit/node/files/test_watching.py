"""files.watch: what changes is told soon and once, and nothing is watched longer than somebody listens."""

import asyncio
import shutil
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from node.files import watching
from node.files.guard import PathGuard
from node.files.pool import FilePool
from node.files.watching import FolderWatcher, Watch
from node.git.ignored import IgnoredFiles
from node.git.runner import GitRunner
from tests.support.repositories import TestRepository
from tests.support.waiting import eventually
from ws.protocol.errors import ErrorCode, WireError
from ws.protocol.files import FilesChanged, FilesOverflow, FilesWatchParams

DEADLINE_S = 10


@dataclass
class Watched:
    watcher: FolderWatcher
    repository: TestRepository

    @property
    def root(self) -> Path:
        return self.repository.path

    async def watch(self, path: Path | None = None, *, recursive: bool = False) -> Watch:
        answer = await self.watcher.watch(FilesWatchParams(node="n", path=str(path or self.root), recursive=recursive))
        assert isinstance(answer.events, Watch)
        return answer.events


async def batch(watch: Watch) -> dict[str, str] | None:
    """The next event as kinds by path; None for an overflow."""
    async with asyncio.timeout(DEADLINE_S):
        event = await anext(watch)
    if isinstance(event, FilesOverflow):
        return None
    assert isinstance(event, FilesChanged)
    return {change.path: change.kind for change in event.changes}


async def until(watch: Watch, *paths: str) -> dict[str, str]:
    """Batches together, until all of these paths were named."""
    seen: dict[str, str] = {}
    while not set(paths) <= seen.keys():
        seen |= await batch(watch) or {}
    return seen


@pytest.fixture
async def watched(tmp_path: Path) -> AsyncIterator[Watched]:
    root = tmp_path / "root"
    root.mkdir()
    repository = TestRepository.make(root)
    pool = FilePool()
    guard = await asyncio.to_thread(PathGuard, [root], pool)
    ignored = IgnoredFiles(GitRunner(repository.environ), guard.resolve_directory)
    watcher = FolderWatcher(guard, pool, ignored.among)
    yield Watched(watcher, repository)
    assert len(watcher) == 0, "nothing is watched that nobody reads"
    watcher.close()
    pool.close()


async def test_changes_directly_in_a_folder_are_told_once(watched: Watched) -> None:
    root = watched.root
    (root / "sub").mkdir()
    (root / "old").write_text("x")
    watch = await watched.watch()
    (root / "new").write_text("1")
    (root / "new").write_text("2")
    (root / "old").write_text("y")
    (root / "sub/below").write_text("not mine")
    (root / "brief").touch()
    (root / "brief").unlink()
    assert await batch(watch) == {"new": "added", "old": "modified", "brief": "deleted"}, "who listed meanwhile saw it"
    (root / "new").rename(root / "moved")
    (root / "old").unlink()
    assert await batch(watch) == {"new": "deleted", "moved": "added", "old": "deleted"}
    await watch.aclose()


async def test_a_recursive_watch_hears_new_folders_and_what_is_in_them(watched: Watched) -> None:
    (watched.root / "a/b").mkdir(parents=True)
    watch = await watched.watch(recursive=True)
    (watched.root / "a/b/f").write_text("x")
    assert await batch(watch) == {"a/b/f": "added"}
    (watched.root / "c/d").mkdir(parents=True)
    (watched.root / "c/d/f").write_text("x")
    assert (await until(watch, "c", "c/d", "c/d/f"))["c/d/f"] == "added"
    (watched.root / "c").rename(watched.root / "e")
    await until(watch, "c", "e")
    (watched.root / "e/d/f").write_text("y")
    assert await until(watch, "e/d/f")
    shutil.rmtree(watched.root / "e")
    assert (await until(watch, "e"))["e"] == "deleted"
    await watch.aclose()


async def test_a_recursive_watch_is_deaf_for_git_and_what_it_ignores(watched: Watched) -> None:
    watched.repository.write(".gitignore", "node_modules/\n*.log\n")
    watched.repository.write("node_modules/m/index.js", "x")
    watched.repository.write("src/f", "x")
    watch = await watched.watch(recursive=True)
    assert len(watched.watcher) == 2, "the root and src"
    watched.repository.write("node_modules/m/other.js", "x")
    watched.repository.write("src/x.log", "x")
    watched.repository.write(".git/config", (watched.root / ".git/config").read_text())
    watched.repository.write("src/last", "x")
    assert await batch(watch) == {"src/last": "added"}
    await watch.aclose()


@pytest.mark.parametrize("how", ["deleted", "moved"])
async def test_the_watch_ends_when_the_folder_goes(watched: Watched, how: str) -> None:
    folder = watched.root / "folder"
    folder.mkdir()
    watch = await watched.watch(folder)
    if how == "deleted":
        folder.rmdir()
    else:
        folder.rename(watched.root / "elsewhere")
    with pytest.raises(WireError) as ended:
        await batch(watch)
    assert ended.value.code is ErrorCode.NOT_FOUND
    await watch.aclose()


async def test_a_flood_is_one_overflow_and_then_goes_on(watched: Watched) -> None:
    watch = await watched.watch()
    for number in range(watching.MAX_CHANGES + 200):
        (watched.root / f"f{number}").touch()
    assert await batch(watch) is None
    (watched.root / "after").touch()
    assert await until(watch, "after") == {"after": "added"}
    await watch.aclose()


async def test_folders_whose_coming_the_kernel_dropped_are_watched_after_the_overflow(watched: Watched) -> None:
    watch = await watched.watch(recursive=True)
    kernel = watched.watcher._kernel
    assert kernel is not None
    (watched.root / "a/b").mkdir(parents=True)
    _ = kernel.read(timeout=0)  # nobody hears of these
    watch.lost()
    assert await batch(watch) is None
    assert len(watched.watcher) == 3
    await watch.aclose()


async def test_two_readers_of_one_folder_do_not_disturb_each_other(watched: Watched) -> None:
    first, second = await watched.watch(), await watched.watch(recursive=True)
    assert len(watched.watcher) == 1
    (watched.root / "f").touch()
    assert await batch(first) == await batch(second) == {"f": "added"}
    await first.aclose()
    (watched.root / "g").touch()
    assert await batch(second) == {"g": "added"}
    await second.aclose()
    await second.aclose()


async def test_too_many_folders_or_readers_are_refused_and_nothing_is_kept(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "abcdef":
        (watched.root / name).mkdir()
    monkeypatch.setattr(watching, "MAX_FOLDERS", 4)
    with pytest.raises(WireError) as refused:
        await watched.watch(recursive=True)
    assert refused.value.code is ErrorCode.TOO_LARGE
    monkeypatch.setattr(watching, "MAX_WATCHES", 2)
    readers = [await watched.watch(), await watched.watch()]
    with pytest.raises(WireError) as refused:
        await watched.watch()
    assert refused.value.code is ErrorCode.RATE_LIMITED
    for each in readers:
        await each.aclose()


async def test_links_are_not_followed_and_own_data_is_not_told(tmp_path: Path) -> None:
    root, outside, data = tmp_path / "root", tmp_path / "outside", tmp_path / "root/data"
    for folder in (root, outside, data):
        folder.mkdir()
    (root / "link").symlink_to(outside)
    pool = FilePool()
    guard = await asyncio.to_thread(PathGuard, [root], pool, data_folders=[data], databases=[root / "node.db"])

    async def nothing(folder: Path, paths: object) -> frozenset[str]:
        return frozenset()

    watcher = FolderWatcher(guard, pool, nothing)
    answer = await watcher.watch(FilesWatchParams(node="n", path=str(root), recursive=True))
    watch = answer.events
    assert isinstance(watch, Watch)
    assert len(watcher) == 1
    (outside / "f").touch()
    (data / "f").touch()
    (root / "node.db-wal").touch()
    (root / "f").touch()
    assert await batch(watch) == {"f": "added"}
    await watch.aclose()
    for path in (outside, root / "link", data):
        with pytest.raises(WireError) as refused:
            await watcher.watch(FilesWatchParams(node="n", path=str(path)))
        assert refused.value.code is ErrorCode.FORBIDDEN
    watcher.close()
    pool.close()


async def test_folders_that_come_and_go_are_not_counted_for_ever(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "MAX_FOLDERS", 4)
    watch = await watched.watch(recursive=True)
    for number in range(8):
        folder = watched.root / f"build{number}"
        folder.mkdir()
        (folder / "out").write_text("x")
        await until(watch, f"build{number}")
        shutil.rmtree(folder)
        assert await eventually(lambda: len(watched.watcher) == 1, what="the end of its watch")
    await watch.aclose()


async def test_a_reader_who_leaves_while_folders_are_added_leaves_nothing_behind(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread that adds them goes on when its caller has gone."""
    for name in "abc":
        (watched.root / name).mkdir()
    loop, is_adding, may_go_on = asyncio.get_running_loop(), asyncio.Event(), threading.Event()
    add = watched.watcher.add

    def slow(watch: Watch, place: str, descriptor: int) -> None:
        if place:
            loop.call_soon_threadsafe(is_adding.set)
            assert may_go_on.wait(DEADLINE_S)
        add(watch, place, descriptor)

    monkeypatch.setattr(watched.watcher, "add", slow)
    watching_begins = loop.create_task(watched.watch(recursive=True), name="watch")
    await is_adding.wait()
    assert len(watched.watcher) == 1
    watching_begins.cancel()
    with pytest.raises(asyncio.CancelledError):
        await watching_begins
    may_go_on.set()
    await watched.watcher.pool.run(lambda: None)
    assert await eventually(lambda: watched.watcher.pool._waiting == 0, what="the thread")
    assert len(watched.watcher) == 0
