"""How many wrong passwords an address may try. Only failures count, so nobody is locked out of a living login."""

import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable

from ws.protocol.errors import ErrorCode, WireError

WINDOW_S = 15 * 60.0
MAX_FAILURES_PER_USER = 5
"""For one user name from one address."""
MAX_FAILURES_PER_ADDRESS = 30
MAX_KEYS = 10_000
"""Remembered pairs and addresses; the longest unused are forgotten, so an attacker cannot fill the memory."""

Key = tuple[str, str]


class Throttle:
    """Failures by (address, user) and by address in a sliding window."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: OrderedDict[Key, list[float]] = OrderedDict()

    def check(self, address: str, user: str) -> None:
        """Raise WireError `rate_limited` with the time to wait when there were too many failures."""
        network = network_of(address)
        for key, limit in (((network, user), MAX_FAILURES_PER_USER), ((network, ""), MAX_FAILURES_PER_ADDRESS)):
            recent = self._recent(key)
            if len(recent) >= limit:
                wait_s = max(1.0, recent[-limit] + WINDOW_S - self._clock())
                raise WireError(
                    ErrorCode.RATE_LIMITED,
                    f"Too many failed sign-ins; try again in {math.ceil(wait_s / 60)} min.",
                    retry_after_s=math.ceil(wait_s),
                )

    def note_failure(self, address: str, user: str) -> None:
        """Count one wrong password (or set-up code)."""
        network = network_of(address)
        for key in ((network, user), (network, "")):
            self._failures[key] = [*self._recent(key), self._clock()][-MAX_FAILURES_PER_ADDRESS:]
            self._failures.move_to_end(key)
        while len(self._failures) > MAX_KEYS:
            self._failures.popitem(last=False)

    def forget(self, address: str, user: str) -> None:
        """A right password: earlier mistakes of this pair do not count any more."""
        self._failures.pop((network_of(address), user), None)

    def _recent(self, key: Key) -> list[float]:
        oldest = self._clock() - WINDOW_S
        return [moment for moment in self._failures.get(key, ()) if moment > oldest]


def network_of(address: str) -> str:
    """What counts as one address: an IPv4 address, or the /64 that one IPv6 host owns."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
