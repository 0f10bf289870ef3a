"""Two system calls that Python does not offer: a rename that replaces nothing, and writing out one file system."""

import ctypes
import errno
import os
from functools import cache

_NOREPLACE = 1
"""RENAME_NOREPLACE of linux/fs.h."""
_NOT_OFFERED = {errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP}
"""An old kernel, or a file system that knows no such flag (renameat2(2)). EINVAL also says that a folder would go into
itself: the plain rename that follows says so again."""


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def rename_new(source: int, name: str, target: int, new_name: str) -> None:
    """Rename `name` in the open folder `source` to `new_name` in `target`. Links are renamed, never followed.

    Raises FileExistsError when anything has that name already, and OSError. Where the file system cannot promise it,
    the look before the rename is all there is: then two that race for one name may replace one another.
    """
    done = _libc().renameat2(source, os.fsencode(name), target, os.fsencode(new_name), _NOREPLACE)
    if done == 0:
        return
    code = ctypes.get_errno()
    if code not in _NOT_OFFERED:
        raise OSError(code, os.strerror(code))
    if exists(target, new_name):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
    os.rename(name, new_name, src_dir_fd=source, dst_dir_fd=target)


def write_out(descriptor: int) -> None:
    """Everything that waits to be written to this descriptor's file system is on the disk. Raises OSError."""
    if _libc().syncfs(descriptor) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def exists(folder: int, name: str) -> bool:
    """Whether the open folder holds anything of this name, a dangling link too."""
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True
