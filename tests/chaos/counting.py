"""Programs for terminals whose every byte is known: numbers from 0 on, and one that says back what is typed."""

import functools
import sys
from dataclasses import dataclass

LINE_BYTES = 12
"""Ten digits and what the terminal makes of a line feed."""
_BLOCK_LINES = 4096
_BLOCK_BYTES = _BLOCK_LINES * LINE_BYTES

_COUNTER = """
import sys, time
lines, pause_s = int(sys.argv[1]), float(sys.argv[2])
first = 0
while True:
    sys.stdout.write("".join("%010d\\n" % number for number in range(first, first + lines)))
    sys.stdout.flush()
    first += lines
    time.sleep(pause_s)
"""
SAY_BACK = ["sh", "-c", "stty -echo; echo ready; exec cat"]
"""Every line that is typed, once, after a line of its own."""


@dataclass(frozen=True)
class Pace:
    """So many lines at once, then a pause."""

    lines: int
    pause_s: float

    @property
    def command(self) -> list[str]:
        return [sys.executable, "-S", "-c", _COUNTER, str(self.lines), str(self.pause_s)]


def counted(start: int, end: int) -> bytes:
    """What bytes `start` to `end` of a counter's output are."""
    first, last = start // _BLOCK_BYTES, -(-end // _BLOCK_BYTES)
    blocks = b"".join(_block(number) for number in range(first, last))
    return blocks[start - first * _BLOCK_BYTES : end - first * _BLOCK_BYTES]


@functools.lru_cache(maxsize=64)
def _block(number: int) -> bytes:
    first = number * _BLOCK_LINES
    return b"".join(b"%010d\r\n" % line for line in range(first, first + _BLOCK_LINES))
