"""Lines of `codex exec --json` become events. Pure."""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from providers.base import AgentEvent
from providers.bounds import parts
from providers.codex import errors, items, notices
from providers.codex.streaming import Blocks
from providers.lines import decoded
from ws.protocol.events import (
    AgentMessage,
    AgentThought,
    NativeIdKnown,
    Plan,
    PlanEntry,
    StopReason,
    TextContent,
    ToolCallUpdate,
    TurnEnded,
    Usage,
)

_TYPES = {
    "command_execution": "commandExecution",
    "file_change": "fileChange",
    "mcp_tool_call": "mcpToolCall",
    "web_search": "webSearch",
}
_NAMES = {"aggregated_output": "aggregatedOutput", "exit_code": "exitCode"}
"""The same items as those of the app-server, in other words."""


class ExecEvents:
    """The state of one session between its lines."""

    def __init__(self, folder: Path, native_id: str | None, command: Sequence[str]) -> None:
        self.thread = native_id
        self.is_turn_over = False
        self._folder = folder
        self._command = command
        self._prefix = secrets.token_hex(6)
        self._blocks = Blocks()
        self._open: dict[str, str] = {}
        self._turns = 0
        self._failure: str | None = None
        self._totals = [0, 0]
        self._told: set[str] = set()

    def feed(self, line: bytes) -> Iterator[AgentEvent]:
        try:
            said = decoded(line)
        except ValueError:
            return
        if not isinstance(said, dict):
            return
        item = said.get("item")
        match said.get("type"):
            case "thread.started" if said.get("thread_id") != self.thread:
                self.thread = str(said.get("thread_id"))
                yield NativeIdKnown(native_id=self.thread)
            case "thread.started" | "turn.started":
                pass
            case "item.started" | "item.updated" | "item.completed" if isinstance(item, dict):
                yield from self._item(item, is_done=said["type"] == "item.completed")
            case "turn.completed":
                self.is_turn_over = True
                yield from self._usage(said.get("usage") or {})
            case "turn.failed":
                self.is_turn_over = True
                self._failure = errors.turn_failure(said.get("error"), self._command)
            case "error":
                yield notices.retry(said)
            case kind:
                yield from notices.unknown(str(kind), self._told)

    def finish(self, reason: StopReason | None, error: str | None) -> Iterator[AgentEvent]:
        """End the turn: as it said unless `reason` knows better."""
        for call in self._open.values():
            yield ToolCallUpdate(tool_call_id=call, status="failed", content=[TextContent(text="Not finished.")])
        self._open.clear()
        self._blocks.cut_off()
        if reason is None and self._failure is not None:
            reason, error = "error", self._failure
        yield TurnEnded(stop_reason=reason or "end_turn", error=error)
        self.is_turn_over, self._failure = False, None
        self._turns += 1

    def _item(self, item: Mapping[str, Any], *, is_done: bool) -> Iterator[AgentEvent]:
        kind = str(item.get("type"))
        match kind:
            case "agent_message" | "reasoning" if is_done:
                text = str(item.get("text") or "")
                is_thought = kind == "reasoning"
                event = AgentThought if is_thought else AgentMessage
                message_id = self._blocks.finish(str(item.get("id")), "thought" if is_thought else "text")
                for piece, part in parts(text) if text else ():
                    yield event(message_id=message_id, text=piece, part=part)
            case "agent_message" | "reasoning":
                pass
            case "todo_list":
                yield _plan(item)
            case "error" if is_done:
                yield notices.warning(str(item.get("message") or ""))
            case _ if kind in _TYPES:
                yield from self._call(_translated(item), is_done=is_done)
            case _:
                yield from notices.unknown(f"item {kind}", self._told)

    def _call(self, item: Mapping[str, Any], *, is_done: bool) -> Iterator[AgentEvent]:
        """Ids count from 0 in every process: the number of the turn keeps them apart."""
        item_id = str(item.get("id"))
        call = self._open.get(item_id)
        if call is None:
            shown = items.shown(item, self._folder)
            assert shown is not None, "only items that are tool calls come here"
            call = self._open[item_id] = f"{self._prefix}-{self._turns}-{item_id}"
            yield items.tool_call(call, shown, None)
        if is_done:
            del self._open[item_id]
            status, contents = items.outcome(item)
            yield ToolCallUpdate(tool_call_id=call, status=status, content=contents)

    def _usage(self, usage: Mapping[str, Any]) -> Iterator[Usage]:
        self._totals[0] += int(usage.get("input_tokens") or 0)
        self._totals[1] += int(usage.get("output_tokens") or 0)
        yield Usage(input_tokens=self._totals[0], output_tokens=self._totals[1])


def _translated(item: Mapping[str, Any]) -> dict[str, Any]:
    said = {_NAMES.get(name, name): value for name, value in item.items()}
    said["type"] = _TYPES[str(item["type"])]
    if said["type"] == "fileChange":
        changes = [change for change in item.get("changes") or () if isinstance(change, Mapping)]
        said["changes"] = [{**change, "kind": {"type": change.get("kind")}} for change in changes]
    return said


def _plan(item: Mapping[str, Any]) -> Plan:
    entries = [entry for entry in item.get("items") or () if isinstance(entry, Mapping)]
    return Plan(
        entries=[
            PlanEntry(
                content=str(entry.get("text") or "")[:500], status="completed" if entry.get("completed") else "pending"
            )
            for entry in entries[:200]
        ]
    )
