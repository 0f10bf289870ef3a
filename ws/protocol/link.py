"""Calls that only Main and a node exchange: the handshake, the probe, dial-back streams, the session list."""

from typing import Annotated, Literal

import msgspec

from ws.protocol.base import Carriage, NodeKey, StreamId, Struct, TerminalKey, Timestamp
from ws.protocol.envelope import Caller
from ws.protocol.nodes import Capabilities, Labels, NodeName
from ws.protocol.sessions import SessionChanged, SessionRemoved, SessionSummary

NODE_HEADER = "Switchyard-Node"
"""HTTP header of the dial: the id of the node that dials. The secret is in Authorization, never in the URL."""
PROTOCOL_HEADER = "Switchyard-Protocol"
NONCE_HEADER = "Switchyard-Nonce"
"""In Main's dial: what the node's proof in link.hello is made of. In the node's 401: what Main's answer is made of."""
PROOF_SCHEME = "HMAC-SHA256"
"""`Authorization` of Main's first contact with a node that it dials: `HMAC-SHA256 nonce:proof,proof…`. The nonce is
that of the node's 401; the proofs are HMAC-SHA256(register token, nonce) in hex, one for each register token that Main
has. The token itself is never sent."""

PROBE_INTERVAL_S = 10.0
PROBE_STALE_S = 20.0
"""Without an answer for this long a node is offline: two probes missed."""
DIAL_BACK_DEADLINE_S = 5.0

CALL_BACK_DEADLINE_S = 10.0
"""From Main's answer to a registration to its call at the node."""

Secret = Annotated[str, msgspec.Meta(min_length=43, max_length=64, description="32 random bytes, URL-safe base64")]
Proof = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]


class RegisterParams(Struct, frozen=True, kw_only=True):
    """`POST /api/nodes/register`: a node asks Main to call it.

    `url` is where, scheme, host and port alone; without it the node's own address as Main sees it, with `port` and
    `is_tls`. `key` is what Main presents there, once.
    """

    id: NodeKey
    name: NodeName
    key: Secret | None = None
    url: Annotated[str, msgspec.Meta(max_length=300)] | None = None
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] | None = None
    is_tls: bool = False
    protocol: int = 1


class RegisterResult(Struct, frozen=True, kw_only=True):
    """Main calls `url` now. `problem` says why its last call did not succeed."""

    url: str
    problem: str | None = None


class HelloParams(Struct, frozen=True, kw_only=True):
    """`link.hello`, node to Main. `secret` (node to Main from now on) only at first contact.

    `has_carriage`: the calls that open streams may name a `carriage`.

    `proof` answers the nonce of Main's dial: the node at that address is the one that it says (see ws.proof).
    """

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
    has_carriage: bool = False
    secret: Secret | None = None
    proof: Proof | None = None


class HelloResult(Struct, frozen=True, kw_only=True):
    """`protocol` is the version both speak. `secret` (Main to node from now on) only at first contact."""

    protocol: int
    version: str
    main_id: str
    time: Timestamp
    secret: Secret | None = None


CONFIRMED = "link.confirmed"
"""Notification, node to Main, once both secrets of a first contact are on the node's disk. From then on no register
token claims the id."""


class ProbeParams(Struct, frozen=True, kw_only=True):
    """`link.probe`, Main to node."""


class ProbeResult(Struct, frozen=True, kw_only=True):
    """`database_bytes` is what the node's database takes on its disk, 0 when that is not known."""

    time: Timestamp
    database_bytes: int = 0


class StreamParams(Struct, frozen=True, kw_only=True):
    """`link.stream`, Main to node: serve the stream of `key`; who dialled the link dials it too, within 5 s."""

    stream: StreamId
    key: str
    kind: Literal["terminal"]
    caller: Caller
    terminal: TerminalKey
    may_type: bool
    after: int | None = None
    carriage: Carriage = "raw"


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
