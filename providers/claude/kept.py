"""Claude's own files of a session, read only: what of a session it has really kept.

The CLI writes it some 100 ms behind what it tells (2.1.329), so a CLI that is killed has told of more than it kept.
"""

from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

MAX_TAIL_BYTES = 32 * 1024 * 1024
"""What a turn may have written at most, to be found again."""

MAX_TASKS = 1000


def kept(environment: Mapping[str, str], native_id: str, uuids: Iterable[str]) -> frozenset[str]:
    """Those of the entries `uuids` that are on disk, of the end of the file. Blocks. Nothing when it cannot be read."""
    found: set[str] = set()
    for file in (_folder(environment) / "projects").glob(f"*/{native_id}.jsonl"):
        try:
            tail = _tail(file)
        except OSError:
            continue
        found.update(uuid for uuid in uuids if f'"uuid":"{uuid}"'.encode() in tail)
    return frozenset(found)


def tasks(environment: Mapping[str, str], native_id: str) -> list[dict[str, Any]]:
    """The agent's list of tasks, with `id`, `subject` and `status`, in order. Blocks. Empty when there is none."""
    found: list[dict[str, Any]] = []
    for file in islice((_folder(environment) / "tasks" / native_id).glob("*.json"), MAX_TASKS):
        try:
            task = msgspec.json.decode(file.read_bytes())
        except (OSError, msgspec.DecodeError):
            continue
        if isinstance(task, dict) and str(task.get("id", "")).isdecimal():
            found.append(task)
    return sorted(found, key=lambda task: int(task["id"]))


def _folder(environment: Mapping[str, str]) -> Path:
    configured = environment.get("CLAUDE_CONFIG_DIR")
    return Path(configured) if configured else Path(environment.get("HOME", "/")) / ".claude"


def _tail(file: Path) -> bytes:
    """A line that the end of the CLI has cut off counts as not kept."""
    with file.open("rb") as opened:
        size = opened.seek(0, 2)
        opened.seek(max(0, size - MAX_TAIL_BYTES))
        return opened.read().rpartition(b"\n")[0]
