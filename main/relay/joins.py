"""Who looked at which terminal, for the audit: a row for the first time, and again when an hour has passed.

A page attaches anew after every break of the network; a row for each would push the others out.
"""

import time
from collections.abc import Callable

from main.relay.call import Visit
from main.store.audit import Audit
from ws.protocol.base import NodeId

SAME_FOR_S = 3600.0
MAX_REMEMBERED = 4096
"""The oldest are forgotten first, which at worst costs a row."""


class Joins:
    """`clock` in seconds, monotonic."""

    def __init__(self, audit: Audit, clock: Callable[[], float] = time.monotonic) -> None:
        self._audit = audit
        self._clock = clock
        self._noted_s: dict[tuple[str, NodeId, str], float] = {}

    async def note(self, visit: Visit, node: NodeId, terminal: str) -> None:
        """This caller reads a terminal from now on."""
        who = visit.principal.who
        key, now_s = (who, node, terminal), self._clock()
        before_s = self._noted_s.get(key)
        if before_s is not None and now_s - before_s < SAME_FOR_S:
            return
        self._noted_s.pop(key, None)  # so that the order is that of the notes
        self._noted_s[key] = now_s
        if len(self._noted_s) > MAX_REMEMBERED:
            del self._noted_s[next(iter(self._noted_s))]
        await self._audit.add(
            "terminal.joined",
            who=who,
            kind=visit.principal.kind,
            address=visit.address,
            node=node,
            subject=terminal,
        )
