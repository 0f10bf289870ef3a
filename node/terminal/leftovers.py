"""What killed holders leave in the folder of their sockets."""

import fcntl
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from node.terminal.holder import place, record
from node.terminal.holder.ending import living_groups

_LOCKS = "terminals-*.lock"
_RECORDS = "terminals-*.running"
_HALF_WRITTEN = "terminals-*.new"


def remove(addresses: Iterable[Path]) -> list[Path]:
    """Remove sockets and locks of dead holders, of any node, from the folders of `addresses`; says which sockets.

    A holder locks its file for life, so whoever gets the lock knows that it is dead. What it wrote of its programs
    stays as long as one runs: the node that it belonged to may still have to end them.
    """
    removed = []
    for address in addresses:
        with suppress(place.PlaceRefused):
            place.check(address)
            removed += [lock.with_suffix("") for lock in address.parent.glob(_LOCKS) if _is_removed(lock)]
            with suppress(OSError):  # the next node will do it
                _remove_records(address.parent)
    return removed


def records(addresses: Iterable[Path]) -> dict[Path, record.Written]:
    """What the dead holders of `addresses` have written, where only this user can: its programs are ended by it.

    A holder that cannot be reached may live all the same, stopped or with too many at its door; its lock tells.
    """
    found = {}
    for address in addresses:
        with suppress(place.PlaceRefused):
            place.check(address)
            path = record.beside(address)
            written = record.read(path)
            # Asked after it was read: a holder that begins meanwhile has written nothing of that.
            if written is not None and not _is_locked(address.with_suffix(".lock")):
                found[path] = written
    return found


def _is_locked(path: Path) -> bool:
    """Also when that cannot be told."""
    try:
        lock = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(lock)
    return False


def _remove_records(folder: Path) -> None:
    for path in folder.glob(_HALF_WRITTEN):
        if _has_no_holder(path):
            path.unlink(missing_ok=True)
    records = {path: record.read(path) for path in folder.glob(_RECORDS) if _has_no_holder(path)}
    living = living_groups() if records else {}
    for path, written in records.items():
        if written is not None and not record.may_be_needed(written, living):
            record.remove(path, written)


def _has_no_holder(path: Path) -> bool:
    return not path.with_suffix(".lock").exists()


def _is_removed(path: Path) -> bool:
    try:
        lock = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if path.stat().st_ino != os.fstat(lock).st_ino:
            return False  # that one was of a holder before
        # As a holder that ends: whoever comes meanwhile finds the lock taken, or its file gone, and tries again.
        path.with_suffix("").unlink(missing_ok=True)
        path.unlink()
    except OSError:
        return False
    finally:
        os.close(lock)
    return True
