"""The sessions that Claude Code keeps by itself: `<configuration>/projects/*/*.jsonl`, and who has one open.

The CLI (seen with 2.1.329) writes each message as a line, never changes one, and while it is used in a terminal keeps
`<configuration>/sessions/<pid>.json` with the session, which a kill leaves behind. Sub-agents have files of their own,
deeper down. A session that went back to a point of its past goes on in the same file: what it undid is shown too.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from providers.base import AgentProcess, NativeSession
from providers.bounds import one_line
from providers.claude.options import prompt_uuid
from providers.claude.transcript import TranscriptReader, prompt_text
from providers.history import (
    MAX_TITLE_CHARS,
    TRUNCATED,
    IndexedHistory,
    Sample,
    TranscriptIndex,
    decode_line,
    events_of,
    is_ours,
    line_with,
    read_lines,
)
from providers.lines import UNKNOWN_SHAPE
from providers.process import is_alive
from ws.protocol.events import JournalEvent

_PROMPT = re.compile(
    rb'"type":"user","message":\{"role":"user","content":'
    rb'(?:"(?!<|Caveat: |\[Request interrupted)|\[\{"type":"(?:text|image)")'
)
_TITLES = (
    (b'"type":"custom-title"', "customTitle"),
    (b'"type":"ai-title"', "aiTitle"),
    (b'"type":"summary"', "summary"),
)
_IDENTIFIER = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
"""A UUID. Anything else the CLI would take for a title, or for a file."""


class ClaudeHistory(IndexedHistory):
    """See :class:`providers.base.NativeHistory`. `environment` is that of the agent."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        home = environment.get("HOME") or str(Path.home())
        self._configuration = Path(environment.get("CLAUDE_CONFIG_DIR") or Path(home) / ".claude")
        super().__init__(
            TranscriptIndex(self._configuration / "projects", 1, _facts), self._opened_elsewhere, _transcript
        )

    def prompt_name(self, message_id: str) -> str | None:
        return prompt_uuid(message_id)

    def _opened_elsewhere(self) -> set[str]:
        """The sessions that a living process has open that is none of ours. Blocks."""
        try:
            files = [path for path in (self._configuration / "sessions").iterdir() if path.suffix == ".json"]
        except OSError:
            return set()
        found = set()
        for file in files:
            try:
                told = decode_line(file.read_bytes())
                pid, begun = int(told["pid"]), int(told["procStart"])
            except (OSError, *UNKNOWN_SHAPE):
                continue
            if is_alive(AgentProcess(pid, begun)) and not is_ours(pid):
                found.add(str(told.get("sessionId")))
        return found


def _facts(sample: Sample) -> NativeSession | None:
    native_id = sample.path.stem
    first = _PROMPT.search(sample.head)
    if first is None or native_id.startswith("agent-") or not _IDENTIFIER.fullmatch(native_id):
        return None
    line: dict[str, Any] = line_with(sample.head, first.start())
    folder = str(line.get("cwd") or "")
    if not folder.startswith("/"):
        return None
    branch = _last(sample.tail, b'"gitBranch":"', "gitBranch")
    return NativeSession(
        native_id=native_id,
        path=Path(folder),
        title=_title(sample) or one_line(prompt_text(line), MAX_TITLE_CHARS),
        updated="",
        branch=branch if branch and branch != "HEAD" else None,
        turns=len(_PROMPT.findall(sample.head)) if sample.is_whole else None,
    )


def _title(sample: Sample) -> str:
    for mark, name in _TITLES:
        for data in (sample.tail, sample.head):
            if title := _last(data, mark, name):
                return one_line(title, MAX_TITLE_CHARS)
    return ""


def _last(data: bytes, mark: bytes, name: str) -> str | None:
    """The field of the last line with this mark that can be read."""
    position = data.rfind(mark)
    if position < 0:
        return None
    try:
        value = line_with(data, position).get(name)
    except UNKNOWN_SHAPE:
        return None
    return value if isinstance(value, str) else None


def _transcript(path: Path) -> list[JournalEvent]:
    lines, is_all = read_lines(path)
    reader = TranscriptReader()
    events: list[JournalEvent] = [] if is_all else [TRUNCATED]
    return [*events, *events_of(lines, reader.read), *reader.end()]
