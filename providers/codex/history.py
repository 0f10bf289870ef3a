"""The sessions that Codex keeps by itself: `$CODEX_HOME/sessions/YYYY/MM/DD/rollout-*.jsonl`, and who has one open.

Seen with 0.169.0 and 0.153.4: a line for each finished item (`item_completed`), `task_started` and `task_complete`
around each turn, nothing ever changed; whoever has a thread open holds a lock on
`$CODEX_HOME/thread-writer-locks/<thread>.lock`, which goes with its process. Older ones wrote `user_message`,
`agent_message` and `agent_reasoning` instead of items.
"""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from providers.base import NativeSession
from providers.bounds import one_line
from providers.codex.rollout import RolloutReader, is_prompt
from providers.history import (
    MAX_TITLE_CHARS,
    TRUNCATED,
    IndexedHistory,
    Sample,
    TranscriptIndex,
    events_of,
    is_ours,
    line_with,
    read_lines,
)
from ws.protocol.events import JournalEvent

_LOCKS = Path("/proc/locks")
_USER_ITEM = b'"item":{"type":"UserMessage"'
_USER_EVENT = b'"payload":{"type":"user_message"'
_IDENTIFIER = re.compile(r"[A-Za-z0-9-]{8,64}")


class CodexHistory(IndexedHistory):
    """See :class:`providers.base.NativeHistory`. `environment` is that of the agent."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        home = environment.get("HOME") or str(Path.home())
        self._home = Path(environment.get("CODEX_HOME") or Path(home) / ".codex")
        super().__init__(TranscriptIndex(self._home / "sessions", 3, _facts), self._opened_elsewhere, _transcript)

    def _opened_elsewhere(self) -> set[str]:
        """The threads that a process has locked that is none of ours. Blocks; the locks themselves are not touched."""
        try:
            locks = {entry.inode(): entry.name for entry in os.scandir(self._home / "thread-writer-locks")}
            held = _LOCKS.read_text(encoding="ascii").splitlines() if locks else []
        except (OSError, UnicodeDecodeError):
            return set()
        found = set()
        for line in held:
            fields = line.split()
            if len(fields) < 6 or fields[1] != "FLOCK":
                continue  # "->" is somebody who waits
            pid, inode = int(fields[4]), int(fields[5].rpartition(":")[2])
            name = locks.get(inode, "")
            if name.endswith(".lock") and not name.startswith(".") and not is_ours(pid):
                found.add(name.removesuffix(".lock"))
        return found


def _facts(sample: Sample) -> NativeSession | None:
    meta = line_with(sample.head, 0).get("payload")
    if not isinstance(meta, Mapping) or isinstance(meta.get("source"), Mapping):
        return None  # no session, or a sub-agent's
    native_id, folder = str(meta.get("id")), str(meta.get("cwd") or "")
    first = next(_prompts(sample.head), None)
    if first is None or not folder.startswith("/") or not _IDENTIFIER.fullmatch(native_id):
        return None
    git = meta.get("git")
    return NativeSession(
        native_id=native_id,
        path=Path(folder),
        title=one_line(first, MAX_TITLE_CHARS),
        updated="",
        branch=str(git["branch"]) if isinstance(git, Mapping) and git.get("branch") else None,
        turns=(sample.head.count(_USER_ITEM) or sample.head.count(_USER_EVENT)) if sample.is_whole else None,
    )


def _prompts(data: bytes) -> Iterator[str]:
    for mark in (_USER_ITEM, _USER_EVENT):
        position = data.find(mark)
        while position >= 0:
            payload: Any = line_with(data, position).get("payload")
            text = is_prompt(payload.get("item") or payload)
            if text:
                yield text
            position = data.find(mark, position + 1)


def _transcript(path: Path) -> list[JournalEvent]:
    lines, is_all = read_lines(path)
    has_items = any(b'"type":"item_completed"' in line for line in lines)
    reader = RolloutReader(has_items=has_items)
    events: list[JournalEvent] = [] if is_all else [TRUNCATED]
    told = (line for line in lines if b'"type":"event_msg"' in line[:200])
    return [*events, *events_of(told, reader.read)]
