"""A patch as `git diff` writes it, read into files and hunks within bounds.

Inside a hunk its header says how many lines follow, so no content can pass for a header.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from node.git.names import text_of
from ws.protocol.git import DiffFile, Hunk

DiffStatus = Literal["added", "modified", "deleted", "renamed", "copied", "typechange", "untracked", "unmerged"]

MAX_DIFF_BYTES = 1024 * 1024
"""Of all lines together. JSON may write one byte in six, and a frame of the link holds 8 MiB."""
MAX_FILE_BYTES = 256 * 1024
"""Of one file among several, so that a lock file does not hide the others; asked for alone it may fill the whole."""
MAX_DIFF_FILES = 2000

_HUNK = re.compile(rb"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@")
_ESCAPE = re.compile(rb'\\([abtnvfr"\\]|[0-7]{3})')
_LETTERS = {b"a": 7, b"b": 8, b"t": 9, b"n": 10, b"v": 11, b"f": 12, b"r": 13, b'"': 34, b"\\": 92}


@dataclass
class _Section:
    path: bytes = b""
    old_path: bytes | None = None
    status: DiffStatus = "modified"
    is_binary: bool = False
    has_change: bool = False
    hunks: list[Hunk] = field(default_factory=list)


@dataclass
class Budget:
    """Bytes and files that may still be given; `is_spent` is set by whoever had to leave something out."""

    file_bytes: int = MAX_FILE_BYTES
    left_bytes: int = MAX_DIFF_BYTES
    left_files: int = MAX_DIFF_FILES
    is_spent: bool = False


def parse(raw: bytes, budget: Budget, *, is_cut: bool) -> list[DiffFile]:
    """The files of a patch with prefixes `a/` and `b/`. `is_cut`: the output ends early, perhaps inside a line."""
    lines = raw.split(b"\n")
    budget.is_spent = budget.is_spent or is_cut
    files: list[DiffFile] = []
    unmerged: set[str] = set()
    reader = _Lines(lines[:-1])
    for line in reader:
        if line.startswith(b"* Unmerged path "):
            unmerged.add(_text(line.removeprefix(b"* Unmerged path ")))
        elif line.startswith(b"diff --git "):
            section = _section(line.removeprefix(b"diff --git "), reader, budget)
            if section.has_change:  # else only the file's times differ
                _append(files, section, budget)
    known = {each.path for each in files}
    files = [_marked(each) if each.path in unmerged else each for each in files]
    missing = sorted(unmerged - known)
    return files + [DiffFile(path=path, status="unmerged", binary=False, hunks=[]) for path in missing]


class _Lines(Iterator[bytes]):
    """The lines, with one step of looking ahead."""

    def __init__(self, lines: list[bytes]) -> None:
        self._lines = lines
        self._next = 0

    def __next__(self) -> bytes:
        if self._next >= len(self._lines):
            raise StopIteration
        self._next += 1
        return self._lines[self._next - 1]

    def peek(self) -> bytes:
        return self._lines[self._next] if self._next < len(self._lines) else b"diff --git "


def _section(names: bytes, lines: _Lines, budget: Budget) -> _Section:
    section = _Section(path=_common_name(names))
    left_bytes = min(budget.file_bytes, budget.left_bytes)
    while not lines.peek().startswith((b"diff --git ", b"* Unmerged path ")):
        line = next(lines)
        hunk = _HUNK.match(line)
        if hunk is None:
            _header(section, line)
            continue
        section.has_change = True
        body = list(_body(lines, int(hunk[1] or 1), int(hunk[2] or 1)))
        kept = []
        for each in body:
            left_bytes -= len(each) + 1
            budget.left_bytes -= len(each) + 1
            if left_bytes < 0:
                budget.is_spent = True
                break
            kept.append(_text(each))
        if kept:
            section.hunks.append(Hunk(header=_text(line), lines=kept))
    return section


def _body(lines: _Lines, old: int, new: int) -> Iterator[bytes]:
    """The lines of one hunk, by the counts of its header; a note about a missing line end belongs to it."""
    while (old > 0 or new > 0) and (line := next(lines, None)) is not None:
        old -= line[:1] in {b" ", b"-"}
        new -= line[:1] in {b" ", b"+"}
        yield line
    while lines.peek().startswith(b"\\"):
        yield next(lines)


def _header(section: _Section, line: bytes) -> None:
    keyword, _, rest = line.partition(b" ")
    section.has_change = True
    match keyword, rest.partition(b" ")[0]:
        case b"new", b"file":
            section.status = "added"
        case b"deleted", _:
            section.status = "deleted"
        case b"rename", b"from":
            section.status, section.old_path = "renamed", _unquoted(rest[5:])
        case b"copy", b"from":
            section.status, section.old_path = "copied", _unquoted(rest[5:])
        case ((b"rename" | b"copy"), b"to"):
            section.path = _unquoted(rest[3:])
        case b"---", _:
            section.path = _side(rest) or section.path
        case b"+++", _:
            section.path = _side(rest) or section.path
        case b"Binary", b"files":
            section.is_binary = True
        case _:
            pass  # modes, index, similarity


def _side(name: bytes) -> bytes | None:
    """The name on a `---` or `+++` line, which ends with a tab when it holds a space; None for /dev/null."""
    name = _unquoted(name.removesuffix(b"\t"))
    return None if name == b"/dev/null" else name[2:]


def _common_name(names: bytes) -> bytes:
    """The name in `a/NAME b/NAME`. Of a renaming it is wrong, and the lines that follow say both."""
    if names.startswith(b'"'):
        return _unquoted(names[: (len(names) - 1) // 2])[2:]
    return names[2 : 2 + (len(names) - 5) // 2]


def _unquoted(name: bytes) -> bytes:
    if not name.startswith(b'"'):
        return name
    return _ESCAPE.sub(lambda m: bytes([_LETTERS.get(m[1]) or int(m[1], 8) & 0xFF]), name[1:].removesuffix(b'"'))


def _append(files: list[DiffFile], section: _Section, budget: Budget) -> None:
    path, raw = text_of(section.path)
    last = files[-1] if files else None
    if last is not None and last.path == path and (last.status, section.status) == ("deleted", "added"):
        # Git writes a change of type (a file that became a link) as two files of one name.
        hunks = last.hunks + section.hunks
        files[-1] = DiffFile(
            path=path, status="typechange", binary=last.binary or section.is_binary, hunks=hunks, path_bytes=raw
        )
        return
    if budget.left_files <= 0:
        budget.is_spent = True
        return
    budget.left_files -= 1
    files.append(
        DiffFile(
            path=path,
            path_bytes=raw,
            old_path=None if section.old_path is None else _text(section.old_path),
            status=section.status,
            binary=section.is_binary,
            hunks=section.hunks,
        )
    )


def _marked(file: DiffFile) -> DiffFile:
    return msgspec.structs.replace(file, status="unmerged")


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")
