"""Nodes as people see them."""

import hashlib
from collections.abc import Callable
from urllib.parse import urlsplit

from main.registry.link import NodeLink
from main.store.nodes import Identity
from ws.protocol.base import NodeId
from ws.protocol.nodes import Capabilities, Node, NodesListParams

_UNKNOWN = "unknown-"


def node_of(identity: Identity, link: NodeLink | None, problem: str | None) -> Node:
    """A known node; `problem` is shown while it is offline."""
    measured = None if link is None else link.measured
    return Node(
        id=identity.id,
        name=identity.name,
        status="offline" if link is None else "online",
        mode=identity.mode,
        labels=identity.about.labels,
        capabilities=identity.about.capabilities,
        platform=identity.about.platform,
        version=identity.about.version,
        connected_at=None if link is None else link.connected_at,
        last_seen=identity.last_seen if measured is None else measured.at,
        rtt_ms=None if measured is None else measured.rtt_ms,
        clock_offset_ms=None if measured is None else measured.clock_offset_ms,
        is_local=identity.is_local,
        home=identity.about.home,
        address=identity.address if link is None else link.address,
        protocol=None if link is None else link.protocol,
        problem=problem if link is None else None,
    )


def placeholder_id(address: str) -> NodeId:
    """The id under which an address stands as long as nobody knows which node is there."""
    return NodeId(f"{_UNKNOWN}{hashlib.sha256(address.encode()).hexdigest()[:12]}")


def is_placeholder(node: Node) -> bool:
    """Whether that is an address which has led to no node yet."""
    return node.id.startswith(_UNKNOWN) and node.address is not None and node.id == placeholder_id(node.address)


def placeholder(address: str, problem: str | None) -> Node:
    """An address of `main.node_addresses` that has not led to a node yet."""
    return Node(
        id=placeholder_id(address),
        name=(urlsplit(address).netloc or address)[:64],
        status="offline",
        mode="dialed",
        labels={},
        capabilities=Capabilities(terminal=False, providers=[], features=[]),
        platform="",
        version="",
        connected_at=None,
        last_seen=None,
        rtt_ms=None,
        clock_offset_ms=None,
        is_local=False,
        address=address,
        problem=problem,
    )


def filter_of(params: NodesListParams) -> Callable[[Node], bool]:
    """Whether a node passes all filters of nodes.list or nodes.watch."""

    def passes(node: Node) -> bool:
        offered = node.capabilities
        has_all = params.labels is None or params.labels.items() <= node.labels.items()
        can = (
            params.capability is None
            or params.capability in (*offered.features, *offered.providers)
            or (params.capability == "terminal" and offered.terminal)
        )
        return params.status in (None, node.status) and has_all and can

    return passes
