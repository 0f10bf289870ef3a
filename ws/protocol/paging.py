"""Where a page of session.list ends. One form of cursor for Main and nodes, so that Main can hand its own to each."""

import base64
import binascii
from typing import NamedTuple

import msgspec

from ws.protocol.errors import invalid
from ws.protocol.sessions import SessionSummary


class Position(NamedTuple):
    """A row's place: lists are in descending order of it. Two nodes of one home may have the same native session."""

    updated: str
    id: str
    node: str


def position_of(session: SessionSummary) -> Position:
    return Position(session.updated, session.id, session.node)


def write_cursor(last: Position) -> str:
    """A cursor with which the next page begins behind the row `last`."""
    return base64.urlsafe_b64encode(msgspec.json.encode(last)).decode().rstrip("=")


def read_cursor(cursor: str) -> Position:
    """The row behind which the page begins: it has the rows whose position is less. Raises WireError `invalid`."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        return msgspec.json.decode(base64.b64decode(padded, altchars=b"-_", validate=True), type=Position)
    except (binascii.Error, ValueError, msgspec.DecodeError) as error:
        raise invalid("cursor", "This cursor is not from an earlier page: take it from next_cursor.") from error
