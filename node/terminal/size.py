"""Columns and rows of a PTY."""

import fcntl
import struct
import termios
from typing import NamedTuple

_WINSIZE = struct.Struct("HHHH")  # struct winsize: rows, columns, and pixels that nobody fills in


class Size(NamedTuple):
    """A terminal's size in characters."""

    cols: int
    rows: int


def size_of(pty: int) -> Size:
    rows, cols, _, _ = _WINSIZE.unpack(fcntl.ioctl(pty, termios.TIOCGWINSZ, bytes(_WINSIZE.size)))
    return Size(cols, rows)


def set_size(pty: int, size: Size) -> None:
    """The kernel tells the job in front by SIGWINCH when the size changes."""
    fcntl.ioctl(pty, termios.TIOCSWINSZ, _WINSIZE.pack(size.rows, size.cols, 0, 0))
