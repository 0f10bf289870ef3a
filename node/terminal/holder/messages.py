"""What the node and its holder say to each other: one JSON object per packet, descriptors beside it.

A holder lives longer than the program that started it, so a new node may meet an old holder: `Hello` lists the versions
that the node speaks, unknown members are ignored, and members are only ever added, with a default.
"""

from typing import Literal

import msgspec

VERSIONS = (1, 2)
"""What this build speaks. The holder takes the latest that both speak and says which in `Welcome`.

1: first version. 2: `Restart`. Both November 2026.
"""
RESTART_VERSION = 2
MAX_PACKET_BYTES = 192 * 1024
"""A sequenced packet must fit the socket's send buffer, 208 KiB unless the system says otherwise."""

Keep = Literal["process", "node"]


class Message(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """Base of every packet."""


class Hello(Message, frozen=True, kw_only=True, tag="hello"):
    """First packet of the node. `keep` is ``node`` when the terminals end with the connection."""

    versions: list[int]
    keep: Keep


class Open(Message, frozen=True, kw_only=True, tag="open"):
    """Start `argv` in a new PTY. `about` belongs to the node; the holder keeps it for the next one."""

    request: int
    terminal: str
    argv: list[str]
    folder: str
    environment: dict[str, str]
    cols: int
    rows: int
    kept_bytes: int
    about: str


class Restart(Message, frozen=True, kw_only=True, tag="restart"):
    """Start `argv` in the place of a program that has ended: a new PTY, the same output, which goes on with `heading`.

    Answered by `Held` or `Failed`, as `Open`.
    """

    request: int
    terminal: str
    argv: list[str]
    folder: str
    environment: dict[str, str]
    cols: int
    rows: int
    heading: str


class Describe(Message, frozen=True, kw_only=True, tag="describe"):
    """Keep `about` instead of what was said before."""

    terminal: str
    about: str


class End(Message, frozen=True, kw_only=True, tag="end"):
    """Hang up, and kill what does not listen. `Ended` follows."""

    terminal: str


class EndAll(Message, frozen=True, kw_only=True, tag="end_all"):
    """End every terminal, then the holder itself: the connection closes when all is over."""


class Forget(Message, frozen=True, kw_only=True, tag="forget"):
    """Drop a terminal that has ended."""

    terminal: str


class Welcome(Message, frozen=True, kw_only=True, tag="welcome"):
    """Answer to `Hello`; `terminals` packets of `Held` follow."""

    version: int
    pid: int
    terminals: int


class Refused(Message, frozen=True, kw_only=True, tag="refused"):
    """The node cannot attach; the connection closes."""

    reason: str


class Held(Message, frozen=True, kw_only=True, tag="held"):
    """A terminal with its descriptors, in the order of `Descriptors`. `request` answers `Open` or `Restart`.

    `ended_at_s`: Unix time of its program's end.
    """

    terminal: str
    pid: int
    kept_bytes: int
    about: str
    request: int | None = None
    has_ended: bool = False
    code: int | None = None
    signal: str | None = None
    ended_at_s: float | None = None


class Failed(Message, frozen=True, kw_only=True, tag="failed"):
    """`Open` or `Restart` did not succeed."""

    request: int
    reason: str


class Ended(Message, frozen=True, kw_only=True, tag="ended"):
    """The program of a terminal is over: exit code, or the name of the signal that ended it; Unix time of its end."""

    terminal: str
    code: int | None
    signal: str | None
    ended_at_s: float | None = None


FromNode = Hello | Open | Restart | Describe | End | EndAll | Forget
FromHolder = Welcome | Refused | Held | Failed | Ended
