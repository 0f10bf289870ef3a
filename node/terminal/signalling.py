"""Sending a signal to the job in front of a terminal, from the side that holds the terminal."""

import errno
import fcntl
import os
import platform
from signal import Signals

_OTHER_WRITE = ("alpha", "mips", "parisc", "ppc")
"""Architectures that write the direction of an ioctl another way (Linux, uapi/asm/ioctl.h)."""


def request_for(machine: str) -> int:
    """TIOCSIG on an architecture, as uname(2) names it: ``_IOW('T', 0x36, int)``, of sparc ``_IOW('t', 136, int)``."""
    if machine.startswith("sparc"):
        return 0x80047488
    return 0x80045436 if machine.startswith(_OTHER_WRITE) else 0x40045436


TIOCSIG = request_for(platform.machine())


def signal_front(pty: int, number: Signals) -> None:
    """Signal the process group in front of the terminal with the master `pty`, another user's too where Linux can.

    Raises OSError when nobody is there any more.
    """
    try:
        fcntl.ioctl(pty, TIOCSIG, number)
    except OSError as error:
        if error.errno not in {errno.ENOTTY, errno.EINVAL}:
            raise
        group = os.tcgetpgrp(pty)
        if group <= 0:  # the session has ended, and 0 would be this process's own group
            raise ProcessLookupError(errno.ESRCH, os.strerror(errno.ESRCH)) from error
        os.killpg(group, number)
