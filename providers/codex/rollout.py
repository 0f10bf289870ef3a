"""A line of a Codex rollout becomes events of a journal. Pure: the same lines give the same events."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from providers.bounds import clipped_input, fitting_all, one_line, parts
from providers.history import BY, MAX_PROMPT_CHARS, MAX_TITLE_CHARS
from ws.protocol.events import (
    AgentMessage,
    AgentThought,
    Attachment,
    DiffContent,
    JournalEvent,
    StopReason,
    TextContent,
    ToolCall,
    ToolCallUpdate,
    ToolContent,
    ToolKind,
    ToolStatus,
    TurnEnded,
    TurnStarted,
    UserMessage,
)

_SHELLS = ("/bin/bash", "/bin/sh", "/bin/zsh", "bash", "sh", "zsh")


class RolloutReader:
    """Reads the lines of one file in order. `has_items`: it tells finished items, which the older events say again."""

    def __init__(self, *, has_items: bool) -> None:
        self._has_items = has_items
        self._is_running = False
        self._error: str | None = None
        self._number = 0

    def read(self, line: Mapping[str, Any]) -> list[JournalEvent]:
        """The events of one line. Raises KeyError, TypeError or AttributeError for one of an unknown shape."""
        payload = line["payload"]
        self._number += 1
        return [replace(event, ts=str(line["timestamp"])) for event in self._events(payload)]

    def _events(self, payload: Mapping[str, Any]) -> Iterator[JournalEvent]:
        match payload["type"]:
            case "task_started" | "turn_started":
                yield from self._over("cancelled", None)
                yield from self._begun()
            case "task_complete" | "turn_complete":
                reason: StopReason = "end_turn" if self._error is None else "error"
                yield from self._over(reason, payload.get("turn_id"), self._error)
            case "turn_aborted":
                yield from self._over("cancelled", payload.get("turn_id"))
            case "error":
                self._error = str(payload.get("message") or "Codex failed.")
            case "item_completed":
                yield from self._item(payload["item"])
            case "user_message" | "agent_message" | "agent_reasoning" if not self._has_items:
                yield from self._older(payload)
            case _:
                pass

    def _begun(self) -> Iterator[JournalEvent]:
        if not self._is_running:
            self._is_running, self._error = True, None
            yield TurnStarted()

    def _over(self, reason: StopReason, anchor: str | None, error: str | None = None) -> Iterator[JournalEvent]:
        if self._is_running:
            self._is_running, self._error = False, None
            yield TurnEnded(stop_reason=reason, error=error, anchor=anchor)

    def _item(self, item: Mapping[str, Any]) -> Iterator[JournalEvent]:
        yield from self._begun()
        name = str(item["id"])
        match item["type"]:
            case "UserMessage":
                yield from self._prompt(name, item)
            case "AgentMessage":
                text = "".join(str(each.get("text", "")) for each in item["content"])
                for piece, part in parts(text):
                    yield AgentMessage(message_id=name, text=piece, part=part)
            case "Reasoning":
                for piece, part in parts("\n\n".join(item.get("summary_text") or item.get("raw_content") or [])):
                    if piece:
                        yield AgentThought(message_id=name, text=piece, part=part)
            case "Plan":
                yield AgentMessage(message_id=name, text=str(item.get("text", "")))
            case "CommandExecution":
                command = _command(item["command"])
                output: list[ToolContent] = [TextContent(text=str(item.get("aggregated_output") or ""))]
                yield from _call(name, "shell", "execute", command, {"command": command}, output, item)
            case "FileChange":
                changes = item["changes"]
                title = "Edit " + ", ".join(Path(path).name for path in changes)
                content = [_diff(path, change) for path, change in changes.items()]
                yield from _call(name, "apply_patch", "edit", title, {"paths": list(changes)}, content, item)
            case kind:
                given = {key: value for key, value in item.items() if key not in {"id", "type"}}
                yield from _call(name, str(kind), "other", str(kind), given, [], item)

    def _prompt(self, name: str, item: Mapping[str, Any]) -> Iterator[JournalEvent]:
        text = is_prompt(item)
        pictures = [
            Attachment(type="image", data_url=str(each["image_url"]))
            for each in item.get("content") or ()
            if str(each.get("image_url", "")).startswith("data:")
        ]
        if text or pictures:
            yield UserMessage(message_id=name, text=text[:MAX_PROMPT_CHARS], attachments=pictures, by=BY)

    def _older(self, payload: Mapping[str, Any]) -> Iterator[JournalEvent]:
        name = f"line-{self._number}"
        if payload["type"] == "user_message":
            text = is_prompt(payload)
            if text:
                yield from self._over("end_turn", None)
                yield from self._begun()
                yield UserMessage(message_id=name, text=text[:MAX_PROMPT_CHARS], attachments=[], by=BY)
            return
        yield from self._begun()
        for piece, part in parts(str(payload.get("message") or payload.get("text") or "")):
            if payload["type"] == "agent_message":
                yield AgentMessage(message_id=name, text=piece, part=part)
            else:
                yield AgentThought(message_id=name, text=piece, part=part)


def is_prompt(item: Mapping[str, Any]) -> str:
    """What a person typed; empty for what Codex tells its model in the same way."""
    content = item.get("content")
    if isinstance(content, list):
        text = "\n".join(str(each.get("text", "")) for each in content if each.get("type") == "text")
    else:
        text = str(item.get("message") or "")
    return "" if text.startswith(("<environment_context>", "<user_instructions>", "# AGENTS.md instructions")) else text


def _call(
    name: str,
    tool: str,
    kind: ToolKind,
    title: str,
    given: Mapping[str, Any],
    content: Sequence[ToolContent],
    item: Mapping[str, Any],
) -> Iterator[JournalEvent]:
    shown = one_line(title, MAX_TITLE_CHARS)
    status: ToolStatus = "failed" if item.get("status") in {"failed", "declined"} else "completed"
    yield ToolCall(tool_call_id=name, name=tool, kind=kind, title=shown, input=clipped_input(given))
    yield ToolCallUpdate(tool_call_id=name, status=status, content=fitting_all([*content]))


def _command(command: Any) -> str:
    words = [str(word) for word in command] if isinstance(command, list) else [str(command)]
    if len(words) == 3 and words[0] in _SHELLS and words[1] in {"-c", "-lc"}:
        return words[2]
    return words[0] if len(words) == 1 else shlex.join(words)


def _diff(path: str, change: Mapping[str, Any]) -> ToolContent:
    match change.get("type"):
        case "add":
            return DiffContent(path=path, old_text=None, new_text=str(change.get("content") or ""))
        case "delete":
            return DiffContent(path=path, old_text=str(change.get("content") or ""), new_text="")
        case _:
            return TextContent(text=f"{path}\n{change.get('unified_diff') or change.get('diff') or ''}")
