"""How long terminals that have ended are kept."""

import asyncio
from collections.abc import Callable

ENDED_KEPT_S = 86_400.0
"""An ended terminal can be read, and started again, for so long."""
MAX_ENDED = 16
"""So many of the latest that ended are kept for that long; each may have its whole scrollback."""
PUSHED_OUT_KEPT_S = 600.0
"""The others: their readers may be reconnecting."""


class Retention:
    """Calls `forget` with the id of an ended terminal when its time is over, in the order in which they ended."""

    def __init__(self, forget: Callable[[str], None]) -> None:
        self._forget = forget
        self._expiries: dict[str, asyncio.TimerHandle] = {}

    @property
    def oldest(self) -> str | None:
        """The one that gives way first."""
        return next(iter(self._expiries), None)

    def keep(self, terminal: str) -> None:
        """It has ended just now."""
        self.release(terminal)
        self._forget_after(ENDED_KEPT_S, terminal)
        if len(self._expiries) > MAX_ENDED:
            pushed_out = list(self._expiries)[-MAX_ENDED - 1]
            self._expiries[pushed_out].cancel()
            self._forget_after(PUSHED_OUT_KEPT_S, pushed_out)

    def release(self, terminal: str) -> None:
        """It runs, or will in a moment, or is forgotten: no end is known of it."""
        if timer := self._expiries.pop(terminal, None):
            timer.cancel()

    def close(self) -> None:
        """Forget nothing any more."""
        for timer in self._expiries.values():
            timer.cancel()
        self._expiries.clear()

    def _forget_after(self, seconds: float, terminal: str) -> None:
        loop = asyncio.get_running_loop()
        self._expiries[terminal] = loop.call_later(seconds, self._forget, terminal)
