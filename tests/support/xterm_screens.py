"""What the page's terminal emulator shows after some output: the real xterm, without a page."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_SCRIPT = Path(__file__).with_suffix(".mjs")
Screen = dict[str, Any]


def screens(shown: Sequence[Sequence[bytes | tuple[int, int]]], *, cols: int = 80, rows: int = 24) -> list[Screen]:
    """One screen for each series of writes: picture, cursor, pen, margins, modes, title.

    Columns and rows among the writes are the size from there on.
    """
    cases = (
        json.dumps({"cols": cols, "rows": rows, "writes": [_as_json(each) for each in writes]}) for writes in shown
    )
    done = subprocess.run(
        ["node", str(_SCRIPT)], input="\n".join(cases), capture_output=True, text=True, timeout=60, check=True
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def _as_json(write: bytes | tuple[int, int]) -> str | list[int]:
    return write.hex() if isinstance(write, bytes) else [*write]
