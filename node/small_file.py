"""Small files of others, such as those of a `.git`, read without a program and without being held up by any of them."""

import os
import stat
from pathlib import Path


def read_small(path: Path, max_bytes: int) -> bytes | None:
    """At most the first `max_bytes` of a regular file; None when there is none to read.

    A link as its last part is not followed, and a pipe or device never waited for. Blocks.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except (OSError, ValueError):
        return None
    try:
        return os.read(descriptor, max_bytes) if stat.S_ISREG(os.fstat(descriptor).st_mode) else None
    except OSError:
        return None
    finally:
        os.close(descriptor)
