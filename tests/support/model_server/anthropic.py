"""The Anthropic Messages API as far as Claude Code uses it: streaming answers, plain answers, errors."""

from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any

import msgspec

from tests.support.model_server.claude_tools import tool_use
from tests.support.model_server.conversation import Position, position
from tests.support.model_server.script import Act, Block, Recall, Say, Think

_ids = count(1)


def read(body: dict[str, Any]) -> Position:
    """Where the conversation of a request stands."""
    return position(body.get("messages", []))


def message(pieces: Sequence[Block], body: dict[str, Any], said: tuple[str, ...]) -> dict[str, Any]:
    """A whole answer, for requests without `stream`."""
    content = [_block(piece, body, said) for piece in pieces]
    return _envelope(body) | {"content": content, "stop_reason": _stop_reason(pieces), "usage": _usage(body)}


def events(pieces: Sequence[Block], body: dict[str, Any], said: tuple[str, ...]) -> Iterator[tuple[bytes, float]]:
    """The answer as server-sent events; each comes with the seconds to wait before it."""
    yield _event("message_start", message=_envelope(body) | {"content": [], "stop_reason": None}), 0.0
    for index, piece in enumerate(pieces):
        block = _block(piece, body, said)
        yield _event("content_block_start", index=index, content_block=_empty(block)), 0.0
        delay_s = piece.delay_s if isinstance(piece, Say) else 0.0
        for delta in _deltas(piece, block):
            yield _event("content_block_delta", index=index, delta=delta), delay_s
        yield _event("content_block_stop", index=index), 0.0
    delta = {"stop_reason": _stop_reason(pieces), "stop_sequence": None}
    yield _event("message_delta", delta=delta, usage=_usage(body)), 0.0
    yield _event("message_stop"), 0.0


def beginning(body: dict[str, Any]) -> bytes:
    """The first events of an answer that breaks off."""
    block = {"type": "text", "text": ""}
    return (
        _event("message_start", message=_envelope(body) | {"content": [], "stop_reason": None})
        + _event("content_block_start", index=0, content_block=block)
        + _event("content_block_delta", index=0, delta={"type": "text_delta", "text": "broken off "})
    )


def error(status: int) -> bytes:
    """The body of an error answer (types as the API's documentation names them)."""
    kinds = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 413: "request_too_large"}
    kinds |= {429: "rate_limit_error", 529: "overloaded_error"}
    kind = kinds.get(status, "invalid_request_error" if status < 500 else "api_error")
    return msgspec.json.encode({"type": "error", "error": {"type": kind, "message": f"scripted error {status}"}})


def _block(piece: Block, body: dict[str, Any], said: tuple[str, ...]) -> dict[str, Any]:
    match piece:
        case Say():
            return {"type": "text", "text": "".join(piece.chunks)}
        case Recall():
            return {"type": "text", "text": "I remember: " + " / ".join(said[:-1])}
        case Think():
            return {"type": "thinking", "thinking": piece.text, "signature": "c2lnbmF0dXJl"}
        case Act():
            name, arguments = tool_use(piece, body)
            return {"type": "tool_use", "id": f"toolu_{next(_ids):08d}", "name": name, "input": arguments}


def _empty(block: dict[str, Any]) -> dict[str, Any]:
    match block["type"]:
        case "text":
            return block | {"text": ""}
        case "thinking":
            return block | {"thinking": "", "signature": ""}
        case _:
            return block | {"input": {}}


def _deltas(piece: Block, block: dict[str, Any]) -> Iterator[dict[str, Any]]:
    match block["type"]:
        case "text":
            for chunk in piece.chunks if isinstance(piece, Say) else (block["text"],):
                yield {"type": "text_delta", "text": chunk}
        case "thinking":
            yield {"type": "thinking_delta", "thinking": block["thinking"]}
            yield {"type": "signature_delta", "signature": block["signature"]}
        case _:
            yield {"type": "input_json_delta", "partial_json": msgspec.json.encode(block["input"]).decode()}


def _stop_reason(pieces: Sequence[Block]) -> str:
    return "tool_use" if any(isinstance(piece, Act) for piece in pieces) else "end_turn"


def _envelope(body: dict[str, Any]) -> dict[str, Any]:
    identity = {"id": f"msg_{next(_ids):08d}", "type": "message", "role": "assistant"}
    return identity | {"model": body.get("model", "scripted"), "stop_sequence": None, "usage": _usage(body)}


def _usage(body: dict[str, Any]) -> dict[str, int]:
    return {"input_tokens": 100 * len(body.get("messages", ())), "output_tokens": 10}


def _event(kind: str, **fields: Any) -> bytes:
    return b"event: " + kind.encode() + b"\ndata: " + msgspec.json.encode({"type": kind, **fields}) + b"\n\n"
