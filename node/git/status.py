"""`git status --porcelain=v2 -z --branch`, read. The format: git-status(1), "Porcelain Format Version 2"."""

from dataclasses import dataclass, field

from node.git.names import text_of
from ws.protocol.git import GitFile

COMMAND = (
    "status",
    "--porcelain=v2",
    "-z",
    "--branch",
    "--ahead-behind",
    "--untracked-files=all",
    "--ignored=no",
    "--find-renames",
    "--ignore-submodules=dirty",  # looking into a submodule would run the filters of its own configuration
)

MAX_FILES = 10_000
"""More changes than anybody reads; the rest is told by `truncated`."""
MAX_PATH_BYTES = 1024 * 1024
"""Of all paths together. JSON may write one byte in six, and a frame of the link holds 8 MiB."""


@dataclass
class Status:
    """What was read. `head` is the commit, None before the first; `branch` is None when HEAD is detached."""

    head: str | None = None
    branch: str | None = None
    upstream: str | None = None
    ahead: int = 0
    behind: int = 0
    files: list[GitFile] = field(default_factory=list)
    is_truncated: bool = False


def parse(raw: bytes, *, is_cut: bool) -> Status:
    """Read the output; with `is_cut` its last record is incomplete and left out. Unknown records are passed over."""
    status = Status(is_truncated=is_cut)
    records = iter(raw.split(b"\0")[:-1])  # every record is ended by NUL
    path_bytes = 0
    for record in records:
        if record.startswith(b"# "):
            _header(status, record.decode("utf-8", "replace"))
            continue
        old = next(records, None) if record.startswith(b"2 ") else None
        if record.startswith(b"2 ") and old is None:
            break  # cut between the two names
        found = _file(record, old)
        if found is None:
            continue
        path_bytes += len(record)
        if len(status.files) >= MAX_FILES or path_bytes > MAX_PATH_BYTES + len(status.files) * _FIELDS_BYTES:
            status.is_truncated = True
            break
        status.files.append(found)
    return status


_FIELDS_BYTES = 130
"""About what a record holds beside its path."""


def _header(status: Status, line: str) -> None:
    _, key, value = line.split(" ", 2)
    match key:
        case "branch.oid":
            status.head = None if value == "(initial)" else value
        case "branch.head":
            status.branch = None if value == "(detached)" else value
        case "branch.upstream":
            status.upstream = value
        case "branch.ab":
            ahead, behind = value.split(" ")
            status.ahead, status.behind = int(ahead), -int(behind)
        case _:
            pass  # `stash` and whatever later versions add


def _file(record: bytes, old: bytes | None) -> GitFile | None:
    match record[:1]:
        case b"1":
            name = record.split(b" ", 8)[8]
        case b"2":
            name = record.split(b" ", 9)[9]
        case b"u":
            name = record.split(b" ", 10)[10]
        case b"?":
            path, raw = text_of(record[2:])
            return GitFile(path=path, index="?", worktree="?", path_bytes=raw)
        case _:
            return None
    path, raw = text_of(name)
    return GitFile(
        path=path,
        path_bytes=raw,
        index=chr(record[2]),
        worktree=chr(record[3]),
        renamed_from=None if old is None else old.decode("utf-8", "replace"),
    )
