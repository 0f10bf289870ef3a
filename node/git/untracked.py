"""Files that Git does not know yet, shown as if added: what a commit of everything would bring."""

import os
import stat
from pathlib import Path

from node.git.names import text_of
from node.git.patch import Budget
from ws.protocol.git import DiffFile, Hunk

COMMAND = ("ls-files", "--others", "--exclude-standard", "-z")
_BINARY_PROBE_BYTES = 8000
"""Git looks for a NUL in as much of a file to tell whether it is binary."""


def read_all(root: Path, names: bytes, budget: Budget, *, is_cut: bool) -> list[DiffFile]:
    """One file for each name in the output of `COMMAND`, within the budget. Blocks.

    Names that end with a slash are repositories inside this one and are left out; so is what vanished meanwhile.
    """
    budget.is_spent = budget.is_spent or is_cut
    files: list[DiffFile] = []
    for name in names.split(b"\0")[:-1]:
        if name.endswith(b"/"):
            continue
        if budget.left_files <= 0:
            budget.is_spent = True
            break
        file = _read(root, name, budget)
        if file is not None:
            budget.left_files -= 1
            files.append(file)
    return files


def _read(root: Path, name: bytes, budget: Budget) -> DiffFile | None:
    path, name_bytes = text_of(name)
    room = max(min(budget.file_bytes, budget.left_bytes), 0)
    try:
        raw, is_cut = _content(root, os.fsdecode(name), room)
    except OSError:
        return None
    if b"\0" in raw[:_BINARY_PROBE_BYTES]:
        return DiffFile(path=path, status="untracked", binary=True, hunks=[], path_bytes=name_bytes)
    budget.left_bytes -= len(raw)
    budget.is_spent = budget.is_spent or is_cut
    lines = [f"+{line}" for line in raw.decode("utf-8", "replace").split("\n")]
    if lines[-1] == "+":
        lines.pop()
    elif not is_cut:
        lines.append("\\ No newline at end of file")
    count = len(lines) - lines[-1:].count("\\ No newline at end of file")
    hunks = [Hunk(header=f"@@ -0,0 +1,{count} @@", lines=lines)] if lines else []
    return DiffFile(path=path, status="untracked", binary=False, hunks=hunks, path_bytes=name_bytes)


def _content(root: Path, name: str, max_bytes: int) -> tuple[bytes, bool]:
    """The beginning of a file, or where a link points; a pipe or device is empty. Raises OSError.

    The descriptor is asked where it really is, so a folder swapped for a link does not lead out of the repository.
    """
    path = root / name
    status = path.lstat()
    if stat.S_ISLNK(status.st_mode):
        return os.fsencode(path.readlink())[:max_bytes], False
    if not stat.S_ISREG(status.st_mode):
        return b"", False
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if not Path(f"/proc/self/fd/{descriptor}").readlink().is_relative_to(root):
            raise FileNotFoundError(name)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            raw = file.read(max_bytes + 1)
        return raw[:max_bytes], len(raw) > max_bytes
    finally:
        os.close(descriptor)
