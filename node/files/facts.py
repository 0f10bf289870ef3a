"""What `stat` says, in the words of the wire."""

import os
import stat
from datetime import UTC, datetime

from ws.protocol.files import EntryType


def type_of(mode: int) -> EntryType:
    """The kind of object that these mode bits say."""
    if stat.S_ISREG(mode):
        return "file"
    if stat.S_ISDIR(mode):
        return "directory"
    return "symlink" if stat.S_ISLNK(mode) else "other"


def permissions(mode: int) -> str:
    """Octal, four digits."""
    return f"{stat.S_IMODE(mode):04o}"


def modified(status: os.stat_result) -> str:
    """Time of the last change of content. A time that no calendar holds is told as the epoch."""
    try:
        moment = datetime.fromtimestamp(status.st_mtime, UTC)
    except (OverflowError, ValueError, OSError):
        moment = datetime.fromtimestamp(0, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def displayed(name: str) -> str:
    """A file name as JSON can carry it: bytes that are no UTF-8 become U+FFFD."""
    return os.fsencode(name).decode("utf-8", "replace")
