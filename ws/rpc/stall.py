"""Telling a connection that stands still from one that is slow."""

import asyncio
from collections.abc import Callable

LOOKS = 4
"""How often it is looked at within the time that ends the connection."""


class StallWatch:
    """Calls `on_stall` once when the other end has taken nothing for `stall_s` although something is being sent.

    A deadline for each frame would cut a slow line that is still moving a long one, and cost a timer a frame.
    `unsent_bytes` says what the transport holds; any fall of it is progress. While nothing is sent no timer runs.
    """

    def __init__(self, stall_s: float, unsent_bytes: Callable[[], int], on_stall: Callable[[], None]) -> None:
        self._interval_s = stall_s / LOOKS
        self._unsent_bytes = unsent_bytes
        self._on_stall = on_stall
        self._loop = asyncio.get_running_loop()
        self._is_sending = False
        self._sent_frames = 0
        self._seen = (0, 0)
        self._looks = 0
        self._timer: asyncio.TimerHandle | None = None

    def sending(self) -> None:
        """A frame is handed to the transport."""
        self._is_sending = True
        if self._timer is None:
            self._timer = self._loop.call_later(self._interval_s, self._look)

    def sent(self) -> None:
        """The transport has room for the next one."""
        self._is_sending = False
        self._sent_frames += 1

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        self._timer = None
        if not self._is_sending:
            self._looks = 0
            return
        frames, unsent = self._sent_frames, self._unsent_bytes()
        has_moved = frames != self._seen[0] or unsent < self._seen[1]
        self._seen = (frames, unsent)
        self._looks = 0 if has_moved else self._looks + 1
        if self._looks >= LOOKS:
            self._on_stall()
        else:
            self._timer = self._loop.call_later(self._interval_s, self._look)
