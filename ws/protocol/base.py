"""Base struct, ids and bounded types that every protocol module builds on.

Bounds live in the types, so decoding is validation. msgspec checks them on decode, not on construction.
"""

from datetime import UTC, datetime
from typing import Annotated, Literal, NewType

import msgspec

ID_PATTERN = r"^[A-Za-z0-9_-]{1,64}$(?!\n)"
"""In Python `$` also matches before a final newline, which the last part rules out; elsewhere it changes nothing."""
MAX_PATH_CHARS = 4096
"""PATH_MAX of Linux; longer paths cannot be opened there anyway."""

Carriage = Literal["raw", "probed", "framed"]
"""How the bytes of a stream travel behind its handshake: as they are; as they are if that proves possible; in binary
frames, for a proxy that reads frames."""

NodeId = NewType("NodeId", str)
SessionId = NewType("SessionId", str)
ApprovalId = NewType("ApprovalId", str)
UserId = NewType("UserId", str)
LoginId = NewType("LoginId", str)
StreamId = NewType("StreamId", str)

NodeKey = Annotated[str, msgspec.Meta(pattern=ID_PATTERN, description="id of a node")]
SessionKey = Annotated[str, msgspec.Meta(pattern=ID_PATTERN, description="id of a session")]
TerminalKey = Annotated[str, msgspec.Meta(pattern=ID_PATTERN, description="id of a terminal")]
ApprovalKey = Annotated[str, msgspec.Meta(pattern=ID_PATTERN, description="id of an approval")]
MessageKey = Annotated[
    str, msgspec.Meta(min_length=1, max_length=128, description="chosen by the client; sending it twice runs it once")
]
UploadKey = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[A-Za-z0-9_-]{16,64}$(?!\n)",
        description="of an upload that can be continued; chosen by the client, another for each upload",
    ),
]
AbsolutePath = Annotated[
    str,
    msgspec.Meta(
        min_length=1,
        max_length=MAX_PATH_CHARS,
        pattern=r"^/[^\x00]*\Z",
        description="absolute path on the node",
    ),
]
RawPath = Annotated[
    bytes,
    msgspec.Meta(
        min_length=1,
        max_length=MAX_PATH_CHARS,
        description="base64 of the bytes of a path that is not UTF-8; counts instead of the text beside it",
    ),
]
ShortText = Annotated[str, msgspec.Meta(max_length=200)]
Limit = Annotated[int, msgspec.Meta(ge=1, le=1000)]
Cursor = Annotated[str, msgspec.Meta(max_length=4096, description="opaque; from `next_cursor`")]
Timestamp = Annotated[str, msgspec.Meta(description="RFC 3339, UTC")]


class Struct(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of every wire value: immutable, keyword-only; a field that equals its default is left out of the JSON.

    So a field of a result or event that readers may rely on has no default. Subclasses repeat ``frozen`` (for the type
    checker) and ``kw_only`` (which msgspec does not inherit).
    """


class Located(Struct, frozen=True, kw_only=True):
    """Base of the params that name a place on a node: by `path`, or by `path_bytes` where that is not UTF-8."""

    node: NodeKey
    path: AbsolutePath = ""
    path_bytes: RawPath | None = None

    def __post_init__(self) -> None:
        """Raises ValueError, which decoding turns into its own error, when neither is given."""
        if not self.path and self.path_bytes is None:
            raise ValueError("Object missing required field `path`")


def now() -> str:
    """The current time as the wire writes it: RFC 3339, UTC, milliseconds, ``Z``."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
