"""Sessions as lists show them, and the two subscriptions that Main holds: changes of the list, and the inbox."""

from collections.abc import Iterable, Iterator
from typing import Any

from msgspec.structs import replace

from node.sessions.broadcast import Broadcast
from node.sessions.fitting import encode
from node.sessions.journal import Appended
from ws.protocol.events import ApprovalRequested, ApprovalResolved, TurnEnded
from ws.protocol.link import LinkSessionsResult
from ws.protocol.paging import position_of, read_cursor, write_cursor
from ws.protocol.sessions import (
    InboxItem,
    InboxResolved,
    InboxResult,
    InboxTurnEnded,
    SessionChanged,
    SessionListParams,
    SessionListResult,
    SessionRemoved,
    SessionState,
    SessionSummary,
)
from ws.rpc import Feed

MAX_INBOX_BYTES = 4 * 1024 * 1024
"""Of what link.inbox begins with: half of the link's largest frame."""

LEFT_OUT = {"left_out": "too much is asked at once to show this here: open the session"}


class Listing:
    """What is published is published before the call that changed it is answered."""

    def __init__(self) -> None:
        self._sessions = Broadcast()
        self._inbox = Broadcast()

    def changed(self, appended: Appended, *, was_unread: bool, is_unread: bool) -> None:
        """Tell of what an append changed. The time of the last change alone is not told: it moves with each event."""
        before, after = summary(appended.before, was_unread), summary(appended.after, is_unread)
        if replace(before, updated=after.updated) != after:
            self.put(after)
        for event in appended.events:
            match event:
                case ApprovalRequested():
                    self._inbox.publish(encode(InboxItem(session=after, approval=event)))
                case ApprovalResolved():
                    self._inbox.publish(encode(_resolved(after, event)))
                case TurnEnded():
                    self._inbox.publish(encode(InboxTurnEnded(session=after, stop_reason=event.stop_reason)))
                case _:
                    pass

    def put(self, session: SessionSummary) -> None:
        """The row of this session is now this."""
        self._sessions.publish(encode(SessionChanged(session=session)))

    def removed(self, session: SessionState) -> None:
        """The session is gone, and with it what it asked."""
        for request in session.approvals:
            self._inbox.publish(encode(InboxResolved(node=session.node, session=session.id, approval=request.approval)))
        self._sessions.publish(encode(SessionRemoved(node=session.node, id=session.id)))

    def sessions_feed(self, sessions: list[SessionSummary]) -> Feed:
        """`link.sessions`: every session as it is now, then changes."""
        return self._sessions.feed(encode(LinkSessionsResult(sessions=sessions)))

    def inbox_feed(self, sessions: Iterable[tuple[SessionSummary, SessionState]]) -> Feed:
        """`link.inbox`: what is asked now, then changes and ended turns."""
        items = (InboxItem(session=row, approval=approval) for row, state in sessions for approval in state.approvals)
        return self._inbox.feed(encode(InboxResult(approvals=list(_fitting(items)))))


def _resolved(session: SessionSummary, event: ApprovalResolved) -> InboxResolved:
    return InboxResolved(
        node=session.node,
        session=session.id,
        approval=event.approval,
        outcome=event.outcome,
        option=event.option,
        by=event.by,
    )


def _fitting(items: Iterable[InboxItem]) -> Iterator[InboxItem]:
    """What fits one answer; of what comes then the input is shown in its session only."""
    left_bytes = MAX_INBOX_BYTES
    for item in items:
        size_bytes = len(encode(item))
        if size_bytes > left_bytes:
            item = replace(item, approval=replace(item.approval, input=LEFT_OUT))  # noqa: PLW2901
            size_bytes = len(encode(item))
        if size_bytes <= left_bytes:
            left_bytes -= size_bytes
            yield item


def summary(state: SessionState, is_unread: bool) -> SessionSummary:
    """The list's part of a state."""
    fields: dict[str, Any] = {name: getattr(state, name) for name in SessionSummary.__struct_fields__}
    return SessionSummary(**(fields | {"unread": is_unread}))


def matching(rows: Iterable[SessionSummary], params: SessionListParams) -> list[SessionSummary]:
    """Those that are asked for."""
    query = (params.query or "").casefold()
    return [
        row
        for row in rows
        if (params.archived or not row.archived)
        and params.path in {None, row.path}
        and (query in row.title.casefold() or query in row.path.casefold())
    ]


def page_of(rows: Iterable[SessionSummary], params: SessionListParams) -> SessionListResult:
    """The most recently changed first, from the cursor on. Raises `invalid` for a cursor that is none."""
    before = None if params.cursor is None else read_cursor(params.cursor)
    behind = [row for row in rows if before is None or position_of(row) < before]
    behind.sort(key=position_of, reverse=True)
    page = behind[: params.limit]
    cursor = write_cursor(position_of(page[-1])) if len(behind) > len(page) else None
    return SessionListResult(sessions=page, offline=[], next_cursor=cursor)
