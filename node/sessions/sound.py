"""What an agent tells, in a form that can be read back: the values of a provider are not checked when it makes them."""

import hashlib

import msgspec
from msgspec.structs import replace

from providers.base import AgentEvent
from ws.protocol.events import AgentMessage, AgentState, AgentThought, Delta, JournalEvent, Notice, TurnEnded

_encode = msgspec.json.encode
_decode = msgspec.json.Decoder(JournalEvent).decode

MAX_ID_CHARS = 128
"""Of a message id, as the protocol bounds it."""

NOT_KEPT = "The agent sent something ({kind}) that cannot be kept: {reason}."


def sound(event: AgentEvent) -> AgentEvent:
    """The event; a message under a name of ours when its own is too long or empty; a notice for what no journal takes.

    A text that was streamed and its finished block have the same name afterwards, too.
    """
    if isinstance(event, Delta | AgentMessage | AgentThought):
        event = replace(event, message_id=_name(event.message_id))
    if isinstance(event, Delta | AgentState):
        return event
    try:
        _decode(_encode(event))
    except (msgspec.DecodeError, ValueError, TypeError, RecursionError) as error:
        said = NOT_KEPT.format(kind=event.__struct_config__.tag, reason=ascii(str(error))[1:200])
        if isinstance(event, TurnEnded):  # the turn is over all the same
            return TurnEnded(stop_reason="error", error=said)
        return Notice(level="warning", code="unknown_event", text=said)
    return event


def _name(told: str) -> str:
    if 0 < len(told) <= MAX_ID_CHARS:
        return told
    return hashlib.blake2s(told.encode(errors="replace"), digest_size=16).hexdigest()
