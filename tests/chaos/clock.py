"""A clock that a test can put forward and back, for Python programs that are started with its environment.

What measures lengths of time (`time.monotonic`, the loop's timers) goes on as it is, as with a real clock that is set.
"""

import struct
from dataclasses import dataclass
from pathlib import Path

_AT_START = """
import datetime, mmap, os, struct, time

with open(os.environ["TESTS_CLOCK"], "rb") as file:
    ahead = mmap.mmap(file.fileno(), 8, access=mmap.ACCESS_READ)
real_ns, real = time.time_ns, datetime.datetime


def time_ns():
    return real_ns() + int(struct.unpack("d", ahead[:8])[0] * 1e9)


class Time(type):
    def __instancecheck__(cls, instance):
        return isinstance(instance, real)


class Shifted(real, metaclass=Time):
    @classmethod
    def now(cls, tz=None):
        return real.fromtimestamp(time_ns() / 1e9, tz)


time.time_ns, time.time = time_ns, lambda: time_ns() / 1e9
datetime.datetime = Shifted
"""


@dataclass
class Clock:
    """`folder` is where it lives; programs that have `environ` go by it."""

    folder: Path

    def __post_init__(self) -> None:
        self.folder.mkdir()
        (self.folder / "sitecustomize.py").write_text(_AT_START)
        self._file.write_bytes(bytes(8))

    @property
    def environ(self) -> dict[str, str]:
        return {"PYTHONPATH": str(self.folder), "TESTS_CLOCK": str(self._file)}

    def put(self, ahead_s: float) -> None:
        """From now on it is so many seconds ahead of the real one, or behind."""
        with self._file.open("r+b") as file:
            file.write(struct.pack("d", ahead_s))

    @property
    def _file(self) -> Path:
        return self.folder / "ahead"
