"""How much a terminal reads at once, so that a flood in one does not delay a keystroke in another.

64 KiB for each wake-up carries a flood at full speed. While somebody types in another terminal, 16 KiB and a rest of 1
ms keep the loop free for the echo, at the price that docs/PERFORMANCE.md shows; so it rests only then.
"""

import time
from collections.abc import Callable

FULL_BATCH_BYTES = 64 * 1024
CONSIDERATE_BATCH_BYTES = 16 * 1024
REST_S = 0.001
TYPING_LASTS_S = 0.3
"""Somebody who typed this lately is waiting for an echo, or about to type on."""


class Pace:
    """Shared by all terminals of a node. `clock` in seconds, monotonic."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._latest: tuple[str, float] = ("", float("-inf"))
        self._other_typed_s = float("-inf")

    def typed(self, terminal: str) -> None:
        """Note input in `terminal`."""
        if self._latest[0] != terminal:
            self._other_typed_s = self._latest[1]
        self._latest = (terminal, self._clock())

    def is_considerate(self, terminal: str) -> bool:
        """Whether `terminal` leaves room for another one, in which somebody types."""
        typed_s = self._other_typed_s if self._latest[0] == terminal else self._latest[1]
        return self._clock() - typed_s < TYPING_LASTS_S
