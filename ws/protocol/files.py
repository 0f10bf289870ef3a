"""Files of a node, inside its configured roots."""

from typing import Annotated, Literal

import msgspec

from ws.protocol.base import (
    AbsolutePath,
    Cursor,
    Limit,
    Located,
    NodeKey,
    RawPath,
    ShortText,
    Struct,
    Timestamp,
    UploadKey,
)

MAX_WRITE_CHARS = 4 * 1024 * 1024
"""Text in a call; larger content goes by transfer. Escaped twofold it still fits the link's 8 MiB frame."""

EntryType = Literal["file", "directory", "symlink", "other"]


class FilesListParams(Located, frozen=True, kw_only=True):
    """`hidden` false leaves dot files out. `ignored` true asks Git which entries it ignores."""

    hidden: bool = True
    ignored: bool = False
    limit: Limit = 500
    cursor: Cursor | None = None


class Entry(Struct, frozen=True, kw_only=True):
    """`mode` is the octal permission string (`"0644"`), `target` that of a symlink, `ignored` what Git ignores.

    A name that is not UTF-8 is shown with U+FFFD in `name`; `name_bytes` is the base64 of its bytes.
    """

    name: str
    type: EntryType
    size: int
    modified: Timestamp
    mode: str
    target: str | None = None
    ignored: bool | None = None
    name_bytes: bytes | None = None


class FilesListResult(Struct, frozen=True, kw_only=True):
    """Directories first, natural order. `parent` is absent at a root."""

    path: str
    entries: list[Entry]
    parent: str | None
    next_cursor: str | None = None
    path_bytes: bytes | None = None
    parent_bytes: bytes | None = None


class FileParams(Located, frozen=True, kw_only=True):
    """One place on a node."""


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
    path_bytes: bytes | None = None


class FilesReadResult(Struct, frozen=True, kw_only=True):
    """Text, cut at filesystem.max_read_bytes (then `truncated`); `size` in bytes is that of the whole file."""

    content: str
    etag: str
    encoding: str
    truncated: bool
    size: int


class FilesWriteParams(Located, frozen=True, kw_only=True):
    """Without `if_match` it overwrites; a missing file needs `create`."""

    content: Annotated[str, msgspec.Meta(max_length=MAX_WRITE_CHARS)]
    if_match: Annotated[str, msgspec.Meta(max_length=128)] | None = None
    create: bool = False


class FilesWriteResult(Struct, frozen=True, kw_only=True):
    etag: str
    size: int


class FilesPartialParams(Located, frozen=True, kw_only=True):
    """An upload of the caller's by its `upload`. What still comes of it is cut; `discard` forgets what has come."""

    upload: UploadKey
    discard: bool = False


class FilesPartialResult(Struct, frozen=True, kw_only=True):
    """`size` bytes are there, from which it goes on; 0: it begins anew. With `etag` it is whole and in its place."""

    size: int
    etag: str | None = None


class FilesMakeParams(Located, frozen=True, kw_only=True):
    """A new folder; `parents` makes the folders on the way too, and then one that exists is no error."""

    parents: bool = False


class FilesMoveParams(Located, frozen=True, kw_only=True):
    """Move or copy to the path `to` itself, not into it. What stands there is refused unless `replace`.

    Folders go with all that is in them; with `replace` what stood at `to` goes to the trash first.
    """

    to: AbsolutePath = ""
    to_bytes: RawPath | None = None
    replace: bool = False

    def __post_init__(self) -> None:
        """Raises ValueError, which decoding turns into its own error, when a place is missing."""
        Located.__post_init__(self)
        if not self.to and self.to_bytes is None:
            raise ValueError("Object missing required field `to`")


class FilesPlaceResult(Struct, frozen=True, kw_only=True):
    """Where it is now."""

    path: str
    path_bytes: bytes | None = None


class FilesDeleteParams(Located, frozen=True, kw_only=True):
    """To the trash; `permanent` deletes for good, folders with all that is in them. Links are never followed."""

    permanent: bool = False


class FilesDeleteResult(Struct, frozen=True, kw_only=True):
    """`trash` brings it back by files.restore; absent when it is gone for good."""

    trash: str | None = None


class FilesRestoreParams(Struct, frozen=True, kw_only=True):
    """`trash` as files.delete answered it. A place that is taken meanwhile is `conflict`; the trash keeps it."""

    node: NodeKey
    trash: Annotated[str, msgspec.Meta(min_length=1, max_length=8192)]


class FilesFindParams(Located, frozen=True, kw_only=True):
    """Files below `path`, and folders that hold some, whose relative path has the letters of `query` in order.

    Best first in each batch.
    """

    query: ShortText
    limit: Annotated[int, msgspec.Meta(ge=1, le=5000)] = 200


class FilesGrepParams(Located, frozen=True, kw_only=True):
    """Lines below `path` that hold `query`: a text, or with `regex` a regular expression (Rust's `regex` syntax).

    Binary files and those above 64 MiB are passed over.

    `case` smart: small letters match both. `include` limits it to files that match one of these globs, `exclude` leaves
    those out. `limit` counts lines.
    """

    query: Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]
    regex: bool = False
    case: Literal["smart", "sensitive", "insensitive"] = "smart"
    include: Annotated[list[ShortText], msgspec.Meta(max_length=32)] = []
    exclude: Annotated[list[ShortText], msgspec.Meta(max_length=32)] = []
    limit: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 1000


class FilesSearchResult(Struct, frozen=True, kw_only=True):
    """Found paths are relative to `root`, the folder that was searched."""

    root: str
    engine: str


class FoundPath(Struct, frozen=True, kw_only=True):
    """`path` is relative to the root of the search."""

    path: str
    type: EntryType
    path_bytes: bytes | None = None


class FilesFound(Struct, frozen=True, kw_only=True, tag="found", tag_field="type"):
    """A batch of what files.find has found so far; a later batch may hold better ones."""

    entries: list[FoundPath]


class GrepLine(Struct, frozen=True, kw_only=True):
    """`line` counts from 1; `spans` are [begin, end) in characters of `text`.

    `text` is at most 1,000 characters; of a longer line they begin shortly before its first match.
    """

    line: int
    text: str
    spans: list[tuple[int, int]]


class FilesMatched(Struct, frozen=True, kw_only=True, tag="matched", tag_field="type"):
    """Matching lines of one file."""

    path: str
    lines: list[GrepLine]
    path_bytes: bytes | None = None


class FilesSearchDone(Struct, frozen=True, kw_only=True, tag="done", tag_field="type"):
    """The last event: how many were found, and whether `limit` ended the search. Then the subscription ends."""

    found: int
    truncated: bool


FilesFindEvent = FilesFound | FilesSearchDone
FilesGrepEvent = FilesMatched | FilesSearchDone


class FilesWatchParams(Located, frozen=True, kw_only=True):
    """Changes directly in a folder, or with `recursive` anywhere below it, less `.git` and what Git ignores."""

    recursive: bool = False


class FilesWatchResult(Struct, frozen=True, kw_only=True):
    path: str


class FileChange(Struct, frozen=True, kw_only=True):
    """`path` is relative to the folder that is watched. A file that was replaced in one step is `added` again."""

    path: str
    kind: Literal["added", "modified", "deleted"]
    path_bytes: bytes | None = None


class FilesChanged(Struct, frozen=True, kw_only=True, tag="changed", tag_field="type"):
    changes: list[FileChange]


class FilesOverflow(Struct, frozen=True, kw_only=True, tag="overflow", tag_field="type"):
    """Too many changes at once to tell one by one: list the folder again."""


FilesWatchEvent = FilesChanged | FilesOverflow
