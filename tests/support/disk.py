"""A disk that is full when a test says so."""

import contextlib
import ctypes
import os
import resource
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_libc = ctypes.CDLL(None, use_errno=True)
_BLOCK_BYTES = 4096


@dataclass
class SmallDisk:
    """`folder` is a file system of its own; where none can be mounted, `fill` forbids processes to lengthen files."""

    folder: Path
    is_mounted: bool

    def fill(self, *pids: int) -> None:
        """Leave no room for anything that the processes write."""
        if not self.is_mounted:
            self._limit(pids, 0)
            return
        with contextlib.suppress(OSError), (self.folder / "ballast").open("ab", buffering=0) as ballast:
            while True:
                ballast.write(bytes(_BLOCK_BYTES))

    def free(self, *pids: int) -> None:
        """Make room again."""
        if self.is_mounted:
            (self.folder / "ballast").unlink()
        else:
            self._limit(pids, resource.RLIM_INFINITY)

    @contextlib.contextmanager
    def full_for_children(self) -> Iterator[None]:
        """Full for the programs that are started inside."""
        own = os.getpid()
        self.fill(own)
        try:
            yield
        finally:
            if not self.is_mounted:
                self.free(own)

    @staticmethod
    def _limit(pids: tuple[int, ...], soft_bytes: int) -> None:
        for pid in pids:
            _, hard_bytes = resource.prlimit(pid, resource.RLIMIT_FSIZE)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft_bytes, hard_bytes))


@contextlib.contextmanager
def small_disk(folder: Path, size_bytes: int = 8 << 20) -> Iterator[SmallDisk]:
    """A disk at `folder`, which is made. Only root mounts one; processes under it must have ended at the end."""
    folder.mkdir()
    options = f"size={size_bytes},mode=0777".encode()
    is_mounted = _libc.mount(b"tmpfs", os.fsencode(folder), b"tmpfs", 0, options) == 0
    try:
        yield SmallDisk(folder, is_mounted)
    finally:
        if is_mounted:
            lazily = 2  # MNT_DETACH: a straggler that still has a file open does not keep the folder
            assert _libc.umount2(os.fsencode(folder), lazily) == 0, os.strerror(ctypes.get_errno())
