"""From a call on the link to the feature that answers it, by the table of operations."""

import re
from collections import ChainMap
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from node.context import Handler, HandlerMap, Subscribed
from node.policy import Policy
from ws.protocol.base import LoginId, NodeId, Struct, UserId
from ws.protocol.envelope import Caller
from ws.protocol.errors import ErrorCode, FieldError, WireError, unknown_op
from ws.protocol.ops import OPS, Op, Place
from ws.rpc import Answer, Feed, IncomingCall, feed_from
from ws.tasks import TaskOwner

CALLED_BY_NODES = frozenset({"link.hello"})
"""Operations of the link that Main answers."""

MAIN = Caller(user=UserId(""), login=LoginId(""), role="owner", name="Main")
"""Who calls the operations of the link: Main itself, which is no user."""

_encode = msgspec.json.Encoder().encode
_LOCATION = re.compile(r"^(?P<what>.*?)(?: - at `(?P<where>[^`]*)`)?\Z", re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Row:
    op: Op
    decode: Callable[[bytes], Struct]
    handler: Handler


class Dispatcher:
    """The handler of the link's peer. Errors that are no WireError are mapped where every call is answered: ws/rpc."""

    def __init__(self, node: NodeId, maps: Sequence[HandlerMap], policy: Policy, owner: TaskOwner) -> None:
        """Raises ValueError unless `maps` answer exactly the operations that the table gives to a node, each once."""
        self._node = node
        self._policy = policy
        self._owner = owner
        self._rows = {
            name: _Row(OPS[name], msgspec.json.Decoder(OPS[name].params).decode, handler)
            for name, handler in _merged(maps).items()
        }

    async def __call__(self, call: IncomingCall) -> Answer:
        """Check, decode, handle, encode. Raises WireError."""
        row = self._rows.get(call.method)
        if row is None:
            raise _absent(call.method)
        caller = self._caller(row.op, call)
        self._policy.check(row.op, caller)
        params = _decoded(row, call.params)
        if getattr(params, "node", None) not in {None, self._node}:
            raise WireError(ErrorCode.NOT_FOUND, "This call is for another node.")
        answer = await row.handler(caller, params)
        match answer:
            case Feed():
                return answer
            case Subscribed():
                return feed_from(_encode(answer.result), _Encoded(answer.events), self._owner, call.method)
            case _:
                return _encode(answer)

    def _caller(self, op: Op, call: IncomingCall) -> Caller:
        if op.place is Place.LINK:
            return MAIN
        if call.caller is None:
            raise WireError(ErrorCode.UNAUTHORIZED, "Main did not say who makes this call.")
        return call.caller


class _Encoded:
    """The events of a subscription as JSON; closes what it reads."""

    def __init__(self, events: AsyncIterator[Struct | bytes]) -> None:
        self._events = events

    def __aiter__(self) -> "_Encoded":
        return self

    async def __anext__(self) -> bytes:
        event = await anext(self._events)
        return event if isinstance(event, bytes) else _encode(event)

    async def aclose(self) -> None:
        close: Any = getattr(self._events, "aclose", None)
        if close is not None:
            await close()


def _merged(maps: Sequence[HandlerMap]) -> HandlerMap:
    handlers = ChainMap(*(dict(each) for each in maps))
    expected = {
        op.name for op in OPS.values() if op.place is not Place.MAIN and op.unsupported is None
    } - CALLED_BY_NODES
    twice = sum(len(each) for each in maps) - len(handlers)
    if handlers.keys() != expected or twice:
        raise ValueError(
            f"handlers do not match the table: missing {sorted(expected - handlers.keys())},"
            f" unknown {sorted(handlers.keys() - expected)}, {twice} given twice"
        )
    return handlers


def _absent(method: str) -> WireError:
    op = OPS.get(method)
    if op is None or op.unsupported is None:
        return unknown_op(method)
    return WireError(ErrorCode.UNSUPPORTED, op.unsupported)


def _decoded(row: _Row, params: bytes) -> Struct:
    """By the table's types, unknown fields ignored: Main may be newer."""
    try:
        return row.decode(params)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        found = _LOCATION.match(str(error))
        what, where = (found["what"], found["where"] or "$") if found else (str(error), "$")
        path = where.replace("$", "params", 1)
        raise WireError(
            ErrorCode.INVALID, f"{path}: {what[:300]}.", errors=[FieldError(path=path, message=what[:300])]
        ) from error
