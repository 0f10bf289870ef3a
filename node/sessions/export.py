"""A session's journal as a document to keep: Markdown for people, one JSON event a line for programs."""

import json
import re
from collections.abc import Iterable, Sequence

import msgspec

from ws.protocol import events
from ws.protocol.sessions import SessionExportResult, SessionState

PART_BYTES = 2 * 1024 * 1024
"""Events of one part. As a JSON string within an answer it at most doubles, so it fits the link's frame of 8 MiB."""
_MARKS = {"pending": " ", "in_progress": "~", "completed": "x"}
_TICKS = re.compile("`+")
_UNSAFE_NAME = re.compile(r"[^\w.-]+")
_decode = msgspec.json.Decoder(events.JournalEvent).decode


def export(state: SessionState, bodies: Sequence[bytes], after: int, form: str) -> SessionExportResult:
    """One part: the events of `bodies` (the journal after `after`, as it lies on disk) up to 2 MiB. Blocks.

    `next_after` is set while the journal goes on behind what this part holds.
    """
    taken: list[tuple[bytes, events.JournalEvent]] = []
    size, last = 0, after
    for body in bodies:
        event = _decode(body)
        if taken and size + len(body) > PART_BYTES:
            break
        taken.append((body, event))
        size, last = size + len(body), event.seq
    if form == "json":
        content, ending = "".join(f"{body.decode()}\n" for body, _ in taken), "jsonl"
    else:
        content, ending = markdown(state, (event for _, event in taken), is_first=after == 0), "md"
    name = _UNSAFE_NAME.sub("-", state.title).strip("-.")[:80] or "session"
    return SessionExportResult(
        name=f"{name}.{ending}", content=content, next_after=last if taken and last < state.head else None
    )


def markdown(state: SessionState, journal: Iterable[events.JournalEvent], *, is_first: bool) -> str:
    """What people said, what the agent said and did, and what was allowed. Bookkeeping and pictures are left out."""
    facts = f"- Machine: {state.node}\n- Folder: {state.path}\n- Agent: {state.provider}\n"
    head = [f"# {_one_line(state.title)}", facts] if is_first else []
    blocks = (_block(event) for event in journal)
    return "".join(f"{block}\n" for block in (*head, *blocks) if block)


def _block(event: events.JournalEvent) -> str | None:
    """The Markdown of one event, ending with a newline; None for what a reader does not miss."""
    match event:
        case events.UserMessage():
            return f"## {_one_line(event.by)}, {event.ts}\n\n{_quoted(event.text)}{_attached(event.attachments)}\n"
        case events.AgentMessage():
            return f"{event.text}\n"
        case events.AgentThought():
            return f"<details><summary>Thought</summary>\n\n{_fenced(event.text)}\n</details>\n"
        case events.ToolCall():
            call = json.dumps(event.input, ensure_ascii=False, indent=1)
            return f"**{_one_line(event.title or event.name)}**\n\n{_fenced(call, 'json')}"
        case events.ToolCallUpdate():
            return _result(event) if event.status != "in_progress" else None
        case _:
            return _aside(event)


def _aside(event: events.JournalEvent) -> str | None:
    match event:
        case events.Plan():
            return "".join(f"- [{_MARKS[entry.status]}] {_one_line(entry.content)}\n" for entry in event.entries)
        case events.ApprovalRequested():
            return f"*Asked: {_one_line(event.title)}*\n"
        case events.ApprovalResolved():
            answer = f"{event.option} by {event.by}" if event.outcome == "selected" else event.outcome
            return f"*Answered: {_one_line(answer)}*\n"
        case events.TurnEnded():
            return f"*Turn ended: {event.stop_reason}{f': {event.error}' if event.error else ''}*\n"
        case events.Notice():
            return f"*{_one_line(event.text)}*\n"
        case _:
            return None


def _result(update: events.ToolCallUpdate) -> str | None:
    parts = ["*Failed*\n"] if update.status == "failed" else []
    for content in update.content:
        match content:
            case events.TextContent():
                parts += [_fenced(content.text)] if content.text else []
            case events.DiffContent():
                parts.append(f"`{content.path}` became\n\n{_fenced(content.new_text)}")
            case events.ImageContent():
                parts.append(f"*A picture ({content.mime})*\n")
    return "\n".join(parts) or None


def _fenced(text: str, language: str = "") -> str:
    """As a code block whose fence is longer than any run of backticks within."""
    fence = "`" * max(3, *(len(run) + 1 for run in _TICKS.findall(text)), 3)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}\n"


def _quoted(text: str) -> str:
    return "".join(f"> {line}\n" for line in text.splitlines() or [""])


def _attached(attachments: Sequence[events.Attachment]) -> str:
    return "".join(f"> *attached: {_one_line(each.name or each.path or each.mime)}*\n" for each in attachments)


def _one_line(text: str) -> str:
    return " ".join(text.split())
