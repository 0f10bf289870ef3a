"""Cursors of session.list: they come back as they went out, and what is none is refused."""

import base64

import pytest

from ws.protocol.errors import ErrorCode, WireError
from ws.protocol.paging import Position, read_cursor, write_cursor


@pytest.mark.parametrize("name", ["s", "s1", "s12", "é" * 60])
def test_a_cursor_leads_back_to_its_row(name: str) -> None:
    last = Position("2026-11-01T00:00:00.000Z", name, "laptop")
    assert read_cursor(write_cursor(last)) == last


def test_positions_are_in_the_order_of_the_list() -> None:
    older, newer = Position("2026-11-01T00:00:00.000Z", "z", "z"), Position("2026-11-01T00:00:00.001Z", "a", "a")
    assert older < newer < newer._replace(node="b") < newer._replace(id="b")


@pytest.mark.parametrize(
    "cursor", ["", "x", "é", "a b", "\ud800", base64.urlsafe_b64encode(b'["one"]').decode(), "W10", "bnVsbA"]
)
def test_what_is_no_cursor_is_refused_as_such(cursor: str) -> None:
    with pytest.raises(WireError) as refused:
        read_cursor(cursor)
    assert refused.value.code is ErrorCode.INVALID
