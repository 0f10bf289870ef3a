"""A file that is being received: beside the old one until it is whole, then in its place in one step."""

import errno
import hashlib
import os
import stat
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from node.files.contents import long_tag, tag_of
from node.files.facts import displayed
from node.files.failures import shown, wire_error
from node.files.guard import PathGuard, outside
from node.files.temporaries import Sweeper, temporary_name
from node.files.writing import NEW_FILE_MODE
from ws.protocol.errors import ErrorCode, WireError, invalid
from ws.protocol.transfers import Uploaded

MAX_PIECES = 512
"""Buffers in one writev(2), which takes at most 1024 (IOV_MAX)."""

_HAS_NO_UNNAMED = {errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL}
"""What open(2) says where O_TMPFILE is not known: by the file system, by the kernel."""
_HAS_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}


@dataclass(frozen=True)
class Conditions:
    """What must be there. `if_match`: one of these etags, `*` for any; None for whatever. `size`: as announced."""

    if_match: Sequence[str] | None = None
    is_new_only: bool = False
    size: int | None = None


class Upload:
    """One upload. All methods block, may be called in any thread, and raise WireError.

    The content goes into a file without a name (O_TMPFILE), which is gone with this process however that ends; where
    the file system has none of those, into a hidden one beside the target. `close` without `commit` leaves nothing.
    `commit_lock` is the one of all writers of the node: of two with one etag only the first wins.
    """

    def __init__(
        self,
        guard: PathGuard,
        path: str,
        conditions: Conditions,
        *,
        max_read_bytes: int,
        commit_lock: threading.Lock,
        sweeper: Sweeper | None = None,
    ) -> None:
        """Check everything that can be known before the content comes. `sweeper` cleans the folder up first."""
        self._guard = guard
        self._path = path
        self._conditions = conditions
        self._max_read_bytes = max_read_bytes
        self._commit_lock = commit_lock
        self._busy = threading.Lock()
        self._is_closed = False
        self._digest = hashlib.blake2b(digest_size=16)
        self.size = 0
        if path.endswith("/"):
            raise invalid("path", f"{shown(path)} ends with a slash, which names a folder; name the file.")
        real = guard.resolve(path)
        if guard.parent_of(real) is None:
            raise _in_its_place(path)
        self._real, self._name = real, real.name
        self._temporary: str | None = None
        self._folder = self._open_folder(real)
        try:
            if sweeper is not None:
                sweeper.sweep(self._folder)
            status = self._check()
            self._check_room()
            self._file = self._open_temporary(None if status is None else 0o600)
        except OSError as error:
            os.close(self._folder)
            raise wire_error(error, path) from error
        except WireError:
            os.close(self._folder)
            raise

    @property
    def is_closed(self) -> bool:
        """Whether it was given up or failed."""
        return self._is_closed

    def go_on(self, conditions: Conditions) -> None:
        """Take more after a break, under these conditions; their `size` is that of the rest."""
        with self._busy:
            if self._is_closed:
                detail = "What had come of this upload is gone; ask files.partial, and begin anew."
                raise WireError(ErrorCode.CONFLICT, detail, retryable=True)
            self._conditions = conditions
            try:
                self._check()
                self._check_room()
            except OSError as error:
                raise wire_error(error, self._path) from error

    def write(self, pieces: Sequence[bytes | memoryview]) -> None:
        """Append all of them."""
        with self._busy:
            if self._is_closed:
                return
            try:
                _write_all(self._file, pieces)
            except OSError as error:
                raise wire_error(error, self._path) from error
            self.size += sum(len(piece) for piece in pieces)
            if self.size <= self._max_read_bytes:
                for piece in pieces:
                    self._digest.update(piece)

    def commit(self) -> Uploaded:
        """Put the file in its place, on the disk. Raises what a condition that holds no longer raises."""
        with self._busy:
            if self._is_closed:  # given up while this waited for a thread: its descriptors may be other files by now
                raise WireError(ErrorCode.CONFLICT, "The upload was given up. Nothing was written.")
            try:
                os.fsync(self._file)
                with self._commit_lock:
                    old = self._check()
                    self._take_over(old)
                    self._put_in_place(is_new=old is None)
                os.fsync(self._folder)
                status = os.fstat(self._file)
            except OSError as error:
                raise wire_error(error, self._path) from error
        etag = self._digest.hexdigest() if self.size <= self._max_read_bytes else long_tag(status)
        return Uploaded(etag=etag, size=self.size, path=displayed(str(self._real)), is_new=old is None)

    def close(self) -> None:
        """Leave nothing behind that was not committed. Waits for a write that is under way."""
        with self._busy:
            if self._is_closed:
                return
            self._is_closed = True
            if self._temporary is not None:
                with suppress(FileNotFoundError):
                    os.unlink(self._temporary, dir_fd=self._folder)
            os.close(self._file)
            os.close(self._folder)

    def _open_folder(self, real: Path) -> int:
        with self._guard.opened(str(real.parent)) as folder:
            if not stat.S_ISDIR(folder.status.st_mode):
                raise WireError(
                    ErrorCode.NOT_FOUND, f"The folder of {shown(self._path)} does not exist; make it first."
                )
            return folder.reopen(os.O_RDONLY | os.O_DIRECTORY)

    def _check(self) -> os.stat_result | None:
        """The file that is to be replaced, None for a new one. Raises WireError when a condition does not hold."""
        if not self._guard.allows(Path(f"/proc/self/fd/{self._folder}").readlink()):
            raise outside(self._path)  # the folder was moved meanwhile
        wanted = self._conditions
        try:
            status = os.stat(self._name, dir_fd=self._folder, follow_symlinks=False)
        except FileNotFoundError as error:
            if wanted.if_match is not None:
                raise _stale(self._path) from error
            return None
        if not stat.S_ISREG(status.st_mode):
            raise _in_its_place(self._path)
        if wanted.is_new_only:
            raise WireError(
                ErrorCode.PRECONDITION_FAILED,
                f"{shown(self._path)} is there already. Nothing was written: take another name.",
            )
        if not os.access(self._name, os.W_OK, dir_fd=self._folder):
            raise WireError(ErrorCode.FORBIDDEN, f"{shown(self._path)} is read-only for the node's account.")
        if wanted.if_match is not None and "*" not in wanted.if_match and self._tag() not in wanted.if_match:
            raise _stale(self._path)
        return status

    def _tag(self) -> str:
        descriptor = os.open(
            self._name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=self._folder
        )
        try:
            return tag_of(descriptor, os.fstat(descriptor), self._max_read_bytes)
        finally:
            os.close(descriptor)

    def _check_room(self) -> None:
        """Raises OSError ENOSPC when what is announced does not fit: better before the content travels."""
        room = os.statvfs(self._folder)
        free = room.f_bfree if os.geteuid() == 0 else room.f_bavail
        if room.f_blocks and (self._conditions.size or 0) > free * room.f_frsize:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _open_temporary(self, mode: int | None) -> int:
        mode = NEW_FILE_MODE if mode is None else mode
        try:
            return os.open(".", os.O_RDWR | os.O_TMPFILE | os.O_CLOEXEC, mode, dir_fd=self._folder)
        except OSError as error:
            if error.errno not in _HAS_NO_UNNAMED:
                raise
        self._temporary = temporary_name()
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        return os.open(self._temporary, flags, mode, dir_fd=self._folder)

    def _take_over(self, old: os.stat_result | None) -> None:
        """Mode and owner of the file that is replaced."""
        if old is None:
            return
        if (old.st_uid, old.st_gid) != (os.geteuid(), os.getegid()):
            with suppress(PermissionError):  # only root may give a file away; others become its owner
                os.fchown(self._file, old.st_uid, old.st_gid)
        os.fchmod(self._file, stat.S_IMODE(old.st_mode))

    def _put_in_place(self, *, is_new: bool) -> None:
        if is_new:
            try:
                self._link(self._name)
            except FileExistsError as error:  # another program made it since
                if self._conditions.is_new_only:
                    raise WireError(
                        ErrorCode.PRECONDITION_FAILED,
                        f"{shown(self._path)} is there already. Nothing was written: take another name.",
                    ) from error
            except OSError as error:
                if error.errno not in _HAS_NO_LINKS or self._temporary is None:
                    raise
            else:
                return
        if self._temporary is None:
            name = temporary_name()
            self._link(name)
            self._temporary = name
        os.rename(self._temporary, self._name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
        self._temporary = None

    def _link(self, name: str) -> None:
        """Give the received file this name, if nothing has it."""
        os.link(f"/proc/self/fd/{self._file}", name, dst_dir_fd=self._folder, follow_symlinks=True)


def _write_all(descriptor: int, pieces: Sequence[bytes | memoryview]) -> None:
    for start in range(0, len(pieces), MAX_PIECES):
        some = pieces[start : start + MAX_PIECES]
        length = sum(len(piece) for piece in some)
        written = os.writev(descriptor, some)
        if written < length:  # as when a disk is nearly full: the rest then says why
            rest = memoryview(b"".join(some))[written:]
            while rest:
                rest = rest[os.write(descriptor, rest) :]


def _stale(path: str) -> WireError:
    return WireError(
        ErrorCode.PRECONDITION_FAILED,
        f"{shown(path)} is not the file that If-Match names. Nothing was written: get it again.",
    )


def _in_its_place(path: str) -> WireError:
    return WireError(ErrorCode.CONFLICT, f"{shown(path)} is a folder or a special file; give the file another name.")
