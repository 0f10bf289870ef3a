"""An index over the transcripts (JSON Lines) that an agent keeps: incremental, read-only, at no cost while quiet."""

import asyncio
import errno
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import structlog
from inotify_simple import INotify, flags

from providers.base import NativeSession, ProviderFailed
from providers.lines import UNKNOWN_SHAPE
from ws.protocol.base import MAX_PATH_CHARS
from ws.protocol.events import JournalEvent, Notice

log = structlog.get_logger(__name__)

MAX_FACTS_BYTES = 8 * 1024 * 1024
"""A longer transcript is listed by its beginning and its end, and its prompts are not counted."""
EDGE_BYTES = 1024 * 1024
MAX_TRANSCRIPT_BYTES = 64 * 1024 * 1024
MAX_FOLDERS = 2048
"""Watched by the kernel; the account commonly has 8,192 or more."""
MAX_BRANCH_CHARS = 250
END_OF_TIME_S = 253_402_300_799.0
"""The end of the year 9999, beyond which no date is written."""
MAX_TITLE_CHARS = 120
MAX_PROMPT_CHARS = 256 * 1024
BY = "terminal"
"""Who sent a prompt that was not sent here."""
TRUNCATED = Notice(
    level="info", code="transcript_truncated", text="This session is longer than 64 MiB: only its newest part is shown."
)
"""In front of what was read of such a transcript."""
POLL_S = 10.0
"""Between two looks where the kernel cannot watch."""

_MASK = (
    flags.MODIFY | flags.CLOSE_WRITE | flags.CREATE | flags.MOVED_TO | flags.MOVED_FROM | flags.DELETE | flags.ONLYDIR
)


@dataclass(frozen=True, slots=True)
class Sample:
    """What is read of a transcript for the list: all of it, or its beginning and its end."""

    path: Path
    head: bytes
    tail: bytes
    is_whole: bool


ReadFacts = Callable[[Sample], NativeSession | None]
"""From a sample to the row of the list; None for a file that is no session. Blocks; may raise UNKNOWN_SHAPE."""


@dataclass(frozen=True, slots=True)
class _Entry:
    identity: tuple[int, int, int]
    session: NativeSession | None


class TranscriptIndex:
    """The files `*.jsonl` that lie `depth` folders below `root`.

    Used from one event loop; files are read in a thread, one refresh at a time. `close` frees what the kernel watches.
    """

    def __init__(self, root: Path, depth: int, read_facts: ReadFacts) -> None:
        self._root = root
        self._depth = depth
        self._read_facts = read_facts
        self._entries: dict[str, _Entry] = {}
        self._sessions: list[tuple[str, NativeSession]] = []
        self._paths: dict[str, str] = {}
        self._refreshing = asyncio.Lock()
        self._watcher: _Folders | None = None
        self._is_fresh = False

    async def sessions(self) -> list[NativeSession]:
        """The newest first."""
        async with self._refreshing:
            if not self._is_fresh:
                if self._watcher is None:
                    self._watcher = await asyncio.to_thread(_Folders)
                    self._watcher.listen(self._stale)
                self._is_fresh = True
                folders = await asyncio.to_thread(self._refresh)
                self._is_fresh = await asyncio.to_thread(self._watcher.watch, folders) and self._is_fresh
            return [session for _, session in self._sessions]

    async def path(self, native_id: str) -> Path | None:
        """The transcript of a session."""
        await self.sessions()
        found = self._paths.get(native_id)
        return None if found is None else Path(found)

    async def changed(self) -> None:
        """Return when something may have changed since the call."""
        if self._watcher is None:
            await self.sessions()
        assert self._watcher is not None
        if not self._watcher.is_watching:
            await asyncio.sleep(POLL_S)
        elif self._is_fresh:  # else what has changed was not looked at yet
            await self._watcher.changed()

    def close(self) -> None:
        """Watch no more."""
        if self._watcher is not None:
            self._watcher.close()
            self._watcher = None
        self._is_fresh = False

    def _stale(self) -> None:
        self._is_fresh = False

    def _refresh(self) -> list[Path]:
        """Look at all files, read those that have changed; returns the folders. Blocks."""
        folders: list[Path] = []
        found: dict[str, _Entry] = {}
        for entry in _files(self._root, self._depth, folders):
            try:
                status = entry.stat(follow_symlinks=False)
            except OSError:
                continue
            path = entry.path
            identity = (status.st_ino, status.st_size, status.st_mtime_ns)
            known = self._entries.get(path)
            found[path] = known if known and known.identity == identity else self._read(path, status, identity)
        self._entries = found
        rows = [(path, entry.session) for path, entry in found.items() if entry.session is not None]
        self._sessions = sorted(rows, key=lambda row: row[1].updated, reverse=True)
        self._paths = {session.native_id: path for path, session in reversed(self._sessions)}
        return folders

    def _read(self, path: str, status: os.stat_result, identity: tuple[int, int, int]) -> _Entry:
        try:
            session = self._read_facts(_sample(Path(path), status.st_size))
            folder = Path() if session is None else Path(os.path.realpath(session.path))
        except (OSError, *UNKNOWN_SHAPE) as error:
            log.debug("transcript_unreadable", path=path, reason=str(error))
            return _Entry(identity, None)
        if session is None or len(str(folder)) > MAX_PATH_CHARS:
            return _Entry(identity, None)
        changed = datetime.fromtimestamp(min(max(0.0, status.st_mtime), END_OF_TIME_S), UTC)
        updated = changed.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        branch = session.branch and session.branch[:MAX_BRANCH_CHARS]
        return _Entry(identity, replace(session, path=folder, branch=branch, updated=updated))


class IndexedHistory:
    """A :class:`providers.base.NativeHistory` over an index.

    `running` names the sessions that a process has open which is none of ours, `read` makes a journal of a transcript;
    both block.
    """

    is_followed = True

    def __init__(
        self, index: TranscriptIndex, running: Callable[[], set[str]], read: Callable[[Path], Sequence[JournalEvent]]
    ) -> None:
        self._index = index
        self._running = running
        self._read = read

    async def sessions(self) -> Sequence[NativeSession]:
        found = await self._index.sessions()
        running = await asyncio.to_thread(self._running)
        return [replace(each, is_running=True) if each.native_id in running else each for each in found]

    async def session(self, native_id: str) -> NativeSession | None:
        return next((each for each in await self.sessions() if each.native_id == native_id), None)

    async def transcript(self, native_id: str) -> Sequence[JournalEvent]:
        path = await self._index.path(native_id)
        if path is None:
            raise KeyError(native_id)
        return await asyncio.to_thread(self._read, path)

    def prompt_name(self, message_id: str) -> str | None:
        return None

    async def changed(self) -> None:
        await self._index.changed()

    def close(self) -> None:
        """Watch no more."""
        self._index.close()


class _Folders:
    """What the kernel tells of the folders (inotify), or nothing at all when the account has no watches left."""

    def __init__(self) -> None:
        self._kernel: INotify | None = None
        self._watched: dict[Path, int] = {}
        self._change = asyncio.Event()
        self._on_change: Callable[[], None] = lambda: None
        self.is_working = True
        try:
            self._kernel = INotify(nonblocking=True)
        except OSError as error:
            self._give_up(error)

    def listen(self, on_change: Callable[[], None]) -> None:
        """Call it with each change; in the loop."""
        self._on_change = on_change
        if self._kernel is not None:
            asyncio.get_running_loop().add_reader(self._kernel.fileno(), self._read)

    def watch(self, folders: Sequence[Path]) -> bool:
        """Watch these and no others; False when one of them was new, and may have changed before, or none is there.

        Blocks.
        """
        if self._kernel is None or not self.is_working:
            return False
        if len(folders) > MAX_FOLDERS:
            self._give_up(OSError(errno.ENOSPC, "too many folders"))
            return False
        before = self._watched
        try:
            # Also those that are watched: another folder may have the name now, which the kernel tells by its number.
            self._watched = {folder: self._kernel.add_watch(folder, _MASK) for folder in folders}
        except FileNotFoundError:
            return False
        except OSError as error:
            self._give_up(error)
            return False
        for gone in set(before.values()).difference(self._watched.values()):
            with suppress(OSError):  # the kernel itself drops those that were removed
                self._kernel.rm_watch(gone)
        return bool(folders) and self._watched.items() <= before.items()

    @property
    def is_watching(self) -> bool:
        """Whether changes are told."""
        return self.is_working and bool(self._watched)

    async def changed(self) -> None:
        """Return with the next change."""
        await self._change.wait()

    def close(self) -> None:
        """Free the descriptor."""
        self.is_working = False
        self._change.set()
        if self._kernel is not None:
            asyncio.get_running_loop().remove_reader(self._kernel.fileno())
            self._kernel.close()
            self._kernel = None

    def _read(self) -> None:
        if self._kernel is not None and self._kernel.read(timeout=0):
            self._on_change()
            self._change.set()
            self._change = asyncio.Event()

    def _give_up(self, error: OSError) -> None:
        log.warning("transcripts_not_watched", reason=str(error))
        self.is_working = False


def _files(root: Path, depth: int, folders: list[Path]) -> Iterator[os.DirEntry[str]]:
    """The transcripts; every folder on the way is added to `folders`. What cannot be read is left out."""
    try:
        entries = list(os.scandir(root))
    except OSError:
        return
    folders.append(root)
    for entry in entries:
        if depth and entry.is_dir(follow_symlinks=False):
            yield from _files(Path(entry.path), depth - 1, folders)
        elif not depth and entry.name.endswith(".jsonl") and entry.is_file(follow_symlinks=False):
            yield entry


def _sample(path: Path, size: int) -> Sample:
    with path.open("rb") as file:
        if size <= MAX_FACTS_BYTES:
            whole = file.read(MAX_FACTS_BYTES)
            return Sample(path, whole, whole, is_whole=True)
        head = file.read(EDGE_BYTES)
        file.seek(size - EDGE_BYTES)
        return Sample(path, head, file.read(EDGE_BYTES), is_whole=False)


def read_lines(path: Path) -> tuple[list[bytes], bool]:
    """The whole lines of a transcript, the newest 64 MiB of them, and whether those are all. Blocks.

    A line that is still being written is left out. Raises ProviderFailed when the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            is_all = size <= MAX_TRANSCRIPT_BYTES
            if not is_all:
                file.seek(size - MAX_TRANSCRIPT_BYTES)
            data = file.read(MAX_TRANSCRIPT_BYTES)
    except OSError as error:
        raise ProviderFailed(f"The agent's transcript {path} cannot be read: {error.strerror}.") from error
    lines = data.split(b"\n")
    del lines[-1]
    return (lines if is_all else lines[1:]), is_all


decode_line = msgspec.json.Decoder(dict).decode
"""Raises msgspec.DecodeError, a ValueError, and RecursionError."""

_decode_event = msgspec.json.Decoder(JournalEvent).decode


def events_of(
    lines: Iterable[bytes], read: Callable[[Mapping[str, Any]], Sequence[JournalEvent]]
) -> Iterator[JournalEvent]:
    """The events of the lines. Of a line of unknown shape nothing is shown, nor of what no journal could take."""
    return events_of_records(records_of(lines), read)


def records_of(lines: Iterable[bytes]) -> Iterator[Mapping[str, Any]]:
    """The objects that the lines are; what is none is left out."""
    for line in lines:
        try:
            yield decode_line(line)
        except UNKNOWN_SHAPE:
            continue


def events_of_records(
    records: Iterable[Mapping[str, Any]], read: Callable[[Mapping[str, Any]], Sequence[JournalEvent]]
) -> Iterator[JournalEvent]:
    """As `events_of`."""
    for record in records:
        try:
            found = read(record)
            for event in found:
                _decode_event(msgspec.json.encode(event))
        except UNKNOWN_SHAPE:
            continue
        yield from found


def line_with(data: bytes, position: int) -> dict[str, object]:
    """The JSON of the whole line at that position. Raises ValueError."""
    begin = data.rfind(b"\n", 0, position) + 1
    end = data.find(b"\n", position)
    return dict(decode_line(data[begin : len(data) if end < 0 else end]))


def is_ours(pid: int) -> bool:
    """Whether a process is a descendant of this one. Reads /proc."""
    for _ in range(64):
        if pid == os.getpid():
            return True
        try:
            status = Path(f"/proc/{pid}/stat").read_bytes()
        except OSError:
            return False
        pid = int(status.rpartition(b")")[2].split()[1])
        if pid <= 1:
            return False
    return False
