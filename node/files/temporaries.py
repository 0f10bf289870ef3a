"""The names under which something is made ready beside its place, and what a killed node left of them."""

import os
import re
import secrets
import threading
import time
from contextlib import suppress

from node.files.trees import remove_entry
from ws.protocol.errors import WireError

_PATTERN = re.compile(r"\.switchyard-[0-9a-f]{16}\.tmp\Z")
MIN_AGE_S = 24 * 3600.0
"""Nothing that is being made stays unchanged that long; another node may work in the same folder."""
MAX_REMEMBERED = 4096
"""Folders that are known to be swept; past it they are forgotten and swept once more."""


def temporary_name() -> str:
    """A name that nothing else has."""
    return f".switchyard-{secrets.token_hex(8)}.tmp"


def is_temporary(name: str) -> bool:
    """Whether this name is one that `temporary_name` gives."""
    return _PATTERN.match(name) is not None


class Sweeper:
    """Removes what was left half-made in the folders in which this node writes, each looked at once. Thread-safe."""

    def __init__(self) -> None:
        self._swept: set[tuple[int, int]] = set()
        self._lock = threading.Lock()

    def sweep(self, folder: int) -> None:
        """Remove the temporaries in an open folder that are older than a day, once in the life of this process. Blocks.

        The age is that of the last change of the inode: a copy keeps the older times of its original. What cannot be
        removed stays.
        """
        status = os.fstat(folder)
        with self._lock:
            if (status.st_dev, status.st_ino) in self._swept:
                return
            if len(self._swept) >= MAX_REMEMBERED:
                self._swept.clear()
            self._swept.add((status.st_dev, status.st_ino))
        with suppress(OSError), os.scandir(folder) as entries:
            left = [entry.name for entry in entries if is_temporary(entry.name)]
            for name in left:
                with suppress(OSError, WireError):
                    if time.time() - os.stat(name, dir_fd=folder, follow_symlinks=False).st_ctime > MIN_AGE_S:
                        remove_entry(folder, name, is_ours=True)
