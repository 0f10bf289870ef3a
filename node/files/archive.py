"""A folder as a zip that is made while it is sent: nothing is written to the disk, nothing is read twice.

The standard library's zipfile writes to a stream (data descriptors, Zip64 where a size needs it). Links are stored as
links and never followed; every folder is opened relative to the one above, so none can be swapped for a link.
"""

import os
import stat
import threading
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from node.files.failures import shown, wire_error
from node.files.guard import PathGuard
from ws.protocol.errors import ErrorCode, WireError, invalid

MAX_ENTRIES = 100_000
"""Each is remembered for the directory at the end of the zip, at about half a kilobyte."""
MAX_BYTES = 64 << 30
MAX_DEPTH = 200
"""One descriptor is held for each folder on the way down."""

READ_BYTES = 512 * 1024
LEVEL = 1
"""Of deflate: text shrinks to a third, and a core packs several times what the highest level does."""

LEFT_OUT = "(left out).txt"
"""The last entry, when something could not be read: so that nobody takes the archive for whole."""

# fmt: off
_PACKED = frozenset((
    ".7z", ".aac", ".apk", ".avif", ".br", ".bz2", ".docx", ".flac", ".gif", ".gz", ".heic", ".jar", ".jpeg", ".jpg",
    ".m4a", ".m4v", ".mkv", ".mov", ".mp3", ".mp4", ".odt", ".ogg", ".opus", ".pdf", ".png", ".pptx", ".rar", ".tgz",
    ".webm", ".webp", ".whl", ".woff", ".woff2", ".xlsx", ".xz", ".zip", ".zst",
))
# fmt: on
"""Suffixes of files that deflate makes no smaller."""


class Sink(Protocol):
    """Where the zip goes. `write` may block; it raises OSError when nobody wants more."""

    def write(self, data: bytes, /) -> int: ...

    def flush(self) -> None: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class _Entry:
    """`folder` is the descriptor of the folder that it lies in, open while the entry is looked at."""

    folder: int
    name: str
    path: PurePosixPath
    status: os.stat_result | None


class Archive:
    """A folder, or the `names` that are picked in it. All methods block. `is_wanted` turns false to end them early."""

    def __init__(self, guard: PathGuard, path: str, names: Sequence[str] | None, is_wanted: Callable[[], bool]) -> None:
        """Raises WireError: what the guard raises, `invalid` for what is no folder, `not_found` for a picked name."""
        self._guard = guard
        self._is_wanted = is_wanted
        self._path = path
        self._failures: list[str] = []
        self._busy = threading.Lock()
        self._is_closed = False
        with guard.opened(path) as found:
            if not stat.S_ISDIR(found.status.st_mode):
                raise invalid("path", f"{shown(path)} is no folder; its content can be had as it is.")
            self._real = found.path
            self._names = _checked(names, guard.closed_names(found.path))
            for name in self._names or ():
                _look_for(name, found.descriptor, path)
            self._folder = found.reopen(os.O_RDONLY | os.O_DIRECTORY)

    def count(self) -> tuple[int, int]:
        """Entries, and bytes of the files in them. Raises WireError `too_large` beyond MAX_ENTRIES or MAX_BYTES."""
        entries = size = 0
        with self._working():
            for entry in self._walk():
                entries += 1
                if entry.status is not None and stat.S_ISREG(entry.status.st_mode):
                    size += entry.status.st_size
                self._check_bounds(entries, size)
        return entries, size

    def pack(self, sink: Sink) -> None:
        """Write the zip. Raises WireError, and what `sink` raises."""
        self._failures.clear()
        with self._working(), zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as packed:
            for written, entry in enumerate(self._walk(), 1):
                self._check_bounds(written, 0)
                self._add(packed, entry)
            if self._failures:
                packed.writestr(self._info(LEFT_OUT, None, 0o644), "\n".join(self._failures) + "\n")

    def close(self) -> None:
        """Waits for what is under way, which `is_wanted` ends."""
        with self._busy:
            if not self._is_closed:
                self._is_closed = True
                os.close(self._folder)

    @contextmanager
    def _working(self) -> Iterator[None]:
        with self._busy:
            try:
                yield
            except BrokenPipeError:
                raise
            except OSError as error:
                raise wire_error(error, self._path) from error

    def _check_bounds(self, entries: int, size: int) -> None:
        if entries > MAX_ENTRIES:
            raise WireError(
                ErrorCode.TOO_LARGE,
                f"{shown(self._path)} holds more than {MAX_ENTRIES:,} files and folders; pick some of them.",
            )
        if size > MAX_BYTES:
            raise WireError(
                ErrorCode.TOO_LARGE,
                f"The files in {shown(self._path)} are more than {MAX_BYTES >> 30} GiB; pick some of them.",
            )

    def _walk(self) -> Iterator[_Entry]:
        prefix = PurePosixPath("" if self._names is not None else self._real.name)
        yield from self._walk_folder(self._folder, self._real, prefix, self._names, 0)

    def _walk_folder(
        self, folder: int, real: Path, prefix: PurePosixPath, names: Sequence[str] | None, depth: int
    ) -> Iterator[_Entry]:
        if depth > MAX_DEPTH:
            raise WireError(ErrorCode.TOO_LARGE, f"{shown(self._path)} is more than {MAX_DEPTH} folders deep.")
        is_closed = self._guard.closed_names(real) or (lambda _: False)
        for name in sorted(os.listdir(folder)) if names is None else names:
            if not self._is_wanted():
                raise BrokenPipeError("nobody wants the archive any more")
            if is_closed(name):
                continue
            entry = _Entry(folder, name, prefix / name, _status(folder, name))
            yield entry
            if entry.status is not None and stat.S_ISDIR(entry.status.st_mode):
                yield from self._walk_below(entry, real / name, depth)

    def _walk_below(self, entry: _Entry, real: Path, depth: int) -> Iterator[_Entry]:
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            below = os.open(entry.name, flags, dir_fd=entry.folder)
        except OSError as error:
            self._failed(entry.path, error.strerror)
            return
        try:
            yield from self._walk_folder(below, real, entry.path, None, depth + 1)
        finally:
            os.close(below)

    def _add(self, packed: zipfile.ZipFile, entry: _Entry) -> None:
        status = entry.status
        if status is None:
            self._failed(entry.path, "it went away")
        elif stat.S_ISDIR(status.st_mode):
            packed.writestr(self._info(f"{_written(entry.path)}/", status, status.st_mode), b"")
        elif stat.S_ISLNK(status.st_mode):
            try:
                target = os.readlink(entry.name, dir_fd=entry.folder)
            except OSError as error:
                self._failed(entry.path, error.strerror)
                return
            packed.writestr(self._info(_written(entry.path), status, status.st_mode), os.fsencode(target))
        elif stat.S_ISREG(status.st_mode):
            self._add_file(packed, entry)
        else:
            self._failed(entry.path, "it is a device, a pipe or a socket")

    def _add_file(self, packed: zipfile.ZipFile, entry: _Entry) -> None:
        try:
            descriptor = os.open(
                entry.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=entry.folder
            )
        except OSError as error:
            self._failed(entry.path, error.strerror)
            return
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                self._failed(entry.path, "it was replaced while the archive was made")
                return
            info = self._info(_written(entry.path), status, status.st_mode)
            if entry.path.suffix.lower() not in _PACKED and status.st_size > 0:
                info.compress_type = zipfile.ZIP_DEFLATED
                info._compresslevel = LEVEL  # type: ignore[attr-defined]  # noqa: SLF001  (public only from 3.13 on)
            info.file_size = left_bytes = status.st_size
            with packed.open(info, "w") as file:
                # A log that grows meanwhile is packed up to where it stood.
                while left_bytes and (raw := self._read(descriptor, min(READ_BYTES, left_bytes), entry)):
                    left_bytes -= len(raw)
                    file.write(raw)
        finally:
            os.close(descriptor)

    @staticmethod
    def _read(descriptor: int, length: int, entry: _Entry) -> bytes:
        try:
            return os.read(descriptor, length)
        except OSError as error:  # half an entry cannot be taken back: the whole archive fails
            raise wire_error(error, str(entry.path)) from error

    @staticmethod
    def _info(name: str, status: os.stat_result | None, mode: int) -> zipfile.ZipInfo:
        when = time.localtime() if status is None else _local_time(status.st_mtime)
        # The format counts years from 1980 and ends with 2107.
        date = (1980, 1, 1, 0, 0, 0) if when.tm_year < 1980 else (min(when.tm_year, 2107), *when[1:6])
        info = zipfile.ZipInfo(name, date)
        info.create_system = 3  # Unix: the upper half of the attributes is the mode
        info.external_attr = (mode << 16) | (0x10 if stat.S_ISDIR(mode) else 0)
        return info

    def _failed(self, path: PurePosixPath, why: str | None) -> None:
        if len(self._failures) < MAX_ENTRIES:
            self._failures.append(f"{_written(path)}: {why or 'it cannot be read'}")


def _look_for(name: str, folder: int, path: str) -> None:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except OSError as error:
        raise wire_error(error, os.path.join(path, name)) from error  # noqa: PTH118  a text of the caller


def _checked(names: Sequence[str] | None, is_closed: Callable[[str], bool] | None) -> Sequence[str] | None:
    for name in names or ():
        if name in {".", ".."} or "/" in name:
            raise invalid("names", "A picked name is one that files.list shows, not a path.")
        if is_closed is not None and is_closed(name):
            raise WireError(ErrorCode.FORBIDDEN, f"{shown(name)} is this program's own data.")
    return None if names is None else tuple(dict.fromkeys(names))


def _status(folder: int, name: str) -> os.stat_result | None:
    with suppress(OSError):
        return os.stat(name, dir_fd=folder, follow_symlinks=False)
    return None


def _local_time(seconds: float) -> time.struct_time:
    try:
        return time.localtime(seconds)
    except (OverflowError, ValueError, OSError):  # a time that no calendar holds
        return time.localtime(0)


def _written(path: PurePosixPath) -> str:
    """The name in the zip, which is UTF-8: a byte that is none is written as %FF."""
    raw = os.fsencode(str(path))
    text = raw.decode("utf-8", "surrogateescape")
    return "".join(f"%{ord(each) - 0xDC00:02X}" if "\udc80" <= each <= "\udcff" else each for each in text)
