"""One process per database: an advisory lock on a file beside it, held while the process lives."""

import fcntl
import os
from pathlib import Path

from ws.database.failures import StoreError, unwritable

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700

LOCAL_MARK = "local"
"""Written behind the pid of a node that a Main started, so that a second start can say what to do."""


def take_lock(database: Path, *, is_local: bool = False) -> int:
    """Lock `database` for this process and return the descriptor that holds the lock until it is closed.

    Makes the folder (0700) when it is missing and the database file (0600), so that SQLite's own files inherit its
    mode. Blocking; raises StoreError.
    """
    try:
        database.parent.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        lock = os.open(f"{database}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, PRIVATE_FILE)
    except OSError as error:
        raise unwritable(database.parent, error) from error
    try:
        _hold(lock, database, is_local=is_local)
        _make_private(database)
    except BaseException:
        os.close(lock)
        raise
    return lock


def _hold(lock: int, database: Path, *, is_local: bool) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise StoreError(_taken(database, os.pread(lock, 64, 0).decode("ascii", "replace").split())) from error
    _note_holder(lock, f"{os.getpid()} {LOCAL_MARK if is_local else ''}\n", database.parent)


def _note_holder(lock: int, holder: str, folder: Path) -> None:
    try:
        os.ftruncate(lock, 0)
        os.pwrite(lock, holder.encode("ascii"), 0)
    except OSError as error:
        raise unwritable(folder, error) from error


def _taken(database: Path, holder: list[str]) -> str:
    pid = holder[0] if holder else "unknown"
    if LOCAL_MARK in holder:
        return (
            f"This machine's node already runs under Main (pid {pid});"
            " set main.local_node=false in Main's configuration to run it yourself."
        )
    return (
        f"The database {database} is in use by another process (pid {pid}):"
        " stop that one, or set database.path to another file."
    )


def _make_private(database: Path) -> None:
    try:
        made = os.open(database, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
    except OSError as error:
        raise StoreError(
            f"The database {database} cannot be opened ({error.strerror}):"
            " give this account access to it or set database.path to another file."
        ) from error
    try:
        os.fchmod(made, PRIVATE_FILE)
    finally:
        os.close(made)
    for suffix in ("-wal", "-shm"):
        beside = Path(f"{database}{suffix}")
        if beside.exists():
            beside.chmod(PRIVATE_FILE)
