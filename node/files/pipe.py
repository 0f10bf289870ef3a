"""From a thread that produces bytes to the task that sends them, with room for a few pieces and no more."""

import asyncio
import threading

PIECE_BYTES = 256 * 1024
MAX_PIECES = 4
"""Produced and not taken; then the producer waits."""


class ThreadPipe:
    """A file for one writing thread, a queue for one reading task. Made on the loop."""

    def __init__(self, stall_s: float) -> None:
        """`stall_s`: a producer that finds no room for this long gets BrokenPipeError."""
        self._stall_s = stall_s
        self._loop = asyncio.get_running_loop()
        self._pieces: asyncio.Queue[bytes | None] = asyncio.Queue()  # bounded by the semaphore
        self._room = threading.Semaphore(MAX_PIECES)
        self._buffer = bytearray()
        self._is_given_up = threading.Event()

    @property
    def is_wanted(self) -> bool:
        """Whether somebody still reads."""
        return not self._is_given_up.is_set()

    def write(self, data: bytes, /) -> int:
        """For the thread. Raises BrokenPipeError when nobody reads any more."""
        self._buffer += data
        if len(self._buffer) >= PIECE_BYTES:
            self._hand_over()
        return len(data)

    def flush(self) -> None:
        """For the thread: nothing to do, pieces go when they are full and at the end."""

    def close(self) -> None:
        """For the thread: this was all, or it failed."""
        try:
            if self._buffer and self.is_wanted:
                self._hand_over()
        finally:
            self._tell(None)

    async def take(self) -> bytes | None:
        """For the task: the next piece, None at the end."""
        piece = await self._pieces.get()
        self._room.release()
        return piece

    def give_up(self) -> None:
        """For the task: read no more; the thread hears of it at its next write."""
        self._is_given_up.set()
        self._room.release()

    def _hand_over(self) -> None:
        if not self._room.acquire(timeout=self._stall_s) or not self.is_wanted:
            raise BrokenPipeError("nobody takes what is written")
        piece = bytes(self._buffer)
        self._buffer.clear()
        self._tell(piece)

    def _tell(self, piece: bytes | None) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._pieces.put_nowait, piece)
