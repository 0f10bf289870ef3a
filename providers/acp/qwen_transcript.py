"""A record of Qwen Code's transcript becomes events of a journal. Pure: the same records give the same events.

Seen with 0.15.10: a record for each prompt, each answer of the model with all its parts, and each tool's result. A
call that was refused or cut off has no result, and a turn that was cut off or has failed has no end: the next prompt
tells that it is over.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from providers.acp.content import plan_entries
from providers.acp.fields import table, tables, text
from providers.bounds import clipped_input, fitting_all, one_line, parts
from providers.history import BY, MAX_PROMPT_CHARS, MAX_TITLE_CHARS
from ws.protocol.events import (
    AgentMessage,
    AgentThought,
    Attachment,
    DiffContent,
    JournalEvent,
    Plan,
    StopReason,
    TextContent,
    ToolCall,
    ToolCallUpdate,
    ToolContent,
    ToolKind,
    TurnEnded,
    TurnStarted,
    UserMessage,
)

_KINDS: Mapping[str, ToolKind] = {
    "run_shell_command": "execute",
    "write_file": "edit",
    "edit": "edit",
    "read_file": "read",
    "glob": "search",
    "grep_search": "search",
    "list_directory": "search",
    "web_fetch": "fetch",
    "web_search": "fetch",
}
_SAYS = ("command", "file_path", "path", "pattern", "query", "url", "description")
"""Of a call's arguments the one that says most about it."""
_PLAN_TOOL = "todo_write"

Record = Mapping[str, Any]


def standing(records: Iterable[Record]) -> list[Record]:
    """The records less those that going back has undone (a `rewind` hangs on the last one that stands)."""
    kept: list[Record] = []
    places: dict[str, int] = {}
    for record in records:
        if record.get("subtype") == "rewind":
            before = record.get("parentUuid")
            place = -1 if before is None else places.get(str(before), len(kept) - 1)
            del kept[place + 1 :]
        places[text(record, "uuid")] = len(kept)
        kept.append(record)
    return kept


class QwenReader:
    """Reads the records of one file in order."""

    def __init__(self) -> None:
        self._is_running = False
        self._error: str | None = None
        self._ts = ""
        self._anchor: str | None = None
        self._files: dict[str, str] = {}
        """The file that each open call is about, "" for none."""

    def read(self, record: Record) -> list[JournalEvent]:
        """The events of one record. Raises KeyError, TypeError or AttributeError for one of an unknown shape."""
        self._ts = max(self._ts, str(record["timestamp"]))
        found: Iterator[JournalEvent] | Sequence[JournalEvent] = ()
        match record["type"]:
            case "user" if record.get("subtype") is None:
                found = self._prompt(record)
            case "assistant":
                found = self._answer(record)
            case "tool_result":
                found = self._result(record)
            case "system" if record.get("subtype") == "ui_telemetry":
                self._telemetry(record)
            case _:
                pass
        return [replace(event, ts=self._ts) for event in found]

    def _prompt(self, record: Record) -> Iterator[JournalEvent]:
        said, pictures = prompt_text(record), _pictures(record)
        if not said and not pictures:
            return
        yield from self._over("cancelled" if self._error is None else "error", self._error)
        yield from self._begun()
        name = self._anchor = str(record["uuid"])
        yield UserMessage(message_id=name, text=said[:MAX_PROMPT_CHARS], attachments=pictures, by=BY)

    def _answer(self, record: Record) -> Iterator[JournalEvent]:
        name = self._anchor = str(record["uuid"])
        shown = tables(record["message"], "parts")
        yield from self._begun()
        self._error = None
        for number, part in enumerate(shown):
            block = f"{name}-{number}" if number else name
            made = AgentThought if part.get("thought") else AgentMessage
            for piece, place in parts(text(part, "text")):
                if piece:
                    yield made(message_id=block, text=piece, part=place)
            if called := table(part, "functionCall"):
                yield from self._called(called, block)
        if not any("functionCall" in part for part in shown):
            yield from self._over("end_turn", None)

    def _called(self, called: Record, block: str) -> Iterator[JournalEvent]:
        name, arguments = text(called, "name"), table(called, "args")
        if name == _PLAN_TOOL:
            return  # its result is told as the plan
        call_id = text(called, "id") or block
        self._files[call_id] = text(arguments, "file_path")
        says = next((value for key in _SAYS if (value := text(arguments, key))), "")
        title = says if name == "run_shell_command" else f"{name} {says}"
        yield ToolCall(
            tool_call_id=call_id,
            name=name,
            kind=_KINDS.get(name, "other"),
            title=one_line(title, MAX_TITLE_CHARS),
            input=clipped_input(arguments),
        )

    def _result(self, record: Record) -> Iterator[JournalEvent]:
        told = table(record, "toolCallResult")
        shown = told.get("resultDisplay")
        if isinstance(shown, dict) and shown.get("type") == "todo_list":
            yield Plan(entries=plan_entries({"entries": shown.get("todos")}))
        for part in tables(record["message"], "parts"):
            response = table(part, "functionResponse")
            call_id = text(response, "id")
            file = self._files.pop(call_id, None)
            if file is not None:
                is_done = told.get("status") == "success"
                yield ToolCallUpdate(
                    tool_call_id=call_id,
                    status="completed" if is_done else "failed",
                    content=fitting_all(_contents(shown, file, table(response, "response"))),
                )

    def _telemetry(self, record: Record) -> None:
        event = table(table(record, "systemPayload"), "uiEvent")
        if event.get("event.name") == "qwen-code.api_error":
            self._error = text(event, "error_message") or "The model has failed."

    def _begun(self) -> Iterator[JournalEvent]:
        if not self._is_running:
            self._is_running, self._error = True, None
            yield TurnStarted()

    def _over(self, reason: StopReason, error: str | None) -> Iterator[JournalEvent]:
        if not self._is_running:
            return
        for call in self._files:
            yield ToolCallUpdate(tool_call_id=call, status="failed", content=[TextContent(text="Not finished.")])
        self._files.clear()
        self._is_running, self._error = False, None
        yield TurnEnded(stop_reason=reason, error=error, anchor=self._anchor)


def prompt_text(record: Record) -> str:
    """What a person typed."""
    said = (text(part, "text") for part in tables(record["message"], "parts"))
    return "\n".join(each for each in said if each and not each.startswith("<system-reminder>")).strip()


def _pictures(record: Record) -> list[Attachment]:
    found = []
    for part in tables(record["message"], "parts"):
        data = table(part, "inlineData")
        if text(data, "mimeType").startswith("image/"):
            mime = text(data, "mimeType")
            found.append(Attachment(type="image", mime=mime, data_url=f"data:{mime};base64,{text(data, 'data')}"))
    return found


def _contents(shown: Any, file: str, response: Record) -> list[ToolContent]:
    """What people were shown of a result, else what the model got. A shortened diff is shown as its text."""
    if isinstance(shown, str) and shown:
        return [TextContent(text=shown)]
    if isinstance(shown, dict) and "fileDiff" in shown:
        if shown.get("truncatedForSession"):
            return [TextContent(text=text(shown, "fileDiff"))]
        old = shown.get("originalContent")
        return [
            DiffContent(
                path=file or text(shown, "fileName"),
                old_text=old if isinstance(old, str) and old else None,
                new_text=text(shown, "newContent"),
            )
        ]
    said = text(response, "output") or text(response, "error")
    return [TextContent(text=said)] if said else []
