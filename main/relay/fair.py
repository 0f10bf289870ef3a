"""One list of what all nodes tell: a node that tells too much does not take the place of the others."""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import TypeVar

import msgspec
import structlog

from ws.protocol.base import NodeId
from ws.rpc.limits import BROWSER_LIMITS, KIB

log = structlog.get_logger(__name__)

MAX_LIST_BYTES = BROWSER_LIMITS.max_sent_bytes - 256 * KIB
"""Of the values of a list: with its envelope it still fits one frame. About 15,000 sessions."""

Value = TypeVar("Value")


def fitting(values: Iterable[Value], node_of: Callable[[Value], str]) -> tuple[list[Value], list[NodeId]]:
    """The values that fit one answer together, in their order, and the nodes whose values are left out for it.

    The node that takes the most room goes first. What a single node tells is never left out: the answer is then refused
    as too large, with the reason.
    """
    kept, left_out = list(values), list[NodeId]()
    sizes: Counter[str] = Counter()
    for value in kept:
        sizes[node_of(value)] += len(msgspec.json.encode(value)) + 1
    while sizes.total() > MAX_LIST_BYTES and len(sizes) > 1:
        (largest, size), *_ = sizes.most_common(1)
        log.warning("node_left_out", node=largest, bytes=size)
        del sizes[largest]
        left_out.append(NodeId(largest))
    if not left_out:
        return kept, left_out
    return [value for value in kept if node_of(value) in sizes], left_out
