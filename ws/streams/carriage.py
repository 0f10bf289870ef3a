"""How the bytes of a stream travel: as they are, or in binary frames where something in between reads frames.

What stands behind the handshake of a stream is no WebSocket, which most proxies never notice: they pass on what comes
after the 101. One that reads frames cuts such a stream at the first byte. So the first stream of a link is `probed`:
each end sends bytes that are no frame by any reading, and what does not come through unchanged is opened anew `framed`.
"""

import asyncio

from ws.protocol.base import Carriage
from ws.streams.framed import framed
from ws.streams.raw import RawProtocol, RawSocket

FROM_MAIN = b"\xff\x00switchyard: ->"
FROM_NODE = b"\xff\x00switchyard: <-"
"""All reserved bits and a reserved opcode: RFC 6455, section 5.2, has whoever reads frames fail the connection."""

PROBE_S = 2.0
"""For the other end's bytes. Whatever reads frames cuts at once; this is for one that waits for the rest of a frame."""


class ProbeFailedError(ConnectionError):
    """A probed stream does not carry bytes as they are. It has been cut."""


async def carried_at_main(raw: RawSocket, carriage: Carriage) -> RawSocket:
    """The stream behind a new connection, at the end that asked for it. Raises ProbeFailedError."""
    return await _carried(raw, carriage, FROM_MAIN, FROM_NODE)


async def carried_at_node(raw: RawSocket, carriage: Carriage) -> RawSocket:
    """As `carried_at_main` at the other end, which answers: once Main hears it, both ways are open."""
    return await _carried(raw, carriage, FROM_NODE, FROM_MAIN)


async def _carried(raw: RawSocket, carriage: Carriage, ours: bytes, theirs: bytes) -> RawSocket:
    if carriage == "raw":
        return raw
    if carriage == "framed":
        return framed(raw)
    try:
        return await _probed(raw, ours, theirs)
    except BaseException:
        raw.abort()
        raise


async def _probed(raw: RawSocket, ours: bytes, theirs: bytes) -> RawSocket:
    if ours is FROM_MAIN and not raw.is_ended:
        raw.transport.write(ours)
    head = _Head(raw, len(theirs))
    raw.hand_to(head)
    try:
        async with asyncio.timeout(PROBE_S):
            await head.is_there.wait()
    except TimeoutError as error:
        raise ProbeFailedError(f"nothing came through within {PROBE_S:g} s") from error
    if raw.is_ended or not head.received.startswith(theirs):
        raise ProbeFailedError("it was cut" if raw.is_ended else "other bytes came through")
    if ours is FROM_NODE:
        raw.transport.write(ours)
    raw.park(bytes(head.received[len(theirs) :]))
    return raw


class _Head(RawProtocol):
    """The first `length` bytes; what comes behind them in the same read too, but no further read."""

    def __init__(self, raw: RawSocket, length: int) -> None:
        super().__init__(raw)
        self.received = bytearray()
        self.is_there = asyncio.Event()
        self._length = length

    def data_received(self, data: bytes) -> None:
        self.received += data
        if len(self.received) >= self._length and not self.is_there.is_set():
            self.raw.transport.pause_reading()
            self.is_there.set()

    def eof_received(self) -> bool:
        self.is_there.set()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.is_there.set()
