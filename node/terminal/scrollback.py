"""The last output of a terminal, in shared memory, exact to the byte even when its writer is killed.

Layout (version 1): byte N of the terminal's life is byte N of a sparse memfd, and the position of the open file
description, which the holder and the node share, is the number of bytes that the program has written so far. Memory
before the kept part is given back to the system. Nothing wraps, and nothing but the kernel counts. Far beyond all
output lies one page that says what the bytes given back have set (`modes`), and up to where that was followed. Who
finds zeros there begins with nothing set: the page was added later, and whoever does not know it loses nothing else.

Output moves PTY → pipe → memfd by splice(2). Each step either has happened or has not: a process killed between the two
leaves the bytes in the pipe, whose ends the other process holds too; so the next one to read starts with the pipe.
Measured against read(2) and write(2) the two steps cost nothing (Linux 6.18; tty files can be spliced since 5.11).
"""

import contextlib
import errno
import mmap
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from node.terminal.modes import Modes

PIPE_BYTES = 64 * 1024
"""Default capacity of a Linux pipe; one wake-up moves no more."""
KEYSTROKE_BYTES = 1024
"""A first read shorter than this is an echo, not a flood: the PTY is empty and a second read would cost for nothing."""
_TRIM_EVERY_BYTES = 256 * 1024
_PAGE_BYTES = mmap.ALLOCATIONGRANULARITY
_RECORD_AT = 1 << 56
"""As many bytes take twenty years at 100 MB/s. The file is sparse: only the page itself takes memory."""
_LINE_BYTES = 4096
"""A screen that begins anew begins with a line, unless that is longer."""
_UTF_8_BYTES = 4
_paints_all = re.compile(rb"\x1b(?:c|\[(?:2J|\?[0-9;]*\b(?:47|104[79])[0-9;]*[hl]))").search
"""Erases the whole screen, or changes it."""


class Beginning(NamedTuple):
    """Where a screen can begin that has seen nothing before, and what brings it into the state of that place.

    `is_picture_whole`: the output from there on draws everything that is to be seen.
    """

    offset: int
    preamble: str
    is_picture_whole: bool


class _Record(msgspec.Struct):
    """`modes` hold at byte `at` of the output."""

    at: int
    modes: Modes


_encode_record = msgspec.json.Encoder().encode
_decode_record = msgspec.json.Decoder(_Record).decode


class Taken(NamedTuple):
    """What one `Scrollback.take` did. `is_over`: no process has the terminal open any more."""

    moved: int
    is_over: bool


@dataclass(frozen=True, slots=True)
class Descriptors:
    """What the holder and the node share of one terminal, in the order in which they are handed over."""

    pty: int
    memory: int
    pipe_out: int
    pipe_in: int

    @classmethod
    def create(cls, open_pty: Callable[[], int]) -> "Descriptors":
        """Scrollback for the PTY master that `open_pty` makes, last of all: when anything fails nothing is left open.

        The master becomes non-blocking for everybody who shares it. Raises OSError and what `open_pty` raises.
        """
        with contextlib.ExitStack() as undo:
            memory = os.memfd_create("scrollback", os.MFD_CLOEXEC)
            undo.callback(os.close, memory)
            pipe_out, pipe_in = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
            undo.callback(os.close, pipe_out)
            undo.callback(os.close, pipe_in)
            pty = open_pty()
            undo.pop_all()
        os.set_blocking(pty, False)
        return cls(pty, memory, pipe_out, pipe_in)

    def as_list(self) -> list[int]:
        return [self.pty, self.memory, self.pipe_out, self.pipe_in]

    def close(self) -> None:
        for descriptor in self.as_list():
            os.close(descriptor)


class Scrollback:
    """Reader and writer of one terminal's output; one process at a time writes. `kept_bytes` bounds what is kept."""

    def __init__(self, descriptors: Descriptors, kept_bytes: int) -> None:
        self._shared = descriptors
        self._kept_bytes = kept_bytes
        self._trimmed = 0
        self._in_pipe = 0
        self._followed = _Record(0, Modes())
        self.end = 0
        self.recover()

    @property
    def start(self) -> int:
        """Offset of the oldest kept byte."""
        return max(0, self.end - self._kept_bytes)

    def recover(self) -> None:
        """Take over after another writer: what it left in the pipe comes first."""
        self.end = os.lseek(self._shared.memory, 0, os.SEEK_CUR)
        self._followed = self._read_record()
        self._in_pipe = PIPE_BYTES
        with contextlib.suppress(BlockingIOError):  # the pipe is empty
            self._drain_pipe()
        self._in_pipe = 0

    def take(self, budget: int) -> Taken:
        """Move at most `budget` waiting bytes of the PTY into memory; never waits.

        Raises OSError when memory is refused; the bytes then wait in the pipe for the next call.
        """
        count = 0
        is_over = False
        budget = min(budget, PIPE_BYTES)
        while count < budget:
            try:
                moved = os.splice(self._shared.pty, self._shared.pipe_in, budget - count, flags=os.SPLICE_F_NONBLOCK)
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno != errno.EIO:  # EIO is how Linux says that the last process has closed its side
                    raise
                moved = 0
            if not moved:
                is_over = True
                break
            count += moved
            if count == moved < KEYSTROKE_BYTES:
                break
        self._in_pipe += count
        self._drain_pipe()
        return Taken(count, is_over)

    def read(self, start: int, end: int) -> bytes:
        """Bytes [start, end) of the terminal's life; both within what is kept."""
        return os.pread(self._shared.memory, end - start, start)

    def begin(self, wanted: int) -> Beginning:
        """Where to begin instead of `wanted`, a kept byte: at most a line later, and never within a character."""
        copy = _decode_record(_encode_record(self._followed))
        rest = self._follow(copy, wanted)
        ahead = self.read(wanted, min(self.end, wanted + _LINE_BYTES))
        is_line = wanted > 0 and self.read(wanted - 1, wanted) == b"\n"
        line = 0 if is_line else ahead.find(b"\n") + 1
        at_line = _decode_record(_encode_record(copy))
        if line and not self._follow(at_line, wanted + line) and not at_line.modes.string:
            return self._beginning(wanted + line, at_line.modes, "")
        if rest or copy.modes.string:
            return self._beginning(wanted, copy.modes, rest.decode("ascii", "ignore"))
        torn = next((at for at, byte in enumerate(ahead[:_UTF_8_BYTES]) if byte & 0xC0 != 0x80), 0)
        return self._beginning(wanted + torn, copy.modes, "")

    def _beginning(self, offset: int, modes: Modes, begun: str) -> Beginning:
        is_whole = not modes.is_alternate or _paints_all(self.read(offset, self.end)) is not None
        return Beginning(offset, modes.preamble() + begun, is_whole)

    def _follow(self, record: _Record, until: int) -> bytes:
        """Bring `record` forward to `until`; returns the beginning of a sequence that ends later."""
        while True:
            piece = self.read(record.at, min(until, record.at + _TRIM_EVERY_BYTES))
            followed = record.modes.feed(piece)
            record.at += followed
            if record.at + len(piece) - followed >= until or not followed:
                return piece[followed:]

    def _read_record(self) -> _Record:
        """What the last writer knew; what was given back without being followed is passed over."""
        try:
            written = os.pread(self._shared.memory, _PAGE_BYTES, _RECORD_AT).rstrip(b"\0")
            record = _decode_record(written)
        except (OSError, msgspec.MsgspecError):
            record = _Record(0, Modes())
        record.at = max(record.at, self.start - _TRIM_EVERY_BYTES - _PAGE_BYTES)
        return record if record.at <= self.end else _Record(0, Modes())

    def _drain_pipe(self) -> None:
        while self._in_pipe > 0:
            moved = os.splice(self._shared.pipe_out, self._shared.memory, PIPE_BYTES, flags=os.SPLICE_F_NONBLOCK)
            self._in_pipe -= moved
            self.end += moved
        if self.start - self._trimmed >= _TRIM_EVERY_BYTES:
            self._trim()

    def _trim(self) -> None:
        self._follow(self._followed, self.start)
        with contextlib.suppress(OSError):  # no memory for it: a node that is killed now leaves an older one
            os.pwrite(self._shared.memory, _encode_record(self._followed).ljust(_PAGE_BYTES, b"\0"), _RECORD_AT)
        until = self._followed.at // _PAGE_BYTES * _PAGE_BYTES
        if until <= self._trimmed:
            return
        with mmap.mmap(self._shared.memory, until - self._trimmed, offset=self._trimmed) as unwanted:
            unwanted.madvise(mmap.MADV_REMOVE)
        self._trimmed = until
