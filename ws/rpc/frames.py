"""Frames as bytes: reading one without going deeper than its envelope, writing one by concatenation.

What a reader may be sent is JSON-RPC 2.0 (section 5.1 for the codes). Bytes of params, results and events pass through
unread.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from ws.protocol.envelope import Call, Caller, CallId, EndedParams, Incoming, LaggingParams, Notification, RpcError
from ws.protocol.errors import INVALID_REQUEST, PARSE_ERROR, ErrorCode, WireError
from ws.rpc.limits import Limits

EMPTY_OBJECT = b"{}"

_encode = msgspec.json.Encoder().encode
_decode_incoming = msgspec.json.Decoder(Incoming).decode
_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode

_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


class _AnswerError(msgspec.Struct):
    """`error` of a peer that knows codes which we do not: enough to end the call."""

    code: int = 0
    message: str = ""


class _Salvage(msgspec.Struct):
    """What can be told of a frame that is JSON and no envelope."""

    id: msgspec.Raw = msgspec.Raw(b"null")
    method: msgspec.Raw = msgspec.Raw()
    error: _AnswerError | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """A frame (or an element of a batch) that gets an error instead of being handled. `id` None is written null."""

    id: CallId | None
    error: WireError


Frame = Incoming | Refused


def read_frame(frame: bytes, limits: Limits) -> Frame | list[Frame]:
    """Decode one text frame: an envelope, a batch of envelopes, or why it is neither. Raises nothing."""
    try:
        if frame.lstrip(b" \t\r\n")[:1] == b"[":
            return _read_batch(frame, limits)
        return _read_envelope(frame, limits)
    except RecursionError:
        return Refused(None, _too_deep(limits.max_depth))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Refused(None, WireError(ErrorCode.INVALID, "This frame is not JSON.", rpc_code=PARSE_ERROR))


def encode(value: object) -> bytes:
    """Any protocol value as JSON; `msgspec.Raw` members are copied as they are."""
    return _encode(value)


def write_call(call_id: CallId, method: str, params: bytes, caller: Caller | None) -> bytes:
    return _encode(
        Call(
            id=call_id,
            method=method,
            params=msgspec.Raw(params),
            caller=msgspec.UNSET if caller is None else caller,
        )
    )


def write_notification(method: str, params: bytes) -> bytes:
    return _encode(Notification(method=method, params=msgspec.Raw(params)))


def write_result(call_id: CallId, result: bytes) -> bytes:
    return b'{"jsonrpc":"2.0","id":%b,"result":%b}' % (_encode(call_id), result)


def write_error(call_id: CallId | None, error: WireError) -> bytes:
    body = RpcError(code=error.rpc_code, message=error.detail, data=error.data)
    return b'{"jsonrpc":"2.0","id":%b,"error":%b}' % (_encode(call_id), _encode(body))


def event_head(subscription: CallId) -> bytes:
    """Everything of an `event` notification before the event; :data:`EVENT_TAIL` follows it."""
    return b'{"jsonrpc":"2.0","method":"event","params":{"subscription":%b,"event":' % _encode(subscription)


EVENT_TAIL = b"}}"


def write_events(head: bytes, events: Sequence[bytes]) -> bytes:
    """A batch of `event` notifications of one subscription, in order."""
    return b"[%b%b%b]" % (head, (EVENT_TAIL + b"," + head).join(events), EVENT_TAIL)


def write_lagging(subscription: CallId) -> bytes:
    return write_notification("lagging", _encode(LaggingParams(subscription=subscription)))


def write_ended(subscription: CallId, error: WireError | None) -> bytes:
    return write_notification(
        "ended", _encode(EndedParams(subscription=subscription, error=None if error is None else error.data))
    )


def write_batch(answers: list[bytes]) -> bytes:
    return b"[%b]" % b",".join(answers)


def invalid_request(detail: str) -> WireError:
    return WireError(ErrorCode.INVALID, detail, rpc_code=INVALID_REQUEST)


def _read_batch(frame: bytes, limits: Limits) -> Frame | list[Frame]:
    elements = _decode_list(frame)
    if not elements:
        return Refused(None, invalid_request("A batch holds at least one call."))
    if len(elements) > limits.max_running_calls:
        return Refused(None, invalid_request(f"A batch holds at most {limits.max_running_calls} calls."))
    return [_read_envelope(bytes(element), limits) for element in elements]


def _read_envelope(frame: bytes, limits: Limits) -> Frame:
    try:
        envelope = _decode_incoming(frame)
    except msgspec.ValidationError as error:
        return _salvage(frame, error)
    if envelope.method is None:
        if envelope.error is None and not bytes(envelope.result):
            return Refused(envelope.id, invalid_request("A frame has `method`, `result` or `error`."))
        return envelope
    if isinstance(envelope.id, str) and len(envelope.id) > limits.max_id_chars:
        return Refused(None, invalid_request(f"An id has at most {limits.max_id_chars} characters."))
    if envelope.jsonrpc != "2.0":
        return Refused(envelope.id, invalid_request('The member `jsonrpc` is "2.0" in every frame.'))
    if envelope.id is not None and _is_deeper(frame, limits.max_depth):
        return Refused(envelope.id, _too_deep(limits.max_depth))
    return envelope


def _salvage(frame: bytes, error: msgspec.ValidationError) -> Frame:
    """An answer with an error code of a later version still ends its call; anything else is refused under its id."""
    try:
        rest = msgspec.json.decode(frame, type=_Salvage)
        call_id = msgspec.json.decode(rest.id, type=CallId | None)
    except msgspec.ValidationError:
        return Refused(None, invalid_request(f"This frame is no JSON-RPC 2.0: {error}."))
    if not bytes(rest.method) and rest.error is not None and call_id is not None:
        return Incoming(id=call_id, error=RpcError(code=rest.error.code, message=rest.error.message))
    return Refused(call_id, invalid_request(f"This frame is no JSON-RPC 2.0: {error}."))


def _too_deep(max_depth: int) -> WireError:
    return invalid_request(f"This frame is nested deeper than {max_depth} levels.")


def _is_deeper(frame: bytes, max_depth: int) -> bool:
    """Whether valid JSON is nested deeper than `max_depth`.

    Counting openings settles nearly every frame. Otherwise each pass removes the innermost level of what is left of the
    brackets, at the speed of C: a hostile frame costs a bounded number of passes, not a loop over its characters.
    """
    if frame.count(b"[") + frame.count(b"{") <= max_depth:
        return False
    brackets = _STRING.sub(b"", frame).translate(None, _NOT_BRACKETS)
    for _ in range(max_depth):
        if not brackets:
            return False
        brackets = _without_innermost(brackets)
    return bool(brackets)


def _without_innermost(brackets: bytes) -> bytes:
    return re.sub(rb"\[\]|\{\}", b"", brackets)
