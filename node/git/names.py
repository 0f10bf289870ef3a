"""Names that a caller gives: branches by the rules of git-check-ref-format(1), files inside the repository."""

import os
import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from ws.protocol.errors import invalid

_FORBIDDEN = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//")


def branch_of(name: str) -> str:
    """A name that a branch can have. Raises WireError invalid."""
    parts = name.split("/")
    is_bad = (
        _FORBIDDEN.search(name)
        or name.startswith(("-", "refs/"))  # the second is legal, and never what was meant
        or name in {"@", "HEAD"}
        or any(not part or part.startswith(".") or part.endswith((".lock", ".")) for part in parts)
    )
    if is_bad:
        raise invalid(
            "branch",
            "A branch is named in letters, digits, `-`, `_`, `.` and `/`: without spaces, `..` or any of ~^:?*[\\, and"
            " not beginning with a dash or a dot.",
        )
    return name


def file_of(file: str | None, raw: bytes | None) -> str | None:
    """A path inside the repository as Git takes it; `raw` counts instead of `file`. Raises WireError invalid."""
    field = "file" if raw is None else "file_bytes"
    name = file if raw is None else os.fsdecode(raw)
    return None if name is None else _relative(name, field)


def files_of(files: Sequence[str], raw: Sequence[bytes]) -> list[bytes]:
    """The same for many, as bytes. Raises WireError invalid."""
    texts = [os.fsencode(_relative(name, f"files.{number}")) for number, name in enumerate(files)]
    return texts + [
        os.fsencode(_relative(os.fsdecode(name), f"files_bytes.{number}")) for number, name in enumerate(raw)
    ]


def _relative(name: str, field: str) -> str:
    path = PurePosixPath(name)
    if not name or path.is_absolute() or ".." in path.parts or "\0" in name:
        raise invalid(field, "A file is named by its path below the root of the repository, without `..`.")
    try:
        os.fsencode(name)
    except UnicodeEncodeError as error:
        raise invalid(field, "The name holds characters that no file name can.") from error
    return name


def text_of(raw: bytes) -> tuple[str, bytes | None]:
    """A name as text, and its bytes where that text cannot say them."""
    try:
        return raw.decode("utf-8"), None
    except UnicodeDecodeError:
        return raw.decode("utf-8", "replace"), raw
