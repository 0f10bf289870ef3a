"""Calls that only Main and a node exchange: the handshake, the probe, dial-back streams, the session list."""

from typing import Annotated, Literal

import msgspec

from ws.protocol.base import NodeKey, StreamId, Struct, TerminalKey, Timestamp
from ws.protocol.envelope import Caller
from ws.protocol.nodes import Capabilities, Labels, NodeName
from ws.protocol.sessions import SessionChanged, SessionRemoved, SessionSummary

NODE_HEADER = "Switchyard-Node"
"""HTTP header of the dial: the id of the node that dials. The secret is in Authorization, never in the URL."""
PROTOCOL_HEADER = "Switchyard-Protocol"

PROBE_INTERVAL_S = 10.0
PROBE_STALE_S = 20.0
"""Without an answer for this long a node is offline: two probes missed."""
DIAL_BACK_DEADLINE_S = 5.0

Secret = Annotated[str, msgspec.Meta(min_length=43, max_length=64, description="32 random bytes, URL-safe base64")]


class HelloParams(Struct, frozen=True, kw_only=True):
    """`link.hello`, node to Main. `secret` (node to Main from now on) only at first contact."""

    protocol: int
    min_protocol: int
    version: str
    id: NodeKey
    name: NodeName
    platform: str
    labels: Labels
    capabilities: Capabilities
    time: Timestamp
    home: str | None = None
    secret: Secret | None = None


class HelloResult(Struct, frozen=True, kw_only=True):
    """`protocol` is the version both speak. `secret` (Main to node from now on) only at first contact."""

    protocol: int
    version: str
    main_id: str
    time: Timestamp
    secret: Secret | None = None


class ProbeParams(Struct, frozen=True, kw_only=True):
    """`link.probe`, Main to node."""


class ProbeResult(Struct, frozen=True, kw_only=True):
    time: Timestamp


class StreamParams(Struct, frozen=True, kw_only=True):
    """`link.stream`, Main to node: dial `/ws/stream` back with `key` within 5 s and serve it."""

    stream: StreamId
    key: str
    kind: Literal["terminal"]
    caller: Caller
    terminal: TerminalKey
    may_type: bool
    after: int | None = None


class StreamResult(Struct, frozen=True, kw_only=True):
    """The node accepts and is dialling; what it cannot serve it refuses with `not_found`, `invalid`, `forbidden`."""


class StreamRevokeParams(Struct, frozen=True, kw_only=True):
    """`link.stream_revoke`: close that stream with 4401."""

    stream: StreamId


class LinkSessionsResult(Struct, frozen=True, kw_only=True):
    """`link.sessions`, subscription of Main at a node: every session of the node, then changes."""

    sessions: list[SessionSummary]


LinkSessionEvent = SessionChanged | SessionRemoved


class RemovedParams(Struct, frozen=True, kw_only=True):
    """Notification `link.removed`, Main to node: the identity is revoked; stop dialling and say so."""

    reason: str
