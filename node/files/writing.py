"""Replace a text file in one step: readers see the old content or the new, never half of it, whatever fails."""

import os
import stat
import threading
from contextlib import suppress
from dataclasses import dataclass

from node.files import text
from node.files.failures import shown, wire_error
from node.files.guard import PathGuard
from node.files.reading import read_up_to
from node.files.temporaries import Sweeper, temporary_name
from ws.protocol.errors import ErrorCode, WireError, invalid

NEW_FILE_MODE = 0o666
"""Less the umask of the account, as for every program that makes a file."""


@dataclass(frozen=True)
class Wanted:
    """What is to be written. `if_match` is the etag that the writer read; None overwrites whatever is there."""

    path: str
    content: str
    if_match: str | None
    is_new_allowed: bool


class Writer:
    """Writes files inside the guard's roots. One writer of a node, so that of two with one etag only the first wins.

    Another program on the machine that saves between our comparison and our rename is overwritten: no file system
    offers a conditional rename.
    """

    def __init__(self, guard: PathGuard, max_read_bytes: int, sweeper: Sweeper | None = None) -> None:
        """`sweeper` is the node's one; None for one of its own."""
        self._guard = guard
        self._sweeper = sweeper or Sweeper()
        self._max_read_bytes = max_read_bytes
        self.commit_lock = threading.Lock()

    def write(self, wanted: Wanted) -> tuple[str, int]:
        """The new etag and size in bytes. Blocks. Raises WireError; then the old file is as it was.

        A link is written through to its target. Mode and owner stay, and so does the encoding: a file with a byte order
        mark keeps it, one in UTF-16 stays in UTF-16.
        """
        real = self._guard.resolve(wanted.path)
        if self._guard.parent_of(real) is None:
            raise _in_its_place(wanted.path)
        with self._guard.opened(str(real.parent)) as folder:
            if not stat.S_ISDIR(folder.status.st_mode):
                raise WireError(
                    ErrorCode.NOT_FOUND, f"The folder of {shown(wanted.path)} does not exist; make it first."
                )
            descriptor = folder.reopen(os.O_RDONLY | os.O_DIRECTORY)
            try:
                self._sweeper.sweep(descriptor)
                return self._replace(descriptor, real.name, wanted)
            except OSError as error:
                raise wire_error(error, wanted.path) from error
            finally:
                os.close(descriptor)

    def _replace(self, folder: int, name: str, wanted: Wanted) -> tuple[str, int]:
        status, encoding = self._precondition(folder, name, wanted)
        try:
            raw = text.encode(wanted.content, encoding)
        except UnicodeEncodeError as error:
            raise invalid("content", "`content` holds half a character (a lone surrogate).") from error
        temporary = temporary_name()
        try:
            _write_new(folder, temporary, raw, status)
            with self.commit_lock:
                self._precondition(folder, name, wanted)
                os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(temporary, dir_fd=folder)
            raise
        os.fsync(folder)
        return text.etag_of(raw), len(raw)

    def _precondition(self, folder: int, name: str, wanted: Wanted) -> tuple[os.stat_result | None, str]:
        """The file to be replaced and its encoding; None for a new one. Raises WireError when it must not be."""
        try:
            if not stat.S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
                raise _in_its_place(wanted.path)
            descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
        except FileNotFoundError as error:
            if not wanted.is_new_allowed:
                raise WireError(ErrorCode.NOT_FOUND, f"There is no {shown(wanted.path)}; `create` makes it.") from error
            if wanted.if_match is not None:
                raise _stale(wanted.path) from error
            return None, "utf-8"
        try:
            status = os.fstat(descriptor)
            if not os.access(name, os.W_OK, dir_fd=folder):
                raise WireError(ErrorCode.FORBIDDEN, f"{shown(wanted.path)} is read-only for the node's account.")
            raw, is_cut = read_up_to(descriptor, self._max_read_bytes)
        finally:
            os.close(descriptor)
        if wanted.if_match is not None and (is_cut or text.etag_of(raw) != wanted.if_match):
            raise _stale(wanted.path)
        return status, text.encoding_of(raw) or "utf-8"


def _write_new(folder: int, name: str, raw: bytes, status: os.stat_result | None) -> None:
    """Make the temporary file, complete and on the disk, with mode and owner of the file that it will replace."""
    mode = NEW_FILE_MODE if status is None else 0o600
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(name, flags, mode, dir_fd=folder), "wb", buffering=0) as file:
        remaining = memoryview(raw)
        while remaining:
            remaining = remaining[file.write(remaining) or 0 :]
        if status is not None:
            if (status.st_uid, status.st_gid) != (os.geteuid(), os.getegid()):
                with suppress(PermissionError):  # only root may give a file away; others become its owner
                    os.fchown(file.fileno(), status.st_uid, status.st_gid)
            os.fchmod(file.fileno(), stat.S_IMODE(status.st_mode))
        os.fsync(file.fileno())


def _stale(path: str) -> WireError:
    return WireError(
        ErrorCode.PRECONDITION_FAILED,
        f"{shown(path)} has changed since you read it, or you read only a part. Nothing was written: read it again.",
    )


def _in_its_place(path: str) -> WireError:
    return WireError(ErrorCode.CONFLICT, f"{shown(path)} is a folder or a special file, so no text can be saved there.")
