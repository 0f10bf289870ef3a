"""A subscription at a node that belongs to one reader: Main passes its events on as they come."""

from main.registry.link import NodeLink
from ws.protocol.envelope import Caller
from ws.protocol.op import Op
from ws.rpc import Feed, feed_from
from ws.tasks import TaskOwner


async def passed_through(link: NodeLink, op: Op, params: bytes, caller: Caller, tasks: TaskOwner) -> Feed:
    """Subscribe at the node for one reader. Events wait in Main's bounded queue while the reader has no room, and the
    node is told to stop when the reader goes. Raises the WireError with which the node refuses.
    """
    subscription = await link.subscribe(op.name, params, deadline_s=op.deadline_s, caller=caller)
    return feed_from(subscription.result, subscription, tasks, op.name)
