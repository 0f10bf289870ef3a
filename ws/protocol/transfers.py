"""Files as bytes: what Main and a node tell each other about a download, an upload, an archive.

All three are calls of the link that open a stream of records (`ws.streams.records`); the JSON records on it are the
structs here. Over HTTP they are `/api/nodes/{node}/files/content` and `…/files/archive`.
"""

from typing import Annotated

import msgspec

from ws.protocol.base import Carriage, Located, StreamId, Struct, UploadKey
from ws.protocol.envelope import Caller

STALL_S = 60.0
"""A client that takes or sends no byte for this long has its transfer ended."""

MAX_CONDITIONS = 32
"""Entity tags in one If-Match or If-None-Match."""
MAX_NAMES = 1000
"""Names that are picked in one archive."""

EntityTag = Annotated[
    str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,128}\Z", description="as `etag` of files.stat, without quotes")
]
Condition = Annotated[str, msgspec.Meta(max_length=128, description="an etag, or `*` for any")]
Bytes = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
PlainName = Annotated[str, msgspec.Meta(min_length=1, max_length=255, pattern=r"^[^/\x00]+\Z")]


class TransferParams(Located, frozen=True, kw_only=True):
    """Serve the stream of `key`; who dialled the link dials it too, within 5 s."""

    stream: StreamId
    key: str
    caller: Caller
    carriage: Carriage = "raw"


class DownloadParams(TransferParams, frozen=True, kw_only=True):
    """`link.download`. On the stream Main sends ASK with a Span; the node sends that much content and END."""


class DownloadResult(Struct, frozen=True, kw_only=True):
    """The file is open. `modified_s` counts from the epoch.

    Up to filesystem.max_read_bytes `etag` is the hash of the content, as in files.stat; of a longer file it names
    inode, size and time of change, and so changes with every rewrite.
    """

    size: Bytes
    etag: EntityTag
    modified_s: int


class Span(Struct, frozen=True, kw_only=True):
    """Which bytes of the file Main wants."""

    offset: Bytes
    length: Bytes


class UploadParams(TransferParams, frozen=True, kw_only=True):
    """`link.upload`. Main sends content and END; the node answers END with an Uploaded, or ERROR at any time.

    `if_match`: one of these etags must be that of the file, `*` any file. `is_new_only`: no file may be there. `size`
    is what is announced, if it is known. One with `upload` is kept for a while when it breaks off, and goes on with
    another that begins at `offset`, which must be what files.partial answers; 0 begins anew.
    """

    if_match: Annotated[list[Condition], msgspec.Meta(max_length=MAX_CONDITIONS)] | None = None
    is_new_only: bool = False
    size: Bytes | None = None
    upload: UploadKey | None = None
    offset: Bytes = 0


class UploadResult(Struct, frozen=True, kw_only=True):
    """The conditions hold so far, and there is room for what was announced. The content is put at `offset`."""

    offset: Bytes = 0


class Uploaded(Struct, frozen=True, kw_only=True):
    """The file is in its place. `path` is where a link on the way led."""

    etag: EntityTag
    size: Bytes
    path: str
    is_new: bool = False


class ArchiveParams(TransferParams, frozen=True, kw_only=True):
    """`link.archive`: a folder as zip, or the `names` that are picked in it.

    The node counts first and sends READY, then content and END.
    """

    names: Annotated[list[PlainName], msgspec.Meta(max_length=MAX_NAMES)] | None = None


class ArchiveResult(Struct, frozen=True, kw_only=True):
    """It is a folder that may be read."""


class ArchiveReady(Struct, frozen=True, kw_only=True):
    """What will be in the archive; `size` is that of the files before they are packed."""

    entries: int
    size: Bytes
