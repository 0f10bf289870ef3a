"""How many terminal streams one person may have, and how many may be on their way at once."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from ws.protocol.base import UserId
from ws.protocol.errors import ErrorCode, WireError

MAX_OF_PERSON = 256
"""Open at once on all devices and machines. Each may take a read and two write buffers here, and one stream of 512
that a node serves: one person cannot take them all."""
MAX_OPENING_OF_PERSON = 64
MAX_OPENING = 256
"""Asked for and not joined yet, of one person and of all: a node has 10 s to dial back."""
RETRY_AFTER_S = 1.0


class Places:
    """Counts terminal streams by the person who asked for them, whatever login or token they came by."""

    def __init__(self) -> None:
        self._open: Counter[UserId] = Counter()
        self._opening: Counter[UserId] = Counter()

    @contextmanager
    def hold(self, user: UserId) -> Iterator[None]:
        """One stream of `user`, from before it is asked for until it has ended. Raises WireError (conflict)."""
        if self._open[user] >= MAX_OF_PERSON:
            raise WireError(
                ErrorCode.CONFLICT,
                f"You have {MAX_OF_PERSON} terminals open on all your pages, which is the limit; close some of them.",
            )
        with _counted(self._open, user):
            yield

    @contextmanager
    def opening(self, user: UserId) -> Iterator[None]:
        """Until the stream of `user` is there. Raises WireError (rate_limited)."""
        if self._opening[user] >= MAX_OPENING_OF_PERSON or self._opening.total() >= MAX_OPENING:
            raise WireError(
                ErrorCode.RATE_LIMITED,
                "Too many terminals are being opened at once; try again in a moment.",
                retryable=True,
                retry_after_s=RETRY_AFTER_S,
            )
        with _counted(self._opening, user):
            yield


@contextmanager
def _counted(tally: Counter[UserId], user: UserId) -> Iterator[None]:
    tally[user] += 1
    try:
        yield
    finally:
        tally[user] -= 1
        if not tally[user]:
            del tally[user]
