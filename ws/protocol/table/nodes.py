"""Rows of nodes.*."""

from ws.protocol import nodes
from ws.protocol.op import Place, Scope, act, read

NODES = (
    read(
        "nodes.list",
        nodes.NodesListParams,
        nodes.NodesListResult,
        "Every node that the caller may see.",
        place=Place.MAIN,
    ),
    read(
        "nodes.watch",
        nodes.NodesListParams,
        nodes.NodesListResult,
        "The nodes, then each change.",
        place=Place.MAIN,
        events=nodes.NodeEvent,
    ),
    act(
        "nodes.rename",
        nodes.NodeRenameParams,
        nodes.NodeResult,
        "Give a node another name.",
        place=Place.MAIN,
        scope=Scope.OWNER,
        idempotent=True,
        audit="node.renamed",
    ),
    act(
        "nodes.remove",
        nodes.NodeParams,
        nodes.Empty,
        "Revoke a node's identity and close its link; its journals stay on it.",
        place=Place.MAIN,
        scope=Scope.OWNER,
        audit="node.removed",
    ),
    read(
        "nodes.join",
        nodes.NodesParams,
        nodes.JoinInfo,
        "What another machine needs to join.",
        place=Place.MAIN,
        scope=Scope.OWNER,
    ),
)
