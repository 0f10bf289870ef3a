"""Whatever an agent yields, what is journalled fits an event."""

import pytest

from node.sessions.fitting import encode, fitted
from providers.bounds import PART_CHARS
from tests.support.agents import approval
from ws.protocol.events import (
    MAX_EVENT_BYTES,
    AgentMessage,
    AgentThought,
    ApprovalRequested,
    DiffContent,
    ImageContent,
    JournalEvent,
    Notice,
    TextContent,
    ToolCall,
    ToolCallUpdate,
)

HUGE = "\x01€" * 600_000
"""Of characters that JSON writes long."""


def test_an_event_that_fits_is_left_as_it_is() -> None:
    event = AgentMessage(message_id="a", text="x" * 500_000)
    assert list(fitted(event)) == [event]


@pytest.mark.parametrize("kind", [AgentMessage, AgentThought])
def test_a_long_message_becomes_parts_that_join_to_it(kind: type[AgentMessage | AgentThought]) -> None:
    parts = list(fitted(kind(message_id="a", text=HUGE, parent="c1")))
    assert all(isinstance(part, kind) for part in parts)
    assert "".join(part.text for part in parts if isinstance(part, kind)) == HUGE
    assert [part.part for part in parts if isinstance(part, kind)] == list(range(-(-len(HUGE) // PART_CHARS)))
    assert {part.parent for part in parts if isinstance(part, kind)} == {"c1"}


@pytest.mark.parametrize(
    "event",
    [
        ToolCall(tool_call_id="c", name="Write", kind="edit", title="a", input={"text": HUGE}),
        ToolCall(tool_call_id="c", name="Odd", kind="other", title="a", input={"deep": [[HUGE]]}),
        ToolCallUpdate(tool_call_id="c", status="completed", content=[TextContent(text=HUGE)]),
        ToolCallUpdate(
            tool_call_id="c", status="completed", content=[DiffContent(path="/a", old_text=HUGE, new_text=HUGE)]
        ),
        ToolCallUpdate(
            tool_call_id="c", status="completed", content=[ImageContent(mime="image/png", data_url="x" * 2_000_000)]
        ),
        ApprovalRequested(approval="p", kind="tool", title="t", input={"text": HUGE}, options=approval("p").options),
    ],
)
def test_a_large_tool_call_is_shortened_and_stays_what_it_is(event: JournalEvent) -> None:
    (shorter,) = fitted(event)
    assert type(shorter) is type(event)
    assert len(encode(shorter)) < MAX_EVENT_BYTES


def test_what_cannot_be_shortened_is_left_out_with_a_notice() -> None:
    (notice,) = fitted(Notice(level="info", code="x", text=HUGE))
    assert isinstance(notice, Notice)
    assert notice.code == "event_too_large"
    assert len(encode(notice)) < 1000
