"""Terminals of a node. Bytes travel on `/ws/terminal`; these are the calls and the text frames beside them."""

from typing import Annotated, Literal

import msgspec

from ws.protocol.base import AbsolutePath, NodeKey, ShortText, Struct, TerminalKey, Timestamp

CREDIT_WINDOW_BYTES = 256 * 1024
"""Output beyond the slowest live reader's acknowledgement that a node keeps in flight: Ctrl-C under a slow reader takes
about window ÷ rate + 0.1 s, and 64 KiB would cost throughput."""
ACK_EVERY_BYTES = 64 * 1024
"""A page acknowledges at least this often."""
MAX_INPUT_FRAME_BYTES = 1024 * 1024

Columns = Annotated[int, msgspec.Meta(ge=2, le=1000)]
Rows = Annotated[int, msgspec.Meta(ge=1, le=1000)]
TerminalName = Annotated[str, msgspec.Meta(min_length=1, max_length=80)]


class TerminalOpenParams(Struct, frozen=True, kw_only=True):
    """`command` (argv) instead of the login shell."""

    node: NodeKey
    path: AbsolutePath
    cols: Columns
    rows: Rows
    shell: ShortText | None = None
    command: (
        Annotated[list[Annotated[str, msgspec.Meta(max_length=4096)]], msgspec.Meta(min_length=1, max_length=256)]
        | None
    ) = None
    name: TerminalName | None = None


class TerminalOpenResult(Struct, frozen=True, kw_only=True):
    terminal: TerminalKey
    name: str
    cols: int
    rows: int


class Terminal(Struct, frozen=True, kw_only=True):
    """`code`/`signal` and `ended`, when that was, are set once it has ended."""

    terminal: TerminalKey
    name: str
    path: str
    command: list[str]
    cols: int
    rows: int
    running: bool
    created: Timestamp
    readers: int
    code: int | None = None
    signal: str | None = None
    ended: Timestamp | None = None


class TerminalListParams(Struct, frozen=True, kw_only=True):
    node: NodeKey
    path: AbsolutePath | None = None


class TerminalListResult(Struct, frozen=True, kw_only=True):
    terminals: list[Terminal]


class TerminalWatchParams(Struct, frozen=True, kw_only=True):
    """`path`: only terminals that were opened in that folder."""

    node: NodeKey
    path: AbsolutePath | None = None


class TerminalChanged(Struct, frozen=True, kw_only=True, tag="terminal", tag_field="type"):
    """A terminal was opened, or is another: its name, its size, its readers, whether it runs."""

    terminal: Terminal


class TerminalRemoved(Struct, frozen=True, kw_only=True, tag="removed", tag_field="type"):
    """It was closed, or had ended long ago."""

    id: TerminalKey


TerminalWatchEvent = TerminalChanged | TerminalRemoved


class TerminalParams(Struct, frozen=True, kw_only=True):
    node: NodeKey
    terminal: TerminalKey


class TerminalRenameParams(Struct, frozen=True, kw_only=True):
    node: NodeKey
    terminal: TerminalKey
    name: TerminalName


class TerminalResult(Struct, frozen=True, kw_only=True):
    terminal: Terminal


class Ack(Struct, frozen=True, kw_only=True, tag="ack", tag_field="type"):
    """Output up to byte `offset` of the terminal's life has been parsed by the reader."""

    offset: Annotated[int, msgspec.Meta(ge=0)]


class Resize(Struct, frozen=True, kw_only=True, tag="resize", tag_field="type"):
    """The reader's window has room for so many characters.

    With `claim` the reader shows only sizes that it is told by `attached` and `resized`, its own as well. ``yes``: its
    size shall count from here on, as if something was typed there; ``again``: it led before its line broke, and its
    size shall count unless somebody has typed elsewhere since.
    """

    cols: Columns
    rows: Rows
    claim: Literal["no", "again", "yes"] | None = None


ReaderFrame = Ack | Resize


class Attached(Struct, frozen=True, kw_only=True, tag="attached", tag_field="type"):
    """First frame, and sent again when the terminal is restarted. The next binary byte is output byte `offset`.

    Output before `replayed_to` has been shown to somebody who may type: what a program asked its terminal in it was
    answered then, and must not be answered again. From there on the reader that `leads` answers, nobody else; `Lead`
    tells when that changes. `preamble`, which is no output and has no offset, brings a screen that has not seen what
    came before `offset` into the state of that place; only where older output is no longer kept. It has at most 16384
    characters; a longer one is a fault of the node.
    """

    terminal: TerminalKey
    offset: int
    cols: int
    rows: int
    running: bool
    may_type: bool
    replayed_to: int
    leads: bool
    preamble: str | None


class Skipped(Struct, frozen=True, kw_only=True, tag="skipped", tag_field="type"):
    """Bytes [start, to) are gone for this reader; the next binary byte is output byte `to`.

    `preamble` as in `Attached`.
    """

    start: int = msgspec.field(name="from")
    to: int
    preamble: str


class Lead(Struct, frozen=True, kw_only=True, tag="lead", tag_field="type"):
    """From output byte `start` on this reader answers what programs ask their terminal, or no longer does.

    One of the readers that may type leads: who typed last, while that one is there.
    """

    leads: bool
    start: int = msgspec.field(name="from")


class Resized(Struct, frozen=True, kw_only=True, tag="resized", tag_field="type"):
    cols: int
    rows: int


class Exit(Struct, frozen=True, kw_only=True, tag="exit", tag_field="type"):
    code: int | None
    signal: str | None


class StreamFault(Struct, frozen=True, kw_only=True, tag="error", tag_field="type"):
    """Sent before a close, whose code (`CloseCode`) tells the kind."""

    code: str
    detail: str


TerminalFrame = Attached | Skipped | Lead | Resized | Exit | StreamFault

CloseCode = Literal[1009, 1013, 4400, 4401, 4403, 4404, 4503]
"""Too large, try again later (RFC 6455, registry); then ours: invalid, revoked, forbidden, not found, node offline."""
