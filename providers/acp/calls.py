"""Tool calls of one turn: told when enough of them is known, kept until they are closed, closed at its end."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from providers.acp.content import tool_contents, tool_kind
from providers.acp.fields import table, text
from providers.bounds import clipped, clipped_input
from ws.protocol.events import ToolCall, ToolCallUpdate, ToolContent, ToolKind, ToolStatus

MAX_TITLE_CHARS = 500

Events = Iterator[ToolCall | ToolCallUpdate]


@dataclass
class _Call:
    title: str = ""
    name: str = ""
    kind: ToolKind = "other"
    arguments: Mapping[str, Any] = field(default_factory=dict)
    parent: str | None = None
    content: list[ToolContent] = field(default_factory=list)
    is_told: bool = False
    is_rejected: bool = False

    @property
    def says_what(self) -> bool:
        """Its input has come, and not only where it will run (OpenCode 1.18 tells the command with the permission)."""
        return bool(self.arguments.keys() - {"cwd"})


class Calls:
    """The calls that are open. Ours are named by the agent's ids, which are unique in its session."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: dict[str, _Call] = {}
        self._closed: set[str] = set()

    def feed(self, told: Mapping[str, Any], *, is_interrupted: bool) -> Events:
        """A `tool_call` or `tool_call_update`; agents leave either out. What is closed stays closed."""
        call_id = text(told, "toolCallId")
        if not call_id or call_id in self._closed:
            return
        yield from self._tell_others(call_id)
        call = self._learn(call_id, told)
        shown = tool_contents(told, self._folder, call.content)
        status = text(told, "status")
        is_closing = status in {"completed", "failed"}
        if call.says_what or shown or status != "pending" or is_closing:
            yield from self._tell(call_id, call)
        if shown is not None:
            call.content = shown
        if is_closing:
            # A command that the interrupt ended is reported as completed by some agents (Qwen Code 0.15.10).
            was_cut_off = call.is_rejected or (is_interrupted and call.kind == "execute")
            yield from self._close(call_id, "failed" if status == "failed" or was_cut_off else "completed")
        elif shown:
            yield ToolCallUpdate(tool_call_id=call_id, status="in_progress", content=shown)

    def asked_about(self, told: Mapping[str, Any]) -> Events:
        """The call of a permission request, which may be the first that is heard of it: it is shown before."""
        call_id = text(told, "toolCallId")
        if not call_id or call_id in self._closed:
            return
        call = self._learn(call_id, told)
        yield from self._tell(call_id, call)
        shown = tool_contents(told, self._folder, call.content)
        if shown:
            call.content = shown
            yield ToolCallUpdate(tool_call_id=call_id, status="in_progress", content=shown)

    def rejected(self, call_id: str | None) -> None:
        """The user said no; some agents say nothing more of such a call."""
        if call_id in self._open:
            self._open[call_id].is_rejected = True

    def go_on(self) -> Events:
        """Something that is no tool call follows."""
        yield from self._tell_others("")

    def close_all(self) -> Events:
        """The turn is over: what is still open has failed."""
        for call_id in list(self._open):
            yield from self._tell(call_id, self._open[call_id])
            yield from self._close(call_id, "failed")
        self._closed.clear()

    def _learn(self, call_id: str, told: Mapping[str, Any]) -> _Call:
        call = self._open.setdefault(call_id, _Call())
        meta = table(told, "_meta")
        call.title = text(told, "title") or call.title
        call.name = text(meta, "toolName") or text(table(meta, "claudeCode"), "toolName") or call.name
        if "kind" in told:
            call.kind = tool_kind(told)
        if isinstance(told.get("rawInput"), dict):
            call.arguments = table(told, "rawInput") or call.arguments
        call.parent = (
            text(meta, "parentToolCallId") or text(table(meta, "claudeCode"), "parentToolUseId") or call.parent
        )
        return call

    def _tell_others(self, call_id: str) -> Events:
        """Calls that waited for their input wait no longer, and rejected ones are over."""
        for other, call in list(self._open.items()):
            if other != call_id:
                yield from self._tell(other, call)
                if call.is_rejected:
                    yield from self._close(other, "failed")

    @staticmethod
    def _tell(call_id: str, call: _Call) -> Events:
        if call.is_told:
            return
        call.is_told = True
        yield ToolCall(
            tool_call_id=call_id,
            name=call.name or call.kind,
            kind=call.kind,
            title=clipped(call.title or call.name or "Tool", MAX_TITLE_CHARS),
            input=clipped_input(call.arguments),
            parent=call.parent,
        )

    def _close(self, call_id: str, status: ToolStatus) -> Events:
        call = self._open.pop(call_id)
        self._closed.add(call_id)
        yield ToolCallUpdate(tool_call_id=call_id, status=status, content=call.content)
