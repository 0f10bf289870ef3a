"""The OpenAI Responses API as far as Codex uses it: where the conversation stands, and streaming answers.

Each rule was met with Codex 0.169.0 and 0.153.4. A plan is no tool call there but text between two marks, after which
the turn is over; the client asks for its implementation with a prompt of its own, so the script goes on behind it.
"""

from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any

import msgspec

from tests.support.model_server.codex_tools import tool_item
from tests.support.model_server.conversation import Position
from tests.support.model_server.script import Act, Block, Recall, Say, Think

IMPLEMENT = "Implement the plan."
"""What a client of Codex says when its user has approved the plan."""

_NOT_SAID = (
    "<environment_context>",
    "<user_instructions>",
    "# AGENTS.md instructions",
    "<turn_aborted>",
    "<user_shell_command>",
    "<image",
    "</image",
    "<collaboration_mode>",
    "<permissions",
    "<skill",
    "<subagent_notification>",
    "<recommended_plugins>",
    "<model_switch>",
    "Warning: ",
)
_CALLS = frozenset({"function_call", "custom_tool_call"})
_ids = count(1)


def read(body: dict[str, Any]) -> Position:
    """Where the conversation of a request stands. Newer models get their tools among the items: they are put back."""
    added = [tool for item in body.get("input", ()) for tool in item.get("tools") or ()]
    if added and not body.get("tools"):
        body["tools"] = added
    said: list[str] = []
    acts_done = 0
    for item in body.get("input", ()):
        kind, role = item.get("type", "message"), item.get("role")
        if kind in _CALLS:
            acts_done += 1
        elif kind == "message" and role == "assistant" and "<proposed_plan>" in _text(item):
            acts_done += 2  # the file of the plan, which other agents write, and its presentation
        elif (kind == "message" and role == "user") or kind == "agent_message":
            prompts = [text for text in _texts(item) if text.strip() and not text.startswith(_NOT_SAID)]
            if prompts and prompts[-1] != IMPLEMENT:
                said.append(prompts[-1])
                acts_done = 0
    return Position(said[-1] if said else "", acts_done, tuple(said))


def message(pieces: Sequence[Block], body: dict[str, Any], said: tuple[str, ...]) -> dict[str, Any]:
    """A whole answer, for requests without `stream`: Codex makes none."""
    raise NotImplementedError


def events(pieces: Sequence[Block], body: dict[str, Any], said: tuple[str, ...]) -> Iterator[tuple[bytes, float]]:
    """The answer as server-sent events; each comes with the seconds to wait before it."""
    response = {"id": f"resp_{next(_ids):08d}", "object": "response", "model": body.get("model", "scripted")}
    yield _event("response.created", response=response), 0.0
    for index, piece in enumerate(pieces):
        yield from _item(index, piece, body, said)
    yield _event("response.completed", response=response | {"status": "completed", "usage": _usage(body)}), 0.0


def beginning(body: dict[str, Any]) -> bytes:
    """The first events of an answer that breaks off."""
    item = {"type": "message", "id": f"msg_{next(_ids):08d}", "role": "assistant", "content": []}
    return (
        _event("response.created", response={"id": f"resp_{next(_ids):08d}", "object": "response"})
        + _event("response.output_item.added", output_index=0, item=item)
        + _event("response.output_text.delta", item_id=item["id"], output_index=0, content_index=0, delta="broken off ")
    )


def error(status: int) -> bytes:
    """The body of an error answer."""
    return msgspec.json.encode({"error": {"message": f"scripted error {status}", "type": "error", "code": None}})


def _item(index: int, piece: Block, body: dict[str, Any], said: tuple[str, ...]) -> Iterator[tuple[bytes, float]]:
    match piece:
        case Say():
            yield from _message(index, piece.chunks, piece.delay_s)
        case Recall():
            yield from _message(index, ("I remember: " + " / ".join(said[:-1]),), 0.0)
        case Act(verb="plan_file"):
            yield from _message(index, (f"<proposed_plan>\n{piece.arguments[0]}\n</proposed_plan>\n",), 0.0)
        case Think():
            yield from _reasoning(index, piece.text)
        case Act():
            item = tool_item(piece, body, f"call_{next(_ids):08d}")
            yield _event("response.output_item.added", output_index=index, item=item), 0.0
            yield _event("response.output_item.done", output_index=index, item=item), 0.0


def _message(index: int, chunks: tuple[str, ...], delay_s: float) -> Iterator[tuple[bytes, float]]:
    item = {"type": "message", "id": f"msg_{next(_ids):08d}", "role": "assistant", "content": []}
    yield _event("response.output_item.added", output_index=index, item=item), 0.0
    for chunk in chunks:
        where = {"item_id": item["id"], "output_index": index, "content_index": 0}
        yield _event("response.output_text.delta", **where, delta=chunk), delay_s
    content = [{"type": "output_text", "text": "".join(chunks), "annotations": []}]
    yield _event("response.output_item.done", output_index=index, item=item | {"content": content}), 0.0


def _reasoning(index: int, text: str) -> Iterator[tuple[bytes, float]]:
    item = {"type": "reasoning", "id": f"rs_{next(_ids):08d}", "summary": [], "encrypted_content": "c2VhbGVk"}
    where = {"item_id": item["id"], "output_index": index, "summary_index": 0}
    yield _event("response.output_item.added", output_index=index, item=item), 0.0
    part = {"type": "summary_text", "text": ""}
    yield _event("response.reasoning_summary_part.added", **where, part=part), 0.0
    yield _event("response.reasoning_summary_text.delta", **where, delta=text), 0.0
    done = item | {"summary": [{"type": "summary_text", "text": text}]}
    yield _event("response.output_item.done", output_index=index, item=done), 0.0


def _usage(body: dict[str, Any]) -> dict[str, Any]:
    input_tokens = 100 * len(body.get("input", ()))
    return {
        "input_tokens": input_tokens,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": 10,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": input_tokens + 10,
    }


def _text(item: dict[str, Any]) -> str:
    return "".join(_texts(item))


def _texts(item: dict[str, Any]) -> Iterator[str]:
    content = item.get("content") or ""
    if isinstance(content, str):
        yield content
        return
    for part in content:
        text = part.get("text") or part.get("encrypted_content")
        if isinstance(text, str):
            yield text


def _event(kind: str, **fields: Any) -> bytes:
    return b"event: " + kind.encode() + b"\ndata: " + msgspec.json.encode({"type": kind, **fields}) + b"\n\n"
