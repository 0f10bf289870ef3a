"""What the disk and SQLite refuse, in sentences for people: the only place that reads their codes."""

import errno
import sqlite3
from pathlib import Path

from ws.protocol.errors import ErrorCode, WireError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_DISK_TROUBLE = ("SQLITE_IOERR", "SQLITE_READONLY", "SQLITE_CANTOPEN")


class StoreError(Exception):
    """The database cannot be used. The text is one sentence with cause and remedy."""


class DamagedError(StoreError):
    """The file is not a whole database of ours; what it still holds may be worth saving."""


def unwritable(folder: Path, error: OSError) -> StoreError:
    """The data folder takes no file."""
    remedy = "free some space there" if error.errno in _FULL else "give this account access to it"
    return StoreError(
        f"The data folder {folder} cannot be written ({error.strerror}):"
        f" {remedy} or set database.path to another place."
    )


def unusable(path: Path, error: sqlite3.Error) -> StoreError:
    """The database cannot be opened or brought to the newest schema."""
    name = getattr(error, "sqlite_errorname", "")
    if name == "SQLITE_FULL":
        return StoreError(
            f"The database {path} cannot be written, because its disk is full:"
            " free some space there or set database.path to another place."
        )
    if name.startswith(_DISK_TROUBLE):
        return StoreError(
            f"The database {path} cannot be used ({error}):"
            " check its disk and who may write in its folder, or set database.path to another place."
        )
    return damaged(path, error)


def damaged(path: Path, why: object) -> DamagedError:
    """The file is no database of ours, or no longer a whole one."""
    return DamagedError(
        f"The database {path} is damaged or no database of Switchyard ({' '.join(str(why).split())}):"
        " restore it from a backup, or move it away to begin anew."
    )


def write_refused(error: sqlite3.Error, whose: str) -> Exception:
    """A WireError for what disks do to a write; anything else is a defect and stays what it is.

    `whose` says for people where that is: "Main's", "This machine's".
    """
    name = getattr(error, "sqlite_errorname", "")
    if name == "SQLITE_FULL":
        detail = f"{whose} disk is full. Free some space there and try again; nothing was changed."
    elif name.startswith(_DISK_TROUBLE):
        detail = f"{whose} database cannot be written ({error}): check its disk and try again; nothing was changed."
    else:
        return error
    return WireError(ErrorCode.CONFLICT, detail, retryable=True)
