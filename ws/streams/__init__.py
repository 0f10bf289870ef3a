"""Byte pipes beside the JSON socket: dialled back under one-time keys, taken over raw, joined without parsing.

`raw` (a connection taken over), `handshake` (text, no I/O), `accept` and `dialling` (its two ends), `keys` (who may
dial back), `splicing` (Main joins page and node), `frames` (the node's end is the WebSocket that the page talks to).
"""

from ws.streams.accept import RawResponse, accept_raw
from ws.streams.dialling import dial_raw
from ws.streams.frames import ServerFrames, StreamClosedError
from ws.streams.keys import PendingStream, StreamKeys
from ws.streams.raw import RawProtocol, RawSocket
from ws.streams.splicing import Splice, SpliceEnd, splice

__all__ = [
    "PendingStream",
    "RawProtocol",
    "RawResponse",
    "RawSocket",
    "ServerFrames",
    "Splice",
    "SpliceEnd",
    "StreamClosedError",
    "StreamKeys",
    "accept_raw",
    "dial_raw",
    "splice",
]
