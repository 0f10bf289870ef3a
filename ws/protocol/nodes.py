"""Nodes as the registry shows them."""

from typing import Annotated, Literal

import msgspec

from ws.protocol.base import NodeKey, Struct, Timestamp
from ws.protocol.envelope import Role

NodeName = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Labels = dict[str, str]
Mode = Literal["direct", "callback", "dialed"]


class Capabilities(Struct, frozen=True, kw_only=True):
    """What a node offers: `terminal` is false where policy or platform has none; `providers` are ids."""

    terminal: bool
    providers: list[str]
    features: list[str]


class Node(Struct, frozen=True, kw_only=True):
    """`rtt_ms` and `clock_offset_ms` (node minus Main) come from the last probe through the link.

    `role` is what the caller may do there, `protocol` the version that its link speaks. For owners only: `address` from
    where it is linked, `problem` why Main cannot reach it.
    """

    id: NodeKey
    name: str
    status: Literal["online", "offline"]
    mode: Mode
    labels: Labels
    capabilities: Capabilities
    platform: str
    version: str
    connected_at: Timestamp | None
    last_seen: Timestamp | None
    rtt_ms: float | None
    clock_offset_ms: float | None
    is_local: bool
    home: str | None = None
    role: Role | None = None
    address: str | None = None
    protocol: int | None = None
    problem: str | None = None


class NodesParams(Struct, frozen=True, kw_only=True):
    """No parameters."""


class NodesListParams(Struct, frozen=True, kw_only=True):
    """Filters, all of which must hold: `labels` by equality, `capability` a feature or the id of a provider."""

    status: Literal["online", "offline"] | None = None
    labels: Labels | None = None
    capability: Annotated[str, msgspec.Meta(max_length=64)] | None = None


class NodesListResult(Struct, frozen=True, kw_only=True):
    nodes: list[Node]


class NodeChanged(Struct, frozen=True, kw_only=True, tag="node", tag_field="type"):
    node: Node


class NodeRemoved(Struct, frozen=True, kw_only=True, tag="removed", tag_field="type"):
    id: NodeKey


NodeEvent = NodeChanged | NodeRemoved


class NodeRenameParams(Struct, frozen=True, kw_only=True):
    node: NodeKey
    name: NodeName


class NodeResult(Struct, frozen=True, kw_only=True):
    node: Node


class NodeParams(Struct, frozen=True, kw_only=True):
    node: NodeKey


class Empty(Struct, frozen=True, kw_only=True):
    """Nothing to say but that it is done."""


class JoinInfo(Struct, frozen=True, kw_only=True):
    """What another machine needs to join: the register token and the address under which the caller reached Main.

    `config` is its configs/node.toml. `commands` do the same in a clone of Switchyard there, but ask for the token.
    `ca` (PEM) is there when Main's certificate comes from a CA of one's own; `config` has it as configs/main-ca.pem.
    """

    register_token: str
    main_server_url: str
    config: str
    commands: list[str] = []
    ca: str | None = None
