"""What readers have been given of each journal, noted beside the database: a start then knows what a disk has lost.

The database alone cannot tell. When its write-ahead log has lost its end (a disk that lied about a flush, a file cut
short), SQLite takes what is left for the whole, and the journal would go on with other events under numbers that
readers have seen already. The notes are written without a flush, after the commit and before anybody is told: a kill
of the node leaves them exact. A halt of the machine may lose them too, and says so by another boot id.
"""

import os
import struct
from pathlib import Path
from typing import Literal

import structlog

from ws.database.failures import unwritable
from ws.database.lock import PRIVATE_FILE

log = structlog.get_logger(__name__)

SUFFIX = "-heads"
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

_MAGIC = b"SWHEADS1"
_HEADER = struct.Struct("<8s40s16s")
_SLOT = struct.Struct("<q")

End = Literal["closed", "killed", "halted"]
"""How the last node ended: by itself, or killed with the machine still up, or together with its machine."""


class Heads:
    """One number a session. Blocking, for the database's writing thread; made by `open`."""

    def __init__(self, file: int, last_end: End) -> None:
        self.last_end: End = last_end
        self._file = file

    @classmethod
    def open(cls, database: Path) -> "Heads":
        """The notes beside `database`, made when they are missing; `run` is next. Raises StoreError."""
        try:
            file = os.open(f"{database}{SUFFIX}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, PRIVATE_FILE)
            last_end = _last_end(os.pread(file, _HEADER.size, 0))
        except OSError as error:
            raise unwritable(database.parent, error) from error
        return cls(file, last_end)

    def run(self) -> None:
        """What the last end has done to the journals is mended: only from now on the end of this node counts.

        Raises OSError.
        """
        os.pwrite(self._file, _header("running"), 0)

    def get(self, number: int) -> int:
        """The last `seq` of session `number` that anybody was told of; 0 when none is known."""
        return int(_SLOT.unpack(os.pread(self._file, _SLOT.size, _place(number)).ljust(_SLOT.size, b"\0"))[0])

    def begin(self, number: int) -> None:
        """There is such a session from now on. Raises OSError when the disk has no room for its note."""
        os.pwrite(self._file, _SLOT.pack(0), _place(number))

    def note(self, number: int, seq: int) -> None:
        """Events up to `seq` are about to be handed out. The room is there since `begin`."""
        try:
            os.pwrite(self._file, _SLOT.pack(seq), _place(number))
        except OSError as error:
            log.warning("head_not_noted", reason=error.strerror)

    def forget_beyond(self, known: set[int]) -> int:
        """How many sessions were handed out that are not among `known`; from now on they are not missed."""
        slots = max(0, os.fstat(self._file).st_size - _HEADER.size) // _SLOT.size
        missing = [number for number in range(slots) if number not in known and self.get(number) > 0]
        for number in missing:
            self.note(number, 0)
        return len(missing)

    def close(self) -> None:
        """The database is closed and whole."""
        try:
            os.pwrite(self._file, _header("closed"), 0)
        finally:
            os.close(self._file)


def _place(number: int) -> int:
    return _HEADER.size + _SLOT.size * number


def _boot_id() -> bytes:
    """What the kernel calls its present run; empty where it does not tell."""
    try:
        return BOOT_ID.read_bytes().strip()[:40]
    except OSError:
        return b""


def _header(state: str) -> bytes:
    return _HEADER.pack(_MAGIC, _boot_id(), state.encode("ascii"))


def _last_end(header: bytes) -> End:
    if len(header) < _HEADER.size:
        return "closed"  # the first start with notes
    magic, boot, state = (field.rstrip(b"\0") for field in _HEADER.unpack(header))
    if magic == _MAGIC and state == b"closed":
        return "closed"
    return "killed" if magic == _MAGIC and boot == _boot_id() else "halted"
