"""The Chat Completions API, with the tools of Qwen Code (0.15.10), the ACP agent that the tests start."""

from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import Any

import msgspec

from tests.support.model_server.conversation import Position
from tests.support.model_server.script import Act, Block, Recall, Say, Think, tool_arguments

ToolCall = tuple[str, dict[str, Any]]
_ids = count(1)
_MENTIONED = "--- Content from referenced files"
"""Then come the files that the prompt mentions, each in several blocks."""

_NOT_SAID = ("<system-reminder>", "<environment_context>", "This is the Qwen Code.", "[SYSTEM")


def read(body: dict[str, Any]) -> Position:
    """Where the conversation of a request stands: prompts of role user, calls since the last one."""
    said: list[str] = []
    acts_done = 0
    for message in body.get("messages", []):
        if message.get("role") == "assistant":
            acts_done += len(message.get("tool_calls") or ())
        if message.get("role") == "user" and (prompts := list(_prompts(message.get("content") or ""))):
            # A turn that was cancelled is merged with the next prompt: only the last text is the prompt.
            said.append(prompts[-1])
            acts_done = 0
    return Position(said[-1] if said else "", acts_done, tuple(said))


def message(pieces: Sequence[Block], body: dict[str, Any], said: tuple[str, ...]) -> dict[str, Any]:
    """A whole answer, for requests without `stream`."""
    text = "".join(_text(piece, said) for piece in pieces if isinstance(piece, Say | Recall))
    content = {"role": "assistant", "content": text} | _calls(pieces, body)
    choice = {"index": 0, "message": content, "finish_reason": _finish_reason(pieces)}
    return _envelope(body) | {"object": "chat.completion", "choices": [choice], "usage": _usage(body)}


def events(pieces: Sequence[Block], body: dict[str, Any], said: tuple[str, ...]) -> Iterator[tuple[bytes, float]]:
    """The answer as server-sent events; each comes with the seconds to wait before it."""
    envelope = _envelope(body) | {"object": "chat.completion.chunk"}
    yield _delta(envelope, {"role": "assistant", "content": ""}), 0.0
    for piece in pieces:
        match piece:
            case Say():
                for chunk in piece.chunks:
                    yield _delta(envelope, {"content": chunk}), piece.delay_s
            case Recall():
                yield _delta(envelope, {"content": _text(piece, said)}), 0.0
            case Think():
                yield _delta(envelope, {"reasoning_content": piece.text}), 0.0
            case Act():
                pass
    if calls := _calls(pieces, body):
        yield _delta(envelope, calls), 0.0
    yield _delta(envelope, {}, _finish_reason(pieces)), 0.0
    yield _data(envelope | {"choices": [], "usage": _usage(body)}), 0.0
    yield b"data: [DONE]\n\n", 0.0


def beginning(body: dict[str, Any]) -> bytes:
    """The first events of an answer that breaks off."""
    envelope = _envelope(body) | {"object": "chat.completion.chunk"}
    return _delta(envelope, {"role": "assistant", "content": ""}) + _delta(envelope, {"content": "broken off "})


def error(status: int) -> bytes:
    """The body of an error answer."""
    kind = "invalid_api_key" if status == 401 else "server_error" if status >= 500 else "invalid_request_error"
    return msgspec.json.encode({"error": {"message": f"scripted error {status}", "type": kind, "code": kind}})


def _prompts(content: Any) -> Iterator[str]:
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    for block in blocks:
        text = str(block.get("text", "")).strip() if block.get("type") == "text" else ""
        if text.startswith(_MENTIONED):
            return
        if text and not text.startswith(_NOT_SAID):
            yield text


def _text(piece: Block, said: tuple[str, ...]) -> str:
    if isinstance(piece, Recall):
        return "I remember: " + " / ".join(said[:-1])
    return "".join(piece.chunks) if isinstance(piece, Say) else ""


def _calls(pieces: Sequence[Block], body: dict[str, Any]) -> dict[str, Any]:
    calls = []
    for index, act in enumerate(piece for piece in pieces if isinstance(piece, Act)):
        name, arguments = _tool_call(act, body)
        function = {"name": name, "arguments": msgspec.json.encode(arguments).decode()}
        calls.append({"index": index, "id": f"call_{next(_ids):08d}", "type": "function", "function": function})
    return {"tool_calls": calls} if calls else {}


def _tool_call(act: Act, body: dict[str, Any]) -> ToolCall:
    if act.verb == "todo":
        return "todo_write", {"todos": [*_todos(body), _todo(act.arguments[0])]}
    return _TOOLS[act.verb](*act.arguments)


def _todos(body: dict[str, Any]) -> list[dict[str, Any]]:
    """The list is written whole each time: what the last call of the conversation wrote."""
    calls = [call["function"] for each in body.get("messages", ()) for call in each.get("tool_calls") or ()]
    lists = [msgspec.json.decode(call["arguments"])["todos"] for call in calls if call["name"] == "todo_write"]
    return lists[-1] if lists else []


def _todo(subject: str) -> dict[str, Any]:
    return {"id": subject, "content": subject, "status": "pending"}


def _run(command: str) -> ToolCall:
    return "run_shell_command", {"command": command, "description": "What the script says", "is_background": False}


def _write(path: str, text: str) -> ToolCall:
    return "write_file", {"file_path": path, "content": text}


def _edit(path: str, old: str, new: str) -> ToolCall:
    return "edit", {"file_path": path, "old_string": old, "new_string": new}


def _read(path: str) -> ToolCall:
    return "read_file", {"file_path": path}


def _ask(question: str, *options: str) -> ToolCall:
    choices = [{"label": option, "description": f"The answer {option}"} for option in options]
    asked = {"question": question, "header": "Question", "multiSelect": False, "options": choices}
    return "ask_user_question", {"questions": [asked]}


def _plan(text: str) -> ToolCall:
    return "exit_plan_mode", {"plan": text}


def _plan_file(text: str) -> ToolCall:
    """This agent takes the plan with the call that presents it: the act before it only looks around."""
    return "list_directory", {"path": "."}


def _tool(name: str, arguments: str) -> ToolCall:
    return name, tool_arguments(arguments)


_TOOLS: dict[str, Callable[..., ToolCall]] = {
    "run": _run,
    "write": _write,
    "edit": _edit,
    "read": _read,
    "ask": _ask,
    "plan": _plan,
    "plan_file": _plan_file,
    "tool": _tool,
}


def _finish_reason(pieces: Sequence[Block]) -> str:
    return "tool_calls" if any(isinstance(piece, Act) for piece in pieces) else "stop"


def _envelope(body: dict[str, Any]) -> dict[str, Any]:
    return {"id": f"chatcmpl-{next(_ids)}", "created": 1_700_000_000, "model": body.get("model", "scripted")}


def _usage(body: dict[str, Any]) -> dict[str, int]:
    asked = 100 * len(body.get("messages", ()))
    return {"prompt_tokens": asked, "completion_tokens": 10, "total_tokens": asked + 10}


def _delta(envelope: dict[str, Any], delta: dict[str, Any], finish_reason: str | None = None) -> bytes:
    return _data(envelope | {"choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]})


def _data(value: dict[str, Any]) -> bytes:
    return b"data: " + msgspec.json.encode(value) + b"\n\n"
