"""The writing half of a terminal: what was typed waits here until the program reads it."""

import asyncio
import os
import signal
import termios
from collections import deque
from contextlib import suppress

from node.terminal.signalling import signal_front

INPUT_LIMIT_BYTES = 1024 * 1024
"""Beyond it a reader's socket is not read: who pastes more into a program that does not read waits, nobody else."""
_SIGNAL_KEYS = {
    termios.VINTR: signal.SIGINT,
    termios.VQUIT: signal.SIGQUIT,
    termios.VSUSP: signal.SIGTSTP,
}
_LOCAL_FLAGS = 3
_CHARACTERS = 6


class InputQueue:
    """Bytes on their way into the PTY `pty`; writing never waits for the program.

    In order, but a key that signals (Ctrl-C) does not wait behind a paste that the program does not read. A terminal
    throws away what was not read yet when it is pressed (POSIX, 11.1.9, ISIG and NOFLSH), and so does this.
    """

    def __init__(self, pty: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._pty = pty
        self._waiting: deque[memoryview] = deque()
        self._has_room = asyncio.Event()
        self._is_closed = False
        self.waiting_bytes = 0
        self.thrown_away = 0
        """How often a key that signals has thrown away what waited, which goes for what waits elsewhere too."""

    def offer(self, data: bytes) -> bool:
        """Write `data`, or keep what the program does not take yet. False: no room, and none of it was taken."""
        if self._is_closed or (self._waiting and self._signals(data)):
            return True
        if self.waiting_bytes and self.waiting_bytes + len(data) > INPUT_LIMIT_BYTES:
            return False
        is_idle = not self._waiting
        self._waiting.append(memoryview(data))
        self.waiting_bytes += len(data)
        if is_idle:
            self._write()
            if self._waiting:
                self._loop.add_writer(self._pty, self._write)
        return True

    def interrupt(self, data: bytes) -> bool:
        """Whether `data` is a key by which the program's terminal signals, and has thrown away what waits."""
        return bool(self._waiting) and self._signals(data, throws_away=True)

    async def room(self) -> None:
        """Returns when some input has been taken, or the terminal has closed."""
        self._has_room.clear()
        if not self._is_closed:
            await self._has_room.wait()

    def close(self) -> None:
        """Drop what waits; called before the descriptor is closed."""
        self._is_closed = True
        self._clear()

    def _signals(self, data: bytes, *, throws_away: bool = False) -> bool:
        """Whether `data` is a key by which the program's terminal signals; then the signal is on its way.

        `throws_away`: only where it throws away what was not read.
        """
        if len(data) != 1:
            return False
        with suppress(OSError, termios.error):  # the program has closed the terminal
            attributes = termios.tcgetattr(self._pty)
            number = next((sent for key, sent in _SIGNAL_KEYS.items() if attributes[_CHARACTERS][key] == data), None)
            is_flushing = not attributes[_LOCAL_FLAGS] & termios.NOFLSH
            if number is not None and attributes[_LOCAL_FLAGS] & termios.ISIG and (is_flushing or not throws_away):
                if is_flushing:
                    self._clear()
                    self.thrown_away += 1
                signal_front(self._pty, number)
                return True
        return False

    def _write(self) -> None:
        try:
            while self._waiting:
                first = self._waiting[0]
                written = os.write(self._pty, first)
                self.waiting_bytes -= written
                if written < len(first):
                    self._waiting[0] = first[written:]
                else:
                    self._waiting.popleft()
        except BlockingIOError:
            pass
        except OSError:  # EIO: the program has closed the terminal, so nobody will read this
            self._clear()
        if not self._waiting:
            self._loop.remove_writer(self._pty)
        self._has_room.set()

    def _clear(self) -> None:
        self._waiting.clear()
        self.waiting_bytes = 0
        self._loop.remove_writer(self._pty)
        self._has_room.set()
