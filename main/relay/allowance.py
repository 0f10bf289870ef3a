"""How much somebody may ask for at once and in the long run."""

import time
from collections.abc import Callable

from ws.protocol.errors import ErrorCode, WireError


class Allowance:
    """`burst` units at once, then `per_s` a second."""

    def __init__(self, burst: float, per_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._burst = burst
        self._per_s = per_s
        self._clock = clock
        self._left = burst
        self._as_of = clock()

    def take(self, units: float) -> None:
        """Raises WireError `rate_limited` with the time to wait, and takes nothing then."""
        now = self._clock()
        self._left = min(self._burst, self._left + (now - self._as_of) * self._per_s)
        self._as_of = now
        if units > self._left:
            raise WireError(
                ErrorCode.RATE_LIMITED,
                "This account changes what it keeps too fast; try again in a moment.",
                retry_after_s=round((units - self._left) / self._per_s + 0.05, 1),
            )
        self._left -= units
