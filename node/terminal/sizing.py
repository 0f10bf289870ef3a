"""The size of one terminal: not changed too often, and changed for a moment where a program shall draw anew."""

import asyncio
from collections.abc import Callable

from node.terminal.size import Size, set_size, size_of

RESIZE_EVERY_S = 0.05
"""A window that is dragged sends dozens of sizes a second, and each makes the program draw its screen anew."""
OTHER_SIZE_S = 0.15
"""So long a program has to notice that its terminal has a row less; many draw nothing when they find the old size."""
REDRAW_EVERY_S = 1.0
"""Whoever attaches again and again makes the program draw no more often than this."""


class Sizing:
    """Owner of the size of `pty`; `on_size` is told each new one, and who asked for it if that was one reader."""

    def __init__(self, pty: int, on_size: Callable[[Size, object | None], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._pty = pty
        self._on_size = on_size
        self._wanted: Size | None = None
        self._rest: asyncio.TimerHandle | None = None
        self._redraw: asyncio.TimerHandle | None = None
        self._redrawn_s = float("-inf")
        self._hurried_s = float("-inf")
        self._is_other = False
        self._is_stopped = False
        self.size = size_of(pty)

    def want(self, size: Size, *, by: object | None = None, at_once: bool = False) -> None:
        """The latest size that is wanted counts.

        `at_once`: before what is typed next, unless two windows in which somebody types quarrel about it.
        """
        if self._is_stopped:
            return
        self._wanted = size
        now_s = self._loop.time()
        if at_once and self._rest is not None and now_s >= self._hurried_s + RESIZE_EVERY_S:
            self._hurried_s = now_s
            self._rest.cancel()
            self._rest = None
        if self._rest is None:
            self._apply(by)

    def redraw(self) -> None:
        """Have the program draw its whole picture, now or soon: several who ask share one drawing."""
        if self._redraw is None and not self._is_stopped:
            rest_s = self._redrawn_s + REDRAW_EVERY_S - self._loop.time()
            self._redraw = self._loop.call_later(max(0.0, rest_s), self._be_other)

    def stop(self) -> None:
        """No more changes: there is no program that could see them, or the descriptor is about to be closed."""
        for timer in (self._rest, self._redraw):
            if timer is not None:
                timer.cancel()
        self._rest = self._redraw = None
        self._is_stopped = True

    def _apply(self, by: object | None) -> None:
        self._rest = None
        if self._wanted is None or self._wanted == self.size:
            return
        self.size = self._wanted
        self._set(self.size)
        self._rest = self._loop.call_later(RESIZE_EVERY_S, self._apply, None)
        self._on_size(self.size, by)

    def _be_other(self) -> None:
        cols, rows = self.size
        self._set(Size(cols, rows - 1 if rows > 1 else rows + 1))
        self._is_other = True
        self._redraw = self._loop.call_later(OTHER_SIZE_S, self._be_itself)

    def _be_itself(self) -> None:
        self._redraw = None
        self._redrawn_s = self._loop.time()
        if self._is_other:
            self._set(self.size)

    def _set(self, size: Size) -> None:
        self._is_other = False
        set_size(self._pty, size)
