"""A line of Claude Code's transcript becomes events of a journal. Pure: the same lines give the same events."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from providers.bounds import parts
from providers.claude import tools
from providers.claude.plans import PlanKeeper
from providers.history import BY, MAX_PROMPT_CHARS
from ws.protocol.events import (
    AgentMessage,
    AgentThought,
    Attachment,
    JournalEvent,
    StopReason,
    TextContent,
    ToolCallUpdate,
    TurnEnded,
    TurnStarted,
    UserMessage,
)

INTERRUPTED = "[Request interrupted by user"

_REMINDER = re.compile(r"<system-reminder>.*?</system-reminder>", re.DOTALL)
_COMMAND = re.compile(
    r"<command-name>(?P<name>.*?)</command-name>.*?<command-args>(?P<args>.*?)</command-args>", re.DOTALL
)
_ENDS: dict[str, StopReason] = {
    "end_turn": "end_turn",
    "stop_sequence": "end_turn",
    "max_tokens": "max_tokens",
    "refusal": "refusal",
}


class TranscriptReader:
    """Reads the lines of one file in order.

    A turn is over when the model says so, but of one answer's blocks each says it: the end is told when another answer
    or the file's end has shown which was the last.
    """

    def __init__(self) -> None:
        self._is_running = False
        self._ts = ""
        self._anchor: str | None = None
        self._calls: dict[str, tuple[str, Mapping[str, Any]]] = {}
        self._ending: tuple[str, TurnEnded] | None = None
        self._plan = PlanKeeper()

    def read(self, line: Mapping[str, Any]) -> list[JournalEvent]:
        """The events of one line. Raises KeyError, TypeError or AttributeError for one of an unknown shape."""
        if line.get("isSidechain") or line.get("isMeta") or line.get("type") not in {"user", "assistant"}:
            return []
        before, self._ts = self._ts, str(line["timestamp"])
        self._ts = max(before, self._ts)
        found = list(self._assistant(line) if line["type"] == "assistant" else self._user(line))
        self._anchor = str(line["uuid"])
        return [each if each.ts else replace(each, ts=self._ts) for each in found]

    def end(self) -> list[JournalEvent]:
        """The file has no more lines now."""
        return [replace(each, ts=self._ts) for each in self._settled(None)]

    def _user(self, line: Mapping[str, Any]) -> Iterator[JournalEvent]:
        content = line["message"]["content"]
        results = (
            [block for block in content if block.get("type") == "tool_result"] if isinstance(content, list) else []
        )
        for block in results:
            yield from self._returned(block, line.get("toolUseResult"))
        if results:
            return
        text = prompt_text(line)
        if text.startswith(INTERRUPTED):
            self._ending = None
            yield from self._over("cancelled")
        elif text or images(content):
            yield from self._settled(None)
            yield from self._over("cancelled")  # whatever was under way has come to no end
            yield from self._begun()
            yield UserMessage(
                message_id=str(line["uuid"]), text=text[:MAX_PROMPT_CHARS], attachments=images(content), by=BY
            )

    def _assistant(self, line: Mapping[str, Any]) -> Iterator[JournalEvent]:
        message = line["message"]
        yield from self._settled(str(message.get("id")))
        yield from self._begun()
        name = str(line["uuid"])
        if line.get("isApiErrorMessage"):
            yield from self._over("error", " ".join(block.get("text", "") for block in message["content"]))
            return
        last = ""
        for number, block in enumerate(message["content"]):
            last = str(block.get("type"))
            yield from self._block(f"{name}-{number}" if number else name, block, Path(str(line.get("cwd") or "/")))
        reason = _ENDS.get(str(message.get("stop_reason")))
        if reason is not None and last != "tool_use":
            # Thoughts are followed by the words of the same answer.
            ended = TurnEnded(stop_reason=reason, anchor=name, ts=self._ts) if last == "text" else None
            self._ending = None if ended is None else (str(message.get("id")), ended)

    def _block(self, name: str, block: Mapping[str, Any], folder: Path) -> Iterator[JournalEvent]:
        match block.get("type"):
            case "text" if block["text"]:
                for piece, part in parts(str(block["text"])):
                    yield AgentMessage(message_id=name, text=piece, part=part)
            case "thinking" if block["thinking"]:
                for piece, part in parts(str(block["thinking"])):
                    yield AgentThought(message_id=name, text=piece, part=part)
            case "tool_use" | "server_tool_use":
                self._calls[block["id"]] = (block["name"], block["input"])
                yield tools.tool_call(block["id"], block["name"], block["input"], folder)
            case _:
                pass

    def _returned(self, block: Mapping[str, Any], result: Any) -> Iterator[JournalEvent]:
        call = self._calls.pop(block["tool_use_id"], None)
        if call is None:
            return
        is_error = bool(block.get("is_error"))
        shown = tools.output(call[0], block.get("content"), None if is_error else result)
        yield ToolCallUpdate(
            tool_call_id=block["tool_use_id"], status="failed" if is_error else "completed", content=shown
        )
        if not is_error and (plan := self._plan.changed_by(call[0], call[1], result)) is not None:
            yield plan

    def _begun(self) -> Iterator[JournalEvent]:
        if not self._is_running:
            self._is_running = True
            yield TurnStarted()

    def _settled(self, message: str | None) -> Iterator[JournalEvent]:
        """The end that was seen is one, unless this is one more block of the same answer."""
        if self._ending is not None and self._ending[0] != message:
            ended = self._ending[1]
            yield from self._closed_calls()
            self._is_running = False
            yield ended
        self._ending = None

    def _over(self, reason: StopReason, error: str | None = None) -> Iterator[JournalEvent]:
        if self._is_running:
            yield from self._closed_calls()
            self._is_running = False
            yield TurnEnded(stop_reason=reason, error=error, anchor=self._anchor)

    def _closed_calls(self) -> Iterator[JournalEvent]:
        for call in self._calls:
            yield ToolCallUpdate(
                tool_call_id=call, status="failed", content=[TextContent(text="Not finished.")], ts=self._ts
            )
        self._calls.clear()


def prompt_text(line: Mapping[str, Any]) -> str:
    """What a person typed: without reminders; a slash command as it was typed; empty for what the CLI notes itself."""
    content = line["message"]["content"]
    if isinstance(content, list):
        content = "\n".join(str(block.get("text", "")) for block in content if block.get("type") == "text")
    text = _REMINDER.sub("", str(content)).strip()
    if (command := _COMMAND.search(text)) is not None:
        return " ".join(f"{command['name']} {command['args']}".split())
    return "" if text.startswith(("<", "Caveat: ")) else text


def images(content: Any) -> list[Attachment]:
    """The pictures of a prompt."""
    found = []
    for block in content if isinstance(content, list) else ():
        source = block.get("source") or {}
        if block.get("type") == "image" and source.get("type") == "base64":
            mime = str(source.get("media_type", "image/png"))
            found.append(Attachment(type="image", mime=mime, data_url=f"data:{mime};base64,{source.get('data', '')}"))
    return found
