"""What streams have received and nobody has taken yet, bounded for all of them together."""

from collections.abc import Callable

FREE_BYTES = 64 * 1024
"""Of each stream, which count for nothing here: keys, acknowledgements, a read of a longer message."""


class Budget:
    """At most `limit_bytes` beyond the free ones of each stream. Who has held more than those for longest gives up."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._held: dict[Share, int] = {}
        self._is_freeing = False
        self.held_bytes = 0

    def hold(self, share: "Share", held_bytes: int) -> None:
        """From now on `share` has so many bytes. May call `give_up` of any share."""
        counted = held_bytes if held_bytes > FREE_BYTES else 0
        self.held_bytes += counted - self._held.get(share, 0)
        if counted:
            self._held[share] = counted
        else:
            self._held.pop(share, None)
        if self.held_bytes > self._limit_bytes and not self._is_freeing:
            self._is_freeing = True
            try:
                self._free()
            finally:
                self._is_freeing = False

    def _free(self) -> None:
        for each in [*self._held]:
            if self.held_bytes <= self._limit_bytes:
                return
            if not each.has_given_up:
                each.has_given_up = True
                each.give_up()


class Share:
    """One stream's part. `give_up` is called when it shall let go of what it holds, which it tells by `hold`."""

    def __init__(self, budget: Budget, give_up: Callable[[], None]) -> None:
        self._budget = budget
        self._is_holding = False
        self.has_given_up = False
        self.give_up = give_up

    def hold(self, held_bytes: int) -> None:
        """As `Budget.hold`; costs next to nothing while it is little."""
        if held_bytes > FREE_BYTES or self._is_holding:
            self._is_holding = held_bytes > FREE_BYTES
            self._budget.hold(self, held_bytes)
