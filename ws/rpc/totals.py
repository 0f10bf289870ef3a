"""What the sockets of this process have met since its start, for the figures of whoever runs it."""

from dataclasses import dataclass


@dataclass
class Totals:
    """`lags`: subscriptions that ended because their reader fell behind."""

    lags: int = 0


TOTALS = Totals()
"""Of this process."""
