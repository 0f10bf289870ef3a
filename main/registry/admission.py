"""Who may open a link: decided from the headers of the dial, before the upgrade."""

import re
from dataclasses import dataclass

from main.registry.reach import Reach
from main.registry.tokens import RegisterTokens
from main.store.nodes import Identity
from ws.protocol import MIN_PROTOCOL_VERSION, PROTOCOL_VERSION
from ws.protocol.base import ID_PATTERN, NodeId
from ws.protocol.errors import ErrorCode, WireError
from ws.protocol.nodes import Mode

UPGRADE_REQUIRED = 426


class VersionRefused(WireError):
    """The two builds share no protocol version; HTTP has a status of its own for that."""

    def __init__(self, detail: str) -> None:
        super().__init__(ErrorCode.UNSUPPORTED, detail)

    @property
    def http_status(self) -> int:
        return UPGRADE_REQUIRED


@dataclass(frozen=True)
class Admission:
    """A dial that may become a link. `is_first` asks for the exchange of secrets in the handshake.

    `address` is where the node is, for people; `reach` how Main dials it, None when the node dials; `listed` the entry
    of `main.node_addresses` that led to it.
    """

    node: NodeId
    address: str
    is_first: bool
    is_local: bool
    mode: Mode = "direct"
    reach: Reach | None = None
    listed: str | None = None


def negotiated(protocol: int, min_protocol: int) -> int:
    """The version that both speak. Raises VersionRefused naming the side to update."""
    spoken = min(protocol, PROTOCOL_VERSION)
    if spoken < MIN_PROTOCOL_VERSION:
        raise VersionRefused(
            f"This node speaks protocol version {protocol}, Main needs {MIN_PROTOCOL_VERSION} or newer:"
            " update Switchyard on the node."
        )
    if spoken < min_protocol:
        raise VersionRefused(
            f"This node needs protocol version {min_protocol} or newer, Main speaks {PROTOCOL_VERSION}:"
            " update Switchyard on Main."
        )
    return spoken


def read_version(header: str | None) -> None:
    """Judge the version that the dial names. A newer node that speaks an older one too dials again with that.

    Raises VersionRefused, or WireError `invalid` when it is missing or no number.
    """
    if header is None or not re.fullmatch(r"[0-9]{1,4}", header):
        raise WireError(ErrorCode.INVALID, "A node names its protocol version in the header Switchyard-Protocol.")
    negotiated(int(header), int(header))


def read_node_id(header: str | None) -> NodeId:
    """The id that the dial names. Raises WireError `unauthorized`: without a name no secret is anybody's."""
    if header is None or not re.fullmatch(ID_PATTERN, header):
        raise WireError(
            ErrorCode.UNAUTHORIZED,
            "A node names its id in the header Switchyard-Node: 1 to 64 letters, digits, _ or -.",
        )
    return NodeId(header)


def judge(node: NodeId, secret: str, known: Identity | None, tokens: RegisterTokens, address: str) -> Admission:
    """Whether `secret` opens a link for `node`. Raises WireError `unauthorized` or `forbidden`."""
    if known is not None and known.owns(secret):
        return Admission(node, address, is_first=False, is_local=known.is_local)
    if tokens.is_local(secret):
        if known is None or known.is_local:
            return Admission(node, address, is_first=True, is_local=True)
        raise taken(node)
    if tokens.is_valid(secret):
        if known is None or not (known.is_confirmed or known.is_local):
            return Admission(node, address, is_first=True, is_local=False)
        raise taken(node)
    if known is None:
        raise WireError(
            ErrorCode.UNAUTHORIZED,
            f"Main does not know the node {node} (it may have been removed there), and this is no valid register"
            " token: take the one shown under Machines.",
        )
    raise WireError(
        ErrorCode.UNAUTHORIZED, f"This is not the secret of the node {node}: give this node another id (node.id)."
    )


def taken(node: NodeId) -> WireError:
    """A register token does not claim an id that Main knows already."""
    return WireError(
        ErrorCode.FORBIDDEN,
        f"Main knows a node {node} already and a register token is for first contact only: remove this node in Main"
        " first, or give this machine another id (node.id).",
    )
