"""One page of sessions out of what several nodes answered, each with a page of its own."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from main.relay.fair import MAX_LIST_BYTES, fitting
from ws.protocol.base import NodeId
from ws.protocol.paging import Position, position_of
from ws.protocol.sessions import SessionSummary


@dataclass(frozen=True)
class Answered:
    """What a node told. `has_more`: there are rows of it behind the last of these."""

    rows: list[SessionSummary]
    has_more: bool = False


class Page(NamedTuple):
    """`left_out` are nodes that told too much for one answer; `last` is where the next page begins, if there is one."""

    rows: list[SessionSummary]
    left_out: list[NodeId]
    last: Position | None


def merged(answers: Iterable[Answered], before: Position | None, limit: int) -> Page:
    """At most `limit` rows behind `before`, in the order of the list.

    Nothing is passed over: no row goes out that a node may still have another before. A node that knows no cursors
    tells all of its rows each time.
    """
    rows: list[SessionSummary] = []
    floor: Position | None = None
    for answer in answers:
        behind = [row for row in answer.rows if before is None or position_of(row) < before]
        rows += behind
        if answer.has_more and behind:
            last = min(map(position_of, behind))
            floor = last if floor is None else max(floor, last)
    if floor is not None:
        rows = [row for row in rows if position_of(row) >= floor]
    rows.sort(key=position_of, reverse=True)
    taken = rows[:limit]
    kept, left_out = fitting(taken, lambda row: row.node)
    if not left_out:
        kept = taken = _fitting(taken)
    has_more = taken and (floor is not None or len(taken) < len(rows))
    return Page(kept, left_out, position_of(taken[-1]) if has_more else None)


def _fitting(rows: list[SessionSummary]) -> list[SessionSummary]:
    """Of one node: as many of the first as fit one answer, at least one."""
    total_bytes = 0
    for place, row in enumerate(rows):
        total_bytes += len(msgspec.json.encode(row)) + 1
        if total_bytes > MAX_LIST_BYTES and place:
            return rows[:place]
    return rows
