"""Byte pipes beside the JSON socket: dialled back under one-time keys, taken over raw, joined without parsing.

`raw` (a connection taken over), `handshake` (text, no I/O), `accept` and `dialling` (its two ends), `keys` (who may
dial back), `carriage` and `framed` (bytes as they are, or in frames where a proxy reads frames), `splicing` (Main joins
page and node), `frames` and `parsing` (the node's end is the WebSocket that the page talks to), `turns` (many frames in
one read leave the loop to others), `budget` (what all such ends may hold), `records` (content, and how it ended:
transfers).
"""

from ws.streams.accept import RawResponse, accept_raw, serve_stream
from ws.streams.budget import Budget
from ws.streams.carriage import ProbeFailedError, carried_at_main, carried_at_node
from ws.streams.dialling import dial_raw
from ws.streams.frames import ServerFrames, StreamClosedError
from ws.streams.keys import PendingStream, StreamKeys
from ws.streams.raw import RawProtocol, RawSocket
from ws.streams.records import Kind, Record, Records, StreamCutError
from ws.streams.splicing import Splice, SpliceEnd, splice

__all__ = [
    "Budget",
    "Kind",
    "PendingStream",
    "ProbeFailedError",
    "RawProtocol",
    "RawResponse",
    "RawSocket",
    "Record",
    "Records",
    "ServerFrames",
    "Splice",
    "SpliceEnd",
    "StreamClosedError",
    "StreamCutError",
    "StreamKeys",
    "accept_raw",
    "carried_at_main",
    "carried_at_node",
    "dial_raw",
    "serve_stream",
    "splice",
]
