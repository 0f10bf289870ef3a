"""Read a file as text, and say what a path is."""

import errno
import os
import stat
from pathlib import Path
from urllib.parse import quote

from node.files import text
from node.files.facts import displayed, modified, permissions, type_of
from node.files.failures import shown
from node.files.guard import Opened, PathGuard
from node.places import raw_unless_utf8
from ws.protocol.errors import ErrorCode, WireError, invalid
from ws.protocol.files import FilesReadResult, FilesStatResult


def read_up_to(descriptor: int, max_bytes: int) -> tuple[bytes, bool]:
    """The first `max_bytes` of an open file, and whether it goes on. Raises OSError."""
    chunks, wanted = [], max_bytes + 1
    while wanted and (chunk := os.read(descriptor, wanted)):
        chunks.append(chunk)
        wanted -= len(chunk)
    raw = b"".join(chunks)
    return raw[:max_bytes], len(raw) > max_bytes


def read(guard: PathGuard, node: str, path: str, max_bytes: int) -> FilesReadResult:
    """The text at `path`, cut at `max_bytes`. Blocks. Raises WireError; `unsupported` names where bytes are had."""
    with guard.opened(path) as found:
        if stat.S_ISDIR(found.status.st_mode):
            raise invalid("path", f"{shown(path)} is a folder; files.list shows what is in it.")
        if not stat.S_ISREG(found.status.st_mode):
            raise WireError(ErrorCode.UNSUPPORTED, f"{shown(path)} is a device, a pipe or a socket and has no content.")
        raw, is_cut = _content(found, max_bytes)
        size = max(found.status.st_size, len(raw))
    decoded = text.decode(raw, is_cut=is_cut)
    if decoded is None:
        url = f"/api/nodes/{quote(node)}/files/content?path={quote(os.fsencode(path))}"
        raise WireError(ErrorCode.UNSUPPORTED, f"{shown(path)} is no text in UTF-8 or UTF-16; GET {url} has its bytes.")
    return FilesReadResult(
        content=decoded.content,
        etag=text.etag_of(raw, is_cut=is_cut),
        encoding=decoded.encoding,
        truncated=is_cut,
        size=size,
    )


def status_of(guard: PathGuard, path: str, max_bytes: int) -> FilesStatResult:
    """What `path` is. Blocks. Raises WireError.

    A link is followed: type, size and etag are those of what it leads to, and `target` says that it is a link.
    """
    with guard.opened(path) as found:
        etag = None
        if stat.S_ISREG(found.status.st_mode) and found.status.st_size <= max_bytes:
            raw, is_cut = _content(found, max_bytes)
            etag = None if is_cut else text.etag_of(raw)
        return FilesStatResult(
            path=displayed(str(found.path)),
            name=displayed(found.path.name),
            type=type_of(found.status.st_mode),
            size=found.status.st_size,
            modified=modified(found.status),
            mode=permissions(found.status.st_mode),
            target=_link_target(guard, path),
            etag=etag,
            path_bytes=raw_unless_utf8(str(found.path)),
        )


def _content(found: Opened, max_bytes: int) -> tuple[bytes, bool]:
    descriptor = found.reopen()
    try:
        return read_up_to(descriptor, max_bytes)
    finally:
        os.close(descriptor)


def _link_target(guard: PathGuard, path: str) -> str | None:
    """Where the link at `path` itself points, or None when it is no link."""
    folder, name = os.path.split(path.rstrip("/"))
    if name in {"", ".", ".."} or not guard.allows(Path(os.path.realpath(folder))):
        return None
    with guard.opened(folder) as parent:
        try:
            return displayed(os.readlink(name, dir_fd=parent.descriptor))
        except OSError as error:
            if error.errno == errno.EINVAL:  # readlink(2): not a symbolic link
                return None
            raise
