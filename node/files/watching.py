"""What changes in folders, as the kernel tells it (inotify), put together for a tenth of a second."""

import asyncio
import errno
import os
import stat
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from inotify_simple import INotify, flags

from node.context import Subscribed
from node.files.facts import displayed
from node.files.failures import shown
from node.files.guard import PathGuard
from node.files.pool import FilePool
from node.files.temporaries import is_temporary
from node.places import path_of, raw_unless_utf8
from ws.protocol.errors import ErrorCode, WireError
from ws.protocol.files import (
    FileChange,
    FilesChanged,
    FilesOverflow,
    FilesWatchEvent,
    FilesWatchParams,
    FilesWatchResult,
)

Ignored = Callable[[Path, Sequence[str]], Awaitable[frozenset[str]]]
"""Which of these paths below a folder Git ignores."""

COALESCE_S = 0.1
"""From the first change of a batch until it is told: a build that writes a thousand files is a few events."""
MAX_CHANGES = 1000
"""In one batch; more is an overflow, because listing again is then the smaller work."""
MAX_EVENT_CHARS = 32 * 1024
"""Of paths in one event, so that its JSON stays below 64 KiB."""
MAX_WATCHES = 128
"""Readers on this node at once."""
MAX_FOLDERS = 4096
"""Below one recursive watch. The kernel's own bound for an account is commonly 8,192 or more."""

_CHANGED = flags.MODIFY | flags.ATTRIB | flags.CLOSE_WRITE
_ADDED = flags.CREATE | flags.MOVED_TO
_DELETED = flags.DELETE | flags.MOVED_FROM
_MOVED = flags.MOVED_FROM | flags.MOVED_TO
_GONE = flags.DELETE_SELF | flags.MOVE_SELF | flags.UNMOUNT
_MASK = _CHANGED | _ADDED | _DELETED | flags.DELETE_SELF | flags.MOVE_SELF | flags.ONLYDIR | flags.EXCL_UNLINK


class FolderWatcher:
    """files.watch. One inotify instance of the node, because an account has few (128); opened for the first watch.

    `ignored` is asked for recursive watches. All methods but `add` and `is_read` belong to the loop.
    """

    def __init__(self, guard: PathGuard, pool: FilePool, ignored: Ignored) -> None:
        self.guard = guard
        self.pool = pool
        self.ignored = ignored
        self._kernel: INotify | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._opening = asyncio.Lock()
        self._by_number: dict[int, dict[Watch, str]] = {}
        self._watches: set[Watch] = set()

    def __len__(self) -> int:
        """Folders that the kernel watches."""
        return len(self._by_number)

    async def watch(self, params: FilesWatchParams) -> Subscribed:
        """Changes from now on. Raises WireError, also as the end of the events when the folder goes."""
        if len(self._watches) >= MAX_WATCHES:
            raise WireError(ErrorCode.RATE_LIMITED, "Too many folders are watched on this machine; close some pages.")
        root = await self.guard.resolve_directory(path_of(params))
        await self._open()
        watch = Watch(self, root, is_recursive=params.recursive)
        self._watches.add(watch)
        try:
            await watch.extend([""])
        except BaseException:
            await watch.aclose()
            raise
        return Subscribed(FilesWatchResult(path=displayed(str(root))), watch)

    def close(self) -> None:
        """Give the kernel's instance back; watches that are left hear nothing more."""
        if self._kernel is not None and self._loop is not None:
            if not self._loop.is_closed():
                self._loop.remove_reader(self._kernel.fileno())
            self._kernel.close()
            self._kernel = None

    def add(self, watch: "Watch", place: str, descriptor: int) -> None:
        """Watch an open folder. Blocks. Raises WireError when the kernel watches no more."""
        assert self._kernel is not None
        try:
            number = self._kernel.add_watch(f"/proc/self/fd/{descriptor}", _MASK)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            raise WireError(
                ErrorCode.CONFLICT,
                "The kernel watches no more folders for this account: raise fs.inotify.max_user_watches (sysctl).",
            ) from error
        places = self._by_number.setdefault(number, {})
        before = places.get(watch)
        if before is not None:
            watch.places.pop(before, None)
        places[watch] = place
        watch.places[place] = number
        if self._loop is not None and not self.is_read(watch):  # left while this thread was at it
            self._loop.call_soon_threadsafe(self.leave, watch)

    def is_read(self, watch: "Watch") -> bool:
        """Whether its reader is still there."""
        return watch in self._watches

    def forget(self, watch: "Watch", place: str) -> None:
        """Watch the folder at this place no more for this reader, if it is watched."""
        number = watch.places.pop(place, None)
        if number is not None:
            self._by_number.get(number, {}).pop(watch, None)
            self._let_go(number)

    def leave(self, watch: "Watch") -> None:
        self._watches.discard(watch)
        for place in list(watch.places):
            self.forget(watch, place)

    async def _open(self) -> None:
        async with self._opening:
            if self._kernel is None:
                kernel = await asyncio.to_thread(_open_kernel)
                self._kernel, self._loop = kernel, asyncio.get_running_loop()
                self._loop.add_reader(kernel.fileno(), self._read)

    def _let_go(self, number: int) -> None:
        if self._by_number.get(number):
            return
        self._by_number.pop(number, None)
        if self._kernel is not None:
            try:
                self._kernel.rm_watch(number)
            except OSError as error:
                if error.errno != errno.EINVAL:  # the kernel had ended it by itself
                    raise

    def _read(self) -> None:
        assert self._kernel is not None
        for number, mask, _, name in self._kernel.read(timeout=0):
            if mask & flags.Q_OVERFLOW:
                for watch in self._watches:
                    watch.lost()
                continue
            places = self._by_number.get(number)
            if mask & flags.IGNORED:
                for watch, place in self._by_number.pop(number, {}).items():
                    watch.places.pop(place, None)
            elif places is None:
                # Of a folder that is being added in a thread right now, or of one that was let go.
                for watch in self._watches:
                    if watch.is_extending:
                        watch.overflow()
            else:
                for watch, place in list(places.items()):
                    watch.heard(place, name, mask)


class Watch:
    """The events of one reader."""

    def __init__(self, watcher: FolderWatcher, root: Path, *, is_recursive: bool) -> None:
        self.is_extending = False
        self.places: dict[str, int] = {}
        self._watcher = watcher
        self._root = root
        self._is_recursive = is_recursive
        self._pending: dict[str, str] = {}
        self._new_folders: dict[str, None] = {}
        self._ready: list[FilesWatchEvent] = []
        self._has_overflown = False
        self._has_lost = False
        self._end: WireError | None = None
        self._is_woken = asyncio.Event()

    def __aiter__(self) -> "Watch":
        return self

    async def __anext__(self) -> FilesWatchEvent:
        """The next batch. Raises WireError not_found when the folder has gone."""
        while not self._ready:
            await self._is_woken.wait()
            if self._end is None:
                await asyncio.sleep(COALESCE_S)
            self._is_woken.clear()
            if self._end is not None:
                raise self._end
            await self._follow()
            await self._collect()
        return self._ready.pop(0)

    async def aclose(self) -> None:
        """Watch nothing any more."""
        self._watcher.leave(self)

    def heard(self, place: str, name: str, mask: int) -> None:
        """One event of the kernel, about `name` in the folder at `place`, or about that folder itself."""
        if not name:
            if mask & _GONE and not place:
                self._end = WireError(
                    ErrorCode.NOT_FOUND, f"{shown(str(self._root))} is gone: it was deleted, moved or unmounted."
                )
                self._is_woken.set()
            return
        if is_temporary(name):
            return
        path = f"{place}/{name}" if place else name
        kind = "added" if mask & _ADDED else "deleted" if mask & _DELETED else "modified"
        if mask & flags.ISDIR and self._is_recursive and kind != "modified":
            self._forget(path, has_moved=bool(mask & _MOVED))
            if kind == "added":
                self._new_folders[path] = None
        self._note(path, kind)

    def _forget(self, path: str, *, has_moved: bool) -> None:
        """A folder that is made or deleted is empty; with one that moves goes what is below it."""
        self._watcher.forget(self, path)
        self._new_folders.pop(path, None)
        if has_moved:
            for place in [each for each in self.places if each.startswith(f"{path}/")]:
                self._watcher.forget(self, place)

    def lost(self) -> None:
        """The kernel dropped events: among them may be folders that came, so all are looked through again."""
        self._has_lost = self._is_recursive
        self.overflow()

    def overflow(self) -> None:
        """There is more than can be told one by one."""
        self._has_overflown = True
        self._pending.clear()
        self._is_woken.set()

    async def extend(self, places: list[str]) -> list[str]:
        """Watch these folders and, when recursive, all below that Git does not ignore; what lies in them."""
        found: list[str] = []
        self.is_extending = True
        try:
            while places:
                below, others = await self._watcher.pool.run(self._add, places)
                found += others
                if not self._is_recursive:
                    break
                ignored = await self._watcher.ignored(self._root, below) if below else frozenset()
                places = [each for each in below if each not in ignored]
                found += places
        finally:
            self.is_extending = False
        return found

    def _add(self, places: list[str]) -> tuple[list[str], list[str]]:
        """Watch some folders; the folders in them and what else there is. Blocks."""
        folders: list[str] = []
        others: list[str] = []
        for place in places:
            if not self._watcher.is_read(self):
                break
            if place not in self.places and len(self.places) >= MAX_FOLDERS:
                raise WireError(
                    ErrorCode.TOO_LARGE,
                    f"{shown(str(self._root))} holds more than {MAX_FOLDERS:,} folders: watch a smaller one.",
                )
            try:
                with self._watcher.guard.opened(str(self._root / place)) as opened:
                    if not stat.S_ISDIR(opened.status.st_mode) or opened.path != self._root / place:
                        continue
                    descriptor = opened.reopen(os.O_RDONLY | os.O_DIRECTORY)
            except WireError:
                if not place:
                    raise
                continue  # gone meanwhile, or the program's own data
            try:
                self._watcher.add(self, place, descriptor)
                if self._is_recursive:
                    self._look(descriptor, place, folders, others)
            finally:
                os.close(descriptor)
        return folders, others

    @staticmethod
    def _look(descriptor: int, place: str, folders: list[str], others: list[str]) -> None:
        with os.scandir(descriptor) as entries:
            for entry in entries:
                path = f"{place}/{entry.name}" if place else entry.name
                if not entry.is_dir(follow_symlinks=False):
                    others.append(path)
                elif entry.name != ".git":
                    folders.append(path)

    async def _follow(self) -> None:
        """Watch the folders that came, and tell what lay in them by then."""
        while self._new_folders or self._has_lost:
            places, self._new_folders = list(self._new_folders), {}
            ignored = await self._watcher.ignored(self._root, places) if places else frozenset()
            places = [each for each in places if each not in ignored and not _is_git(each)]
            if self._has_lost:
                self._has_lost, places = False, [""]
            try:
                found = await self.extend(places)
            except WireError as error:
                self._end = error
                self._is_woken.set()
                return
            for path in found:
                self._note(path, "added")

    async def _collect(self) -> None:
        changes, self._pending = self._pending, {}
        if self._has_overflown:
            self._has_overflown = False
            self._ready.append(FilesOverflow())
            return
        if self._is_recursive:
            shown_paths = [path for path in changes if not _is_git(path)]
            ignored = await self._watcher.ignored(self._root, shown_paths) if shown_paths else frozenset()
            changes = {path: changes[path] for path in shown_paths if path not in ignored}
        batch: list[FileChange] = []
        size = 0
        for path, kind in changes.items():
            if not self._watcher.guard.allows(self._root / path):
                continue
            batch.append(FileChange(path=displayed(path), kind=kind, path_bytes=raw_unless_utf8(path)))  # type: ignore[arg-type]
            size += len(path) + 48
            if size > MAX_EVENT_CHARS:
                self._ready.append(FilesChanged(changes=batch))
                batch, size = [], 0
        if batch:
            self._ready.append(FilesChanged(changes=batch))

    def _note(self, path: str, kind: str) -> None:
        """What both of two changes of one path come to.

        What came and went within a batch is told as deleted: a reader may have listed the folder in between.
        """
        before = self._pending.get(path)
        if before == "deleted" and kind == "added":
            self._pending[path] = "modified"
        elif not (before == "added" and kind == "modified"):
            self._pending[path] = kind
        if len(self._pending) > MAX_CHANGES:
            self.overflow()
        self._is_woken.set()


def _open_kernel() -> INotify:
    try:
        return INotify(nonblocking=True)
    except OSError as error:
        raise WireError(
            ErrorCode.CONFLICT,
            "The kernel gives this account no further inotify instance: raise fs.inotify.max_user_instances (sysctl).",
        ) from error


def _is_git(path: str) -> bool:
    return path == ".git" or path.startswith(".git/") or path.endswith("/.git") or "/.git/" in path
