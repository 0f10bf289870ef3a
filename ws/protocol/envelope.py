"""JSON-RPC 2.0 frames as they travel on `/ws` and on the link. `params` and `result` stay raw bytes for the relay."""

from typing import Literal

import msgspec

from ws.protocol.base import LoginId, Struct, UserId
from ws.protocol.errors import ErrorData

CallId = int | str
"""JSON-RPC allows numbers and strings; a subscription is named by the id of its call."""

Role = Literal["owner", "member", "viewer"]


class Caller(Struct, frozen=True, kw_only=True):
    """Who a call on the link is made for; set by Main alone, never read from a browser."""

    user: UserId
    login: LoginId
    role: Role
    name: str = ""
    request: str | None = None
    """The id under which Main logs the call, for the lines of the node."""


class Incoming(msgspec.Struct, frozen=True, kw_only=True):
    """Any frame, decoded no deeper than its envelope; the members set tell call, notification and answer apart."""

    jsonrpc: str = ""
    id: CallId | None = None
    method: str | None = None
    params: msgspec.Raw = msgspec.Raw()
    caller: Caller | None = None
    result: msgspec.Raw = msgspec.Raw()
    error: "RpcError | None" = None


class RpcError(msgspec.Struct, frozen=True, kw_only=True):
    """`error` of a JSON-RPC answer. `data` is absent only from peers that are not ours."""

    code: int
    message: str
    data: ErrorData | None = None


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """An outgoing call. `caller` goes only from Main to a node."""

    jsonrpc: Literal["2.0"] = "2.0"
    id: CallId
    method: str
    params: msgspec.Raw
    caller: Caller | msgspec.UnsetType = msgspec.UNSET


class Notification(msgspec.Struct, frozen=True, kw_only=True):
    """A call without `id`: nobody answers it."""

    jsonrpc: Literal["2.0"] = "2.0"
    method: str
    params: msgspec.Raw


class EventParams(Struct, frozen=True, kw_only=True):
    """Params of the notification `event`."""

    subscription: CallId
    event: msgspec.Raw


class LaggingParams(Struct, frozen=True, kw_only=True):
    """Params of `lagging`: the reader fell behind its outbox and asks again from its cursor."""

    subscription: CallId


class EndedParams(Struct, frozen=True, kw_only=True):
    """Params of `ended`: no more events come; `error` tells why (node gone, access ended), absent = it is complete."""

    subscription: CallId
    error: ErrorData | None = None


class CancelParams(Struct, frozen=True, kw_only=True):
    """Params of the notification `cancel`: nobody waits for this call any more. It is not answered."""

    id: CallId


class UnsubscribeParams(Struct, frozen=True, kw_only=True):
    """Params of the call `unsubscribe`."""

    subscription: CallId
