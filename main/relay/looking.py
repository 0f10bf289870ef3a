"""What the answers of nodes mean for whoever asked: who acts on a session has looked at it, and `unread` is theirs."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated

import msgspec
import structlog

from main.relay.call import MainCall
from main.relay.personal import Personal
from main.relay.session_lists import SessionLists
from ws.protocol.base import NodeId, SessionId
from ws.protocol.errors import WireError
from ws.protocol.ops import OPS
from ws.protocol.personal import MAX_SEQ
from ws.protocol.sessions import SessionResult, SessionState, SessionSummary

log = structlog.get_logger(__name__)

After = Callable[[MainCall, bytes], Awaitable[bytes]]
"""Given the call and the node's answer; returns the answer for the caller."""

ACTS = frozenset({"session.send", "session.answer", "session.interrupt", "session.queue", "session.stop_task"})
MAKES = frozenset({"session.create", "session.fork", "session.rewind"})
"""Their answer is a session that the caller has looked at."""


class _Acted(msgspec.Struct):
    """As much of an answer as is read. `seq` is that of what the caller did."""

    seq: Annotated[int, msgspec.Meta(ge=0, le=MAX_SEQ)] = 0


_read_acted = msgspec.json.Decoder(_Acted).decode
_read_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_read_session = msgspec.json.Decoder(SessionSummary).decode


def afters(personal: Personal, lists: SessionLists) -> Mapping[str, After]:
    """By op name. An answer that cannot be read is handed on as it is."""

    async def acted(call: MainCall, answer: bytes) -> bytes:
        try:
            seq = _read_acted(answer).seq
        except msgspec.DecodeError:
            return answer
        place = NodeId(call.params.node), SessionId(call.params.session)
        row = lists.sessions.get(place)
        try:
            await personal.acted(call.principal.user, place, max(seq, 0 if row is None else row.news))
        except WireError as error:  # the node has done what was asked: a mark is no reason to say otherwise
            log.warning("mark_not_kept", reason=error.detail)
        return answer

    async def told(call: MainCall, answer: bytes) -> bytes:
        """The answer is a session, or has one as `session`."""
        try:
            fields = _read_fields(answer)
            inner = call.op.result is not SessionState
            raw = bytes(fields["session"]) if inner else answer
            session = msgspec.structs.replace(_read_session(raw), node=call.params.node)
            own = _read_fields(raw) if inner else fields
        except (msgspec.DecodeError, KeyError):
            return answer
        person = await personal.person(call.principal.user)
        if call.op.name in MAKES and session.news:
            await personal.acted(person.user, (NodeId(session.node), SessionId(session.id)), session.news)
        own["unread"] = msgspec.Raw(msgspec.json.encode(person.is_unread(session)))
        if inner:
            fields["session"] = msgspec.Raw(msgspec.json.encode(own))
        return msgspec.json.encode(fields)

    about_sessions = {op.name for op in OPS.values() if op.result in (SessionResult, SessionState)} | MAKES
    return {**dict.fromkeys(ACTS, acted), **dict.fromkeys(about_sessions, told)}
