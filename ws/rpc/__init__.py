"""JSON-RPC 2.0 over one WebSocket: calls with deadlines, subscriptions with bounded buffers, both ways.

`peer` puts the parts together: `frames` (bytes), `outbox` (what waits to be written), `serving` with `replies` and
`served` (the other end's calls), `calling` (ours), `feeds` (what handlers answer), `events` (a queue between a feed and
who reads it here), `socket` (aiohttp), `limits`.
"""

from ws.rpc.calling import Subscription
from ws.rpc.events import EventQueue, FeedReader
from ws.rpc.feeds import Answer, Detach, EventSink, Feed, Lagging, feed_from
from ws.rpc.limits import BROWSER_LIMITS, LINK_LIMITS, Limits
from ws.rpc.peer import NotificationHandler, Peer
from ws.rpc.serving import Handler, IncomingCall
from ws.rpc.socket import AiohttpSocket, Socket, accept_socket
from ws.rpc.totals import TOTALS

__all__ = [
    "BROWSER_LIMITS",
    "LINK_LIMITS",
    "TOTALS",
    "AiohttpSocket",
    "Answer",
    "Detach",
    "EventQueue",
    "EventSink",
    "Feed",
    "FeedReader",
    "Handler",
    "IncomingCall",
    "Lagging",
    "Limits",
    "NotificationHandler",
    "Peer",
    "Socket",
    "Subscription",
    "accept_socket",
    "feed_from",
]
