"""File changes as Codex tells them, with the whole text before and after where the file can be read.

An added file comes with its content, a changed one with a unified diff, which turns the file on disk into the new text
as long as the change has not been made.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from providers.bounds import fitting_all
from ws.protocol.events import DiffContent, ToolContent

MAX_FILE_BYTES = 256 * 1024
"""A larger file is not read; its diff then shows only the lines of the hunks."""

_HUNK = re.compile(r"^@@ -(\d+)(?:,\d+)? \+\d+(?:,\d+)? @@")


def shown(changes: Iterable[Mapping[str, Any]], folder: Path) -> list[ToolContent]:
    """Before the changes are made. Reads files, so it blocks."""
    return fitting_all([_diff(change, folder) for change in changes])


def _diff(change: Mapping[str, Any], folder: Path) -> DiffContent:
    path = str(folder / str(change.get("path", "")))
    kind = change.get("kind") or {}
    diff = str(change.get("diff", ""))
    current = _current(Path(path))
    match kind.get("type"):
        case "add":
            return DiffContent(path=path, old_text=current, new_text=diff)
        case "delete":
            return DiffContent(path=path, old_text=diff if current is None else current, new_text="")
        case _:
            moved = kind.get("move_path")
            old, new = applied(current, diff)
            return DiffContent(path=str(folder / moved) if moved else path, old_text=old, new_text=new)


def applied(current: str | None, diff: str) -> tuple[str, str]:
    """The text before and after; only the lines of the hunks when `current` is not the text that the diff is of."""
    before: list[str] = []
    after: list[str] = []
    whole = None if current is None else _lines(current)
    result: list[str] = []
    taken = 0
    for start, old, new in _hunks(diff):
        before += old
        after += new
        at = max(0, start - 1) if old else start
        if whole is not None and (at < taken or _bare(whole[at : at + len(old)]) != _bare(old)):
            whole = None
        if whole is not None:
            result += [*whole[taken:at], *new]
            taken = at + len(old)
    if whole is None or current is None:
        return "".join(before), "".join(after)
    return current, "".join([*result, *whole[taken:]])


def _hunks(diff: str) -> Iterable[tuple[int, list[str], list[str]]]:
    """First line of the old text (from 1), old lines, new lines."""
    start: int | None = None
    old: list[str] = []
    new: list[str] = []
    for line in _lines(diff):
        head = _HUNK.match(line)
        if head is not None:
            if start is not None:
                yield start, old, new
            start, old, new = int(head.group(1)), [], []
        elif line[:1] in {" ", "-", "+"} and start is not None:
            if line[0] in " -":
                old.append(line[1:])
            if line[0] in " +":
                new.append(line[1:])
    if start is not None:
        yield start, old, new


def _lines(text: str) -> list[str]:
    """With their line breaks; other characters that end lines elsewhere are text in a diff."""
    *whole, rest = text.split("\n")
    return [*(f"{line}\n" for line in whole), *([rest] if rest else [])]


def _bare(lines: list[str]) -> list[str]:
    return [line.rstrip("\r\n") for line in lines]


def _current(path: Path) -> str | None:
    """The file's text; None when it is missing, too large or no text."""
    try:
        if not path.is_file() or path.stat().st_size > MAX_FILE_BYTES:
            return None
        return path.read_text()
    except (OSError, UnicodeDecodeError):
        return None
