"""The operations of transfers, by name, each allowed to whom the operation on text is."""

from node.context import HandlerMap
from node.files.transfers import TransferServer
from node.policy import Policy
from ws.protocol.ops import OPS


def handlers(server: TransferServer, policy: Policy) -> HandlerMap:
    """What the dispatcher calls."""
    reading, writing = OPS["files.read"], OPS["files.write"]
    return {
        "link.download": policy.guard_as(reading, lambda _, params: server.download(params)),
        "link.archive": policy.guard_as(reading, lambda _, params: server.archive(params)),
        "files.partial": server.partial,
        "link.upload": policy.guard_as(writing, lambda _, params: server.upload(params)),
    }
