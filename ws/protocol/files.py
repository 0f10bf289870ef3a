"""Files of a node, inside its configured roots."""

from typing import Annotated, Literal

import msgspec

from ws.protocol.base import AbsolutePath, Cursor, Limit, NodeKey, Struct, Timestamp

MAX_WRITE_CHARS = 4 * 1024 * 1024
"""Text in a call; larger content goes by transfer. Escaped twofold it still fits the link's 8 MiB frame."""

EntryType = Literal["file", "directory", "symlink", "other"]


class FilesListParams(Struct, frozen=True, kw_only=True):
    """`hidden` false leaves dot files out."""

    node: NodeKey
    path: AbsolutePath
    hidden: bool = True
    limit: Limit = 500
    cursor: Cursor | None = None


class Entry(Struct, frozen=True, kw_only=True):
    """`mode` is the octal permission string (`"0644"`), `target` that of a symlink, `ignored` what Git ignores."""

    name: str
    type: EntryType
    size: int
    modified: Timestamp
    mode: str
    target: str | None = None
    ignored: bool | None = None


class FilesListResult(Struct, frozen=True, kw_only=True):
    """Directories first, natural order. `parent` is absent at a root."""

    path: str
    entries: list[Entry]
    parent: str | None
    next_cursor: str | None = None


class FileParams(Struct, frozen=True, kw_only=True):
    node: NodeKey
    path: AbsolutePath


class FilesStatResult(Struct, frozen=True, kw_only=True):
    """`etag` is a hash of the content, absent for what is no file or larger than filesystem.max_read_bytes."""

    path: str
    name: str
    type: EntryType
    size: int
    modified: Timestamp
    mode: str
    target: str | None = None
    etag: str | None = None


class FilesReadResult(Struct, frozen=True, kw_only=True):
    """Text, cut at filesystem.max_read_bytes (then `truncated`); `size` in bytes is that of the whole file."""

    content: str
    etag: str
    encoding: str
    truncated: bool
    size: int


class FilesWriteParams(Struct, frozen=True, kw_only=True):
    """Without `if_match` it overwrites; a missing file needs `create`."""

    node: NodeKey
    path: AbsolutePath
    content: Annotated[str, msgspec.Meta(max_length=MAX_WRITE_CHARS)]
    if_match: Annotated[str, msgspec.Meta(max_length=128)] | None = None
    create: bool = False


class FilesWriteResult(Struct, frozen=True, kw_only=True):
    etag: str
    size: int
