"""Events as the journal takes them: at most 1 MiB each, whatever an agent sent."""

from collections.abc import Iterator

import msgspec
from msgspec.structs import replace

from providers.bounds import clipped_input, fitting_all, parts
from ws.protocol.base import Struct
from ws.protocol.events import (
    MAX_EVENT_BYTES,
    AgentMessage,
    AgentThought,
    ApprovalRequested,
    JournalEvent,
    Notice,
    ToolCall,
    ToolCallUpdate,
)

STAMP_BYTES = 512
"""What `seq`, `ts` and `turn` may add."""

encode = msgspec.json.Encoder().encode


def fitted(event: JournalEvent) -> Iterator[JournalEvent]:
    """The event itself, or what stands for one that is too large: parts of a message, a shortened tool call."""
    if _fits(event):
        yield event
        return
    for smaller in _reduced(event):
        yield smaller if _fits(smaller) else _left_out(smaller)


def _fits(event: Struct) -> bool:
    return len(encode(event)) <= MAX_EVENT_BYTES - STAMP_BYTES


def _reduced(event: JournalEvent) -> Iterator[JournalEvent]:
    match event:
        case AgentMessage() | AgentThought():
            for text, number in parts(event.text):
                yield replace(event, text=text, part=(event.part or 0) + (number or 0))
        case ToolCall() | ApprovalRequested():
            yield replace(event, input=clipped_input(event.input))
        case ToolCallUpdate():
            yield replace(event, content=fitting_all(event.content))
        case _:
            yield event


def _left_out(event: JournalEvent) -> Notice:
    kind = event.__struct_config__.tag
    return Notice(level="warning", code="event_too_large", text=f"An event ({kind}) is too large to keep and show.")
