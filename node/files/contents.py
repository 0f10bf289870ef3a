"""A file that is open to be sent: what it is called in HTTP, and its bytes by offset."""

import os
import stat
import threading

from node.files import text
from node.files.failures import shown, wire_error
from node.files.guard import PathGuard
from node.files.reading import read_up_to
from ws.protocol.errors import ErrorCode, WireError, invalid


def tag_of(descriptor: int, status: os.stat_result, max_read_bytes: int) -> str:
    """The etag of an open file: a hash of its content, or of a longer one where it lies and when it changed.

    Reads from the descriptor's position, which must be the beginning. Raises OSError.
    """
    if status.st_size <= max_read_bytes:
        raw, is_cut = read_up_to(descriptor, max_read_bytes)
        if not is_cut:
            return text.etag_of(raw)
    return long_tag(status)


def long_tag(status: os.stat_result) -> str:
    """The etag of a file that is too long to be hashed at each look. A rewrite or a rename over it changes it."""
    return f"stat-{status.st_ino:x}-{status.st_size:x}-{status.st_mtime_ns:x}"


class OpenFile:
    """A regular file inside the roots, held by its descriptor: what happens to its path meanwhile does not matter.

    `size` and `etag` are those of the moment it was opened. All methods block and may be called in any thread.
    """

    def __init__(self, guard: PathGuard, path: str, max_read_bytes: int) -> None:
        """Raises WireError: what the guard raises, `invalid` for a folder, `unsupported` for what has no content."""
        with guard.opened(path) as found:
            if stat.S_ISDIR(found.status.st_mode):
                raise invalid("path", f"{shown(path)} is a folder; it can be had as an archive.")
            if not stat.S_ISREG(found.status.st_mode):
                raise WireError(
                    ErrorCode.UNSUPPORTED, f"{shown(path)} is a device, a pipe or a socket and has no content."
                )
            self._descriptor = found.reopen()
        self._path = path
        self._busy = threading.Lock()
        self._is_closed = False
        try:
            status = os.fstat(self._descriptor)
            self.size = status.st_size
            self.modified_s = int(status.st_mtime)
            self.etag = tag_of(self._descriptor, status, max_read_bytes)
        except OSError as error:
            os.close(self._descriptor)
            raise wire_error(error, path) from error

    def read(self, offset: int, length: int) -> bytes:
        """Exactly `length` bytes. Raises WireError, `conflict` when the file has become shorter."""
        with self._busy:
            if self._is_closed:
                return b""
            try:
                raw = os.pread(self._descriptor, length, offset)
                while len(raw) < length and (more := os.pread(self._descriptor, length - len(raw), offset + len(raw))):
                    raw += more
            except OSError as error:
                raise wire_error(error, self._path) from error
        if len(raw) < length:
            raise WireError(ErrorCode.CONFLICT, f"{shown(self._path)} became shorter while it was sent; begin again.")
        return raw

    def close(self) -> None:
        """Waits for a read that is under way."""
        with self._busy:
            if not self._is_closed:
                self._is_closed = True
                os.close(self._descriptor)
