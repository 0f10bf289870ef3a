"""How much of one machine one person may have under way, so that there is some for everybody else.

A node and its link bound what all people together may ask for. Without these bounds the first who takes it all, with
the least of rights, keeps the machine from everybody.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager

from ws.protocol.base import NodeId, UserId
from ws.protocol.errors import ErrorCode, WireError
from ws.rpc import Detach, EventSink, Feed

MAX_CALLS = 256
"""Not answered yet, of the 1024 of a link. A page has about ten under way."""
MAX_WATCHES = 64
"""Of one kind, for example of folders, of which a node serves 128. A page has one of a kind in each session."""
SEARCHES = frozenset({"files.find", "files.grep"})
MAX_SEARCHES = 6
"""Of both kinds together, of the 8 that a node runs."""


class Shares:
    """Counts by person, whatever login or token they came by, and machine."""

    def __init__(self) -> None:
        self._held: Counter[Hashable] = Counter()

    @contextmanager
    def call(self, user: UserId, node: NodeId) -> Iterator[None]:
        """One call until it is answered. Raises WireError (rate_limited)."""
        give_back = self._take(
            (user, node),
            MAX_CALLS,
            f"You have {MAX_CALLS} calls under way on this machine, which is the limit; wait for answers.",
        )
        try:
            yield
        finally:
            give_back()

    def watch(self, user: UserId, node: NodeId, op: str) -> Callable[[], None]:
        """One subscription until what this returns is called. Raises WireError (rate_limited)."""
        if op in SEARCHES:
            most, kind, what = MAX_SEARCHES, "search", "searches"
        else:
            most, kind, what = MAX_WATCHES, op, f"subscriptions of {op}"
        detail = f"You have {most} {what} on this machine, which is the limit; end some, or close some pages."
        return self._take((user, node, kind), most, detail)

    def _take(self, key: Hashable, most: int, detail: str) -> Callable[[], None]:
        if self._held[key] >= most:
            raise WireError(ErrorCode.RATE_LIMITED, detail, retry_after_s=1.0)
        self._held[key] += 1

        def give_back() -> None:
            self._held[key] -= 1
            if not self._held[key]:
                del self._held[key]

        return give_back


def giving_back(feed: Feed, give_back: Callable[[], None]) -> Feed:
    """The same feed; `give_back` is called when its subscription is over."""

    def attach(sink: EventSink) -> Detach:
        detach = feed.attach(sink)

        def end() -> None:
            give_back()
            detach()

        return end

    return Feed(feed.result, attach)
