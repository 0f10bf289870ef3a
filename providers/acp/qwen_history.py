"""The sessions that Qwen Code keeps by itself: `<folder of Qwen Code>/projects/*/chats/<session>.jsonl`.

Seen with 0.15.10: each line is a record that names the one before it, the folder and the branch; none is ever changed.
Neither a lock nor an open file tells who uses a session: one counts as open while a program of Qwen Code that is none
of ours was told to resume it, or works in its folder since before it began. One that is chosen within the program is
missed.
"""

import asyncio
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
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


@dataclass(frozen=True)
class _Program:
    """A running one: its folder, since when (Unix time), and its command line."""

    folder: Path
    since: float
    words: frozenset[str]


class QwenHistory(IndexedHistory):
    """See :class:`providers.base.NativeHistory`. `environment` is that of the agent; `is_own` names the sessions that
    agents of this node have opened.
    """

    def __init__(self, environment: Mapping[str, str], is_own: Callable[[str], bool]) -> None:
        home = environment.get("HOME") or str(Path.home())
        folder = environment.get("QWEN_RUNTIME_DIR") or environment.get("QWEN_HOME") or f"{home}/.qwen"
        if folder.startswith("~/"):
            folder = home + folder[1:]
        self._is_own = is_own
        self._begun_at: dict[str, float] = {}
        super().__init__(TranscriptIndex(Path(folder) / "projects", 2, self._facts), set, _transcript)

    async def sessions(self) -> Sequence[NativeSession]:
        found = await super().sessions()
        programs = await asyncio.to_thread(_programs) if found else []
        if not programs:
            return found
        return [replace(each, is_running=self._is_open(each, programs)) for each in found]

    def _is_open(self, session: NativeSession, programs: Iterable[_Program]) -> bool:
        """In one of these: it was told to resume it, or it works in its folder and was there when it began."""
        begun_at = self._begun_at.get(session.native_id, 0.0)
        return any(
            session.native_id in program.words
            or (program.folder == session.path and program.since < begun_at and not self._is_own(session.native_id))
            for program in programs
        )

    def _facts(self, sample: Sample) -> NativeSession | None:
        native_id = sample.path.stem
        first = _PROMPT.search(sample.head)
        if first is None or sample.path.parent.name != "chats" or not _IDENTIFIER.fullmatch(native_id):
            return None
        line: dict[str, Any] = line_with(sample.head, first.start())
        folder = text(line, "cwd")
        if not folder.startswith("/"):
            return None
        self._begun_at[native_id] = datetime.fromisoformat(text(line, "timestamp")).timestamp()
        return NativeSession(
            native_id=native_id,
            path=Path(folder),
            title=one_line(_title(sample) or prompt_text(line), MAX_TITLE_CHARS),
            updated="",
            branch=text(_last(sample.tail, b'"gitBranch":"'), "gitBranch") or None,
            turns=len(_PROMPT.findall(sample.head)) if sample.is_whole else None,
        )


def _programs() -> list[_Program]:
    """The programs of Qwen Code that are none of ours. Blocks."""
    found = []
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        with suppress(OSError, ValueError):
            words = [os.fsdecode(word) for word in Path(entry.path, "cmdline").read_bytes().split(b"\0")]
            if _is_qwen(words[:4]) and not is_ours(int(entry.name)):
                folder = Path(entry.path, "cwd").readlink()
                found.append(_Program(folder, began_at(int(entry.name)), frozenset(words)))
    return found


def _is_qwen(words: Sequence[str]) -> bool:
    """Node, and its script by the name of the program or in the package."""
    return any(Path(word).name in _PROGRAMS or _PACKAGE in word for word in words if "/" in word or word in _PROGRAMS)


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
