"""The writing half of a terminal: what was typed waits here until the program reads it."""

import asyncio
import os
from collections import deque

INPUT_LIMIT_BYTES = 1024 * 1024
"""Beyond it a reader's socket is not read: who pastes more into a program that does not read waits, nobody else."""


class InputQueue:
    """Bytes on their way into the PTY `pty`, in order; writing never waits for the program."""

    def __init__(self, pty: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._pty = pty
        self._waiting: deque[memoryview] = deque()
        self._has_room = asyncio.Event()
        self._is_closed = False
        self.waiting_bytes = 0

    def offer(self, data: bytes) -> bool:
        """Write `data`, or keep what the program does not take yet. False: no room, and none of it was taken."""
        if self._is_closed:
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

    async def room(self) -> None:
        """Returns when some input has been taken, or the terminal has closed."""
        self._has_room.clear()
        if not self._is_closed:
            await self._has_room.wait()

    def close(self) -> None:
        """Drop what waits; called before the descriptor is closed."""
        self._is_closed = True
        self._clear()

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
