"""The sessions that Qwen Code keeps by itself: `<folder of Qwen Code>/projects/*/chats/<session>.jsonl`.

Seen with 0.15.10: each line is a record that names the one before it, the folder and the branch; none is ever changed.
Neither a lock nor an open file tells who uses a session, so one counts as open while a program of Qwen Code that is
none of ours works in its folder and was there before the session was last written.
"""

import asyncio
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from providers.acp.fields import table, text
from providers.acp.qwen_transcript import QwenReader, prompt_text, standing
from providers.base import NativeSession
from providers.bounds import one_line
from providers.history import (
    MAX_TITLE_CHARS,
    TRUNCATED,
    IndexedHistory,
    Sample,
    TranscriptIndex,
    events_of_records,
    is_ours,
    line_with,
    read_lines,
    records_of,
)
from providers.lines import UNKNOWN_SHAPE
from providers.process import began_at
from ws.protocol.events import JournalEvent

_STRING = rb'"(?:[^"\\]|\\.)*"'
_PROMPT = re.compile(
    rb'"type":"user","cwd":' + _STRING + rb',"version":"[^"]*"(?:,"gitBranch":' + _STRING + rb')?,"message":'
)
"""What notes of its own the CLI keeps as a user's has a `subtype` there."""
_IDENTIFIER = re.compile(r"[0-9a-fA-F-]{32,36}")
_PROGRAMS = frozenset({"qwen", "qwen-code"})
_PACKAGE = "/@qwen-code/qwen-code/"


class QwenHistory(IndexedHistory):
    """See :class:`providers.base.NativeHistory`. `environment` is that of the agent."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        home = environment.get("HOME") or str(Path.home())
        folder = environment.get("QWEN_RUNTIME_DIR") or environment.get("QWEN_HOME") or f"{home}/.qwen"
        if folder.startswith("~/"):
            folder = home + folder[1:]
        super().__init__(TranscriptIndex(Path(folder) / "projects", 2, _facts), set, _transcript)

    async def sessions(self) -> Sequence[NativeSession]:
        found = await super().sessions()
        return await asyncio.to_thread(_with_open_ones, found) if found else found


def _with_open_ones(sessions: Sequence[NativeSession]) -> list[NativeSession]:
    since = _working()
    return [
        replace(each, is_running=True)
        if (began := since.get(str(each.path))) is not None and datetime.fromisoformat(each.updated).timestamp() > began
        else each
        for each in sessions
    ]


def _working() -> dict[str, float]:
    """The folders in which a program of Qwen Code works that is none of ours, and since when (Unix time). Blocks."""
    found: dict[str, float] = {}
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        with suppress(OSError, ValueError):
            if not _is_qwen((Path(entry.path) / "cmdline").read_bytes()) or is_ours(int(entry.name)):
                continue
            folder, began = str((Path(entry.path) / "cwd").readlink()), began_at(int(entry.name))
            found[folder] = min(began, found.get(folder, began))
    return found


def _is_qwen(command: bytes) -> bool:
    """Node, and its script by the name of the program or in the package."""
    words = [os.fsdecode(word) for word in command.split(b"\0")[:4]]
    return any(Path(word).name in _PROGRAMS or _PACKAGE in word for word in words if "/" in word or word in _PROGRAMS)


def _facts(sample: Sample) -> NativeSession | None:
    native_id = sample.path.stem
    first = _PROMPT.search(sample.head)
    if first is None or sample.path.parent.name != "chats" or not _IDENTIFIER.fullmatch(native_id):
        return None
    line: dict[str, Any] = line_with(sample.head, first.start())
    folder = text(line, "cwd")
    if not folder.startswith("/"):
        return None
    return NativeSession(
        native_id=native_id,
        path=Path(folder),
        title=one_line(_title(sample) or prompt_text(line), MAX_TITLE_CHARS),
        updated="",
        branch=text(_last(sample.tail, b'"gitBranch":"'), "gitBranch") or None,
        turns=len(_PROMPT.findall(sample.head)) if sample.is_whole else None,
    )


def _title(sample: Sample) -> str:
    """The one that was given; Qwen Code writes it again at the end whenever it leaves the session."""
    mark = b'"subtype":"custom_title"'
    return text(table(_last(sample.tail, mark), "systemPayload"), "customTitle")


def _last(data: bytes, mark: bytes) -> Mapping[str, Any]:
    """The last line with this mark; empty when there is none that can be read."""
    position = data.rfind(mark)
    try:
        return line_with(data, position) if position >= 0 else {}
    except UNKNOWN_SHAPE:
        return {}


def _transcript(path: Path) -> list[JournalEvent]:
    lines, is_all = read_lines(path)
    events: list[JournalEvent] = [] if is_all else [TRUNCATED]
    return [*events, *events_of_records(standing(records_of(lines)), QwenReader().read)]
