"""How many terminal streams one person may have, and how many may be on their way at once."""

from collections import Counter
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from ws.protocol.base import NodeId, UserId
from ws.protocol.errors import ErrorCode, WireError

Key = TypeVar("Key", bound=Hashable)

MAX_OF_PERSON = 256
"""Open at once on all devices and machines. Each may take a read and two write buffers here, and one stream of 512
that a node serves: one person cannot take them all."""
MAX_AT_TERMINAL = 16
"""Of one person at one terminal, which has 32 readers at most: one person cannot keep the others out of it."""
MAX_OPENING_OF_PERSON = 64
MAX_OPENING = 256
"""Asked for and not joined yet, of one person and of all: a node has 10 s to dial back."""
RETRY_AFTER_S = 1.0


class Places:
    """Counts terminal streams by the person who asked for them, whatever login or token they came by."""

    def __init__(self) -> None:
        self._open: Counter[UserId] = Counter()
        self._opening: Counter[UserId] = Counter()
        self._at: Counter[Hashable] = Counter()

    @contextmanager
    def hold(self, user: UserId, node: NodeId, terminal: str) -> Iterator[None]:
        """One stream of `user`, from before it is asked for until it has ended. Raises WireError (conflict)."""
        at = (user, node, terminal)
        if self._at[at] >= MAX_AT_TERMINAL:
            raise WireError(
                ErrorCode.CONFLICT,
                f"You have this terminal open {MAX_AT_TERMINAL} times, which is the limit; close it on another page.",
            )
        if self._open[user] >= MAX_OF_PERSON:
            raise WireError(
                ErrorCode.CONFLICT,
                f"You have {MAX_OF_PERSON} terminals open on all your pages, which is the limit; close some of them.",
            )
        with _counted(self._open, user), _counted(self._at, at):
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
def _counted(tally: Counter[Key], key: Key) -> Iterator[None]:
    tally[key] += 1
    try:
        yield
    finally:
        tally[key] -= 1
        if not tally[key]:
            del tally[key]
