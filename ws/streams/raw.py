"""A TCP (or TLS) connection that was taken over after its WebSocket handshake: a transport and nothing in between."""

import asyncio
from collections.abc import Callable

from ws.sockopts import tune

WRITE_HIGH_BYTES = 64 * 1024
"""A transport that holds more than this unsent asks its writer to pause. Small, because every byte here stands in front
of the answer to Ctrl-C; the kernel's own buffers keep the line busy."""


class RawProtocol(asyncio.Protocol):
    """Base of what receives the bytes of a :class:`RawSocket`. An override of `connection_lost` calls this one."""

    def __init__(self, raw: "RawSocket") -> None:
        self.raw = raw

    def connection_lost(self, exc: Exception | None) -> None:
        self.raw.ended()


class RawSocket:
    """`transport` with reading paused, and `initial`, the bytes that were read behind the handshake.

    Nothing is read until :meth:`hand_to` names who receives it. `peer` is the other end's address, for logs.
    `on_ended` hears once that the connection has ended. `is_client`: we dialled.
    """

    def __init__(
        self,
        transport: asyncio.Transport,
        initial: bytes = b"",
        *,
        on_ended: Callable[[], None] | None = None,
        is_client: bool = False,
    ) -> None:
        self.transport = transport
        self.is_client = is_client
        self.initial = initial
        self.peer = _address(transport)
        self._on_ended = on_ended
        self._is_ended = False
        self._waiting: list[asyncio.Future[None]] = []  # for that; an asyncio.Event is 1 KB
        self._parked = _Parked(self)
        transport.pause_reading()
        transport.set_write_buffer_limits(high=WRITE_HIGH_BYTES)
        transport.set_protocol(self._parked)
        tune(transport)

    @property
    def is_ended(self) -> bool:
        return self._is_ended

    def hand_to(self, protocol: RawProtocol) -> None:
        """Give `protocol` the initial bytes, then the connection. Called once, and again after `park`.

        It is told at once what happened while nobody listened.
        """
        self.transport.set_protocol(protocol)
        initial, self.initial = self.initial, b""
        if initial:
            protocol.data_received(initial)
        if self._parked.is_writing_paused:
            protocol.pause_writing()
        if self._parked.has_eof and not protocol.eof_received():
            self.transport.close()
        if self.is_ended:
            protocol.connection_lost(None)
        else:
            self.transport.resume_reading()

    def park(self, initial: bytes) -> None:
        """Take the connection back from who receives, with bytes that were read too far."""
        if not self.transport.is_closing():
            self.transport.pause_reading()
        self.initial = initial
        self._parked = _Parked(self)
        self.transport.set_protocol(self._parked)

    def abort(self) -> None:
        """Cut the connection; what is unsent is lost."""
        self.transport.abort()

    async def wait_ended(self) -> None:
        """Return when the connection has ended. An HTTP handler that took one over stays until then."""
        if self._is_ended:
            return
        waiter = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            await waiter
        finally:
            self._waiting.remove(waiter)

    def ended(self) -> None:
        """For the protocol of the transport: the connection has ended."""
        if self._is_ended:
            return
        self._is_ended = True
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)
        if self._on_ended is not None:
            self._on_ended()


class _Parked(RawProtocol):
    """Remembers what happens before somebody receives. Reading is paused, so no bytes come."""

    def __init__(self, raw: RawSocket) -> None:
        super().__init__(raw)
        self.is_writing_paused = False
        self.has_eof = False

    def data_received(self, data: bytes) -> None:
        # A transport may deliver what it had decrypted before it was paused.
        self.raw.initial += data

    def pause_writing(self) -> None:
        self.is_writing_paused = True

    def resume_writing(self) -> None:
        self.is_writing_paused = False

    def eof_received(self) -> bool:
        self.has_eof = True
        return can_half_close(self.raw.transport)


def can_half_close(transport: asyncio.Transport) -> bool:
    """Whether one direction may end before the other: TCP can, TLS as asyncio speaks it cannot."""
    return transport.get_extra_info("sslcontext") is None and transport.can_write_eof()


def end_writing(transport: asyncio.Transport) -> None:
    """End our direction behind what was written. A peer who has reset the connection unseen so far ends it whole."""
    try:
        transport.write_eof()
    except OSError:  # asyncio's own transport calls shutdown(2), which says "not connected" then
        transport.abort()


def _address(transport: asyncio.Transport) -> str:
    name = transport.get_extra_info("peername")
    return f"{name[0]}:{name[1]}" if isinstance(name, tuple) else str(name or "unknown")
