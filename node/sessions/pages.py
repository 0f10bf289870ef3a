"""Pages of a journal, as it lies on disk."""

import msgspec

from node.sessions.journal import Journal
from ws.protocol.base import Struct
from ws.protocol.errors import ErrorCode, FieldError, WireError
from ws.protocol.sessions import SessionEventsParams


class EventsPage(Struct, frozen=True, kw_only=True):
    """`SessionEventsResult` with the events as they lie on disk."""

    epoch: str
    events: list[msgspec.Raw]
    head: int


async def events_page(journal: Journal, params: SessionEventsParams) -> EventsPage:
    """Raises `invalid` when `params` say two things at once."""
    if params.before is not None and params.after is not None:
        raise WireError(
            ErrorCode.INVALID,
            "`after` and `before` exclude each other.",
            errors=[FieldError(path="params.before", message="not together with `after`")],
        )
    if params.before is not None:
        bodies = await journal.page_before(params.before, params.limit)
    else:
        bodies = await journal.page(params.after or 0, params.limit)
    state = journal.state
    return EventsPage(epoch=state.epoch, events=[msgspec.Raw(body) for body in bodies], head=state.head)
