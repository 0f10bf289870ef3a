"""File changes of Claude Code's edit tools, before they are made (for the ask) and after."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ws.protocol.events import DiffContent

MAX_FILE_BYTES = 256 * 1024
"""A larger file is not read for an ask; its diff then shows only the replaced text."""


def from_result(result: Mapping[str, Any]) -> DiffContent | None:
    """From the structured result of Write and Edit; None when it holds no change."""
    path, original = result.get("filePath"), result.get("originalFile")
    if not isinstance(path, str):
        return None
    if isinstance(result.get("content"), str):
        return DiffContent(path=path, old_text=original, new_text=result["content"])
    old, new = result.get("oldString"), result.get("newString")
    if not isinstance(old, str) or not isinstance(new, str):
        return None
    if isinstance(original, str) and len(original) <= MAX_FILE_BYTES:
        return DiffContent(
            path=path,
            old_text=original,
            new_text=_replaced(original, old, new, everywhere=bool(result.get("replaceAll"))),
        )
    return DiffContent(path=path, old_text=old, new_text=new)


def from_input(name: str, arguments: Mapping[str, Any], folder: Path) -> DiffContent | None:
    """What a Write or Edit would change, by the file as it is now. Reads the file, so it blocks."""
    path = arguments.get("file_path")
    if not isinstance(path, str):
        return None
    current = _current(folder / path)
    if name == "Write":
        return DiffContent(path=path, old_text=current, new_text=str(arguments.get("content", "")))
    old, new = arguments.get("old_string"), arguments.get("new_string")
    if not isinstance(old, str) or not isinstance(new, str):
        return None
    if current is None or old not in current:
        return DiffContent(path=path, old_text=old, new_text=new)
    everywhere = bool(arguments.get("replace_all"))
    return DiffContent(path=path, old_text=current, new_text=_replaced(current, old, new, everywhere=everywhere))


def _replaced(text: str, old: str, new: str, *, everywhere: bool) -> str:
    if not old:
        return new + text
    return text.replace(old, new) if everywhere else text.replace(old, new, 1)


def _current(path: Path) -> str | None:
    """The file's text; None when it is missing, too large or no text."""
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            return None
        return path.read_text()
    except (OSError, UnicodeDecodeError):
        return None
