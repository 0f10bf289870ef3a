"""Who watches a repository, and what they are told: how far a long act is, and that the state is another one.

Changes made by others (an agent, a terminal) are seen by the times of a few files and folders of `.git`, read once a
second while somebody watches. That costs a few calls of the operating system, works on every file system, and needs no
watch for each folder of references.
"""

import asyncio
import os
from collections import deque
from collections.abc import AsyncIterator
from pathlib import Path

from node.git.repository import Repository
from ws.protocol.errors import ErrorCode, WireError
from ws.protocol.git import GitChanged, GitProgress, GitWatchEvent

LOOK_EVERY_S = 1.0
MAX_READERS = 256
"""Each looks at the disk once a second."""
MAX_FOLDERS = 300
"""Of references that are looked at; a branch in a folder beyond is not seen to change by itself."""
_MAX_ENDINGS = 16

_FILES = ("HEAD", "index", "logs/HEAD", "MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "BISECT_LOG", "rebase-merge")
_SHARED = ("packed-refs", "config")

Signature = tuple[tuple[str, int, int, int], ...]


class Watchers:
    """The readers of all repositories, by the folder that worktrees share."""

    def __init__(self) -> None:
        self._readers: dict[Path, set[Reader]] = {}

    def watch(self, repository: Repository) -> "Reader":
        """A new reader. Raises WireError when there are too many."""
        if sum(map(len, self._readers.values())) >= MAX_READERS:
            raise WireError(ErrorCode.RATE_LIMITED, "Too many pages watch repositories on this machine; close some.")
        reader = Reader(repository, self)
        self._readers.setdefault(repository.common_folder, set()).add(reader)
        return reader

    def progress(self, common_folder: Path, event: GitProgress) -> None:
        """Tell everybody who watches; a reader that is slow hears the latest only."""
        for reader in self._readers.get(common_folder, ()):
            reader.put(event)

    def changed(self, common_folder: Path, event: GitChanged) -> None:
        """Tell everybody who watches that an act has ended."""
        for reader in self._readers.get(common_folder, ()):
            reader.put(event)

    def forget(self, reader: "Reader") -> None:
        readers = self._readers.get(reader.repository.common_folder, set())
        readers.discard(reader)
        if not readers:
            self._readers.pop(reader.repository.common_folder, None)


class Reader(AsyncIterator[GitWatchEvent]):
    """The events of one subscription. What waits is bounded: one progress, one change, the last endings of acts."""

    def __init__(self, repository: Repository, watchers: Watchers) -> None:
        self.repository = repository
        self._watchers = watchers
        self._progress: GitProgress | None = None
        self._endings: deque[GitChanged] = deque(maxlen=_MAX_ENDINGS)
        self._has_changed = False
        self._signature: Signature | None = None
        self._wakes = asyncio.Event()

    def put(self, event: GitWatchEvent) -> None:
        if isinstance(event, GitProgress):
            self._progress = event
        elif event.act is None:
            self._has_changed = True
        else:
            self._progress = None
            self._endings.append(event)
        self._wakes.set()

    async def start(self) -> None:
        """Remember the state as it is; later ones are told."""
        self._signature = await asyncio.to_thread(signature, self.repository)

    async def __anext__(self) -> GitWatchEvent:
        while (event := self._next()) is None:
            self._wakes.clear()
            try:
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self._wakes.wait()
            except TimeoutError:
                found = await asyncio.to_thread(signature, self.repository)
                self._has_changed = self._has_changed or found != self._signature
                self._signature = found
        return event

    def _next(self) -> GitWatchEvent | None:
        if self._endings:
            self._has_changed = False  # an ending says so too
            return self._endings.popleft()
        if self._progress is not None:
            event, self._progress = self._progress, None
            return event
        if self._has_changed:
            self._has_changed = False
            return GitChanged()
        return None

    async def aclose(self) -> None:
        """Nothing is told any more."""
        self._watchers.forget(self)


def signature(repository: Repository) -> Signature:
    """What changes when HEAD, the index, a reference or what is under way does. Blocks."""
    places = [repository.git_folder / name for name in _FILES]
    places += [repository.common_folder / name for name in _SHARED]
    found = [_sign(place) for place in places]
    folders = [repository.common_folder / "refs"]
    for folder in folders:
        found.append(_sign(folder))
        try:
            with os.scandir(folder) as entries:
                room = MAX_FOLDERS - len(folders)
                folders += [Path(each.path) for each in entries if each.is_dir(follow_symlinks=False)][: max(room, 0)]
        except OSError:
            continue
    return tuple(each for each in found if each is not None)


def _sign(place: Path) -> tuple[str, int, int, int] | None:
    try:
        status = place.lstat()
    except OSError:
        return None
    return str(place), status.st_ino, status.st_size, status.st_mtime_ns
