"""Claude's own file of a session, read only: what of a session it has really kept.

The CLI writes it some 100 ms behind what it tells (2.1.329), so a CLI that is killed has told of more than it kept.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

MAX_TAIL_BYTES = 32 * 1024 * 1024
"""What a turn may have written at most, to be found again."""


def kept(environment: Mapping[str, str], native_id: str, uuids: Iterable[str]) -> frozenset[str]:
    """Those of the entries `uuids` that are on disk, of the end of the file. Blocks. Nothing when it cannot be read."""
    found: set[str] = set()
    for file in _folder(environment).glob(f"*/{native_id}.jsonl"):
        try:
            tail = _tail(file)
        except OSError:
            continue
        found.update(uuid for uuid in uuids if f'"uuid":"{uuid}"'.encode() in tail)
    return frozenset(found)


def _folder(environment: Mapping[str, str]) -> Path:
    configured = environment.get("CLAUDE_CONFIG_DIR")
    home = Path(configured) if configured else Path(environment.get("HOME", "/")) / ".claude"
    return home / "projects"


def _tail(file: Path) -> bytes:
    """A line that the end of the CLI has cut off counts as not kept."""
    with file.open("rb") as opened:
        size = opened.seek(0, 2)
        opened.seek(max(0, size - MAX_TAIL_BYTES))
        return opened.read().rpartition(b"\n")[0]
