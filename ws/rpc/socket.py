"""The one adapter between a peer and aiohttp's two kinds of WebSocket, and how each kind is opened."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Protocol

from aiohttp import ClientWebSocketResponse, WSMsgType, web

from ws.rpc.limits import Limits
from ws.sockopts import tune

CLOSE_DEADLINE_S = 1.0
"""For the closing handshake; afterwards the connection is cut. Revoked access must end within a second."""

HEARTBEAT_S = 16.0
"""A ping after so long without a word; without a pong within half of it the socket is dead, so a cut cable is noticed
after 24 s by whoever does not probe. Keeps NAT entries and proxies alive too."""

FRAMES_PER_TURN = 32
"""One read may bring tens of thousands of tiny frames; who takes them leaves the others a turn of the loop after so
many, which answered one by one take less than 1 ms."""


class Socket(Protocol):
    """A WebSocket of text frames as :class:`ws.rpc.Peer` needs it. Used by one reader and one writer."""

    async def receive(self) -> bytes | None:
        """The next text frame in UTF-8; None when the socket has ended. A binary frame is an empty text frame."""

    async def send(self, frame: bytes) -> None:
        """Returns when the transport has room for more. Raises ConnectionError when the socket has ended."""

    def unsent_bytes(self) -> int:
        """What the transport holds because the other end does not take it."""

    async def close(self, code: int, reason: str) -> None:
        """Close with a handshake of at most a second, then cut. Does not raise; may be called twice."""

    def abort(self) -> None:
        """Cut the connection at once; `receive` then returns None."""


class AiohttpSocket:
    """Both kinds alike, opened without `autoping`: pings are answered here.

    `transport` is the one under the socket; `on_closed` releases what belongs to the socket.
    """

    def __init__(
        self,
        socket: "web.WebSocketResponse[bool] | ClientWebSocketResponse[bool]",
        transport: asyncio.Transport | None,
        *,
        on_closed: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._socket = socket
        self._transport = transport
        self._on_closed = on_closed
        self._closing = asyncio.Lock()
        self._left_of_turn = FRAMES_PER_TURN

    async def receive(self) -> bytes | None:
        while not self._socket.closed:
            self._left_of_turn -= 1
            if not self._left_of_turn:
                self._left_of_turn = FRAMES_PER_TURN
                await asyncio.sleep(0)
            message = await self._socket.receive()
            if message.type is WSMsgType.PING:
                with suppress(ConnectionError):
                    await self._socket.pong(message.data)
            elif message.type is WSMsgType.TEXT:
                data = message.data
                return data.encode() if isinstance(data, str) else bytes(data)
            elif message.type is not WSMsgType.PONG:
                return b"" if message.type is WSMsgType.BINARY else None
        return None

    async def send(self, frame: bytes) -> None:
        await self._socket.send_frame(frame, WSMsgType.TEXT)

    def unsent_bytes(self) -> int:
        if self._transport is None or self._transport.is_closing():
            return 0
        return self._transport.get_write_buffer_size()

    async def close(self, code: int, reason: str) -> None:
        # 123 bytes is what RFC 6455, section 5.5 leaves for the reason.
        message = reason.encode()[:123].decode(errors="ignore").encode()
        async with self._closing:  # a second close waits for the handshake of the first instead of cutting it
            with suppress(TimeoutError, ConnectionError):
                async with asyncio.timeout(CLOSE_DEADLINE_S):
                    await self._socket.close(code=code, message=message)
            self.abort()
            if self._on_closed is not None:
                await self._on_closed()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()


async def accept_socket(request: web.Request, limits: Limits, *, compress: bool = False) -> AiohttpSocket:
    """Upgrade an authenticated request to a JSON-RPC socket. Raises web.HTTPBadRequest when it is no handshake."""
    socket = web.WebSocketResponse(
        max_msg_size=limits.max_frame_bytes,
        heartbeat=HEARTBEAT_S,
        compress=compress,
        timeout=CLOSE_DEADLINE_S,
        autoping=False,
    )
    await socket.prepare(request)
    socket.headers.clear()  # they have been sent, and an idle page holds this object for days: 1.2 KB
    if request.transport is not None:
        tune(request.transport)
    return AiohttpSocket(socket, request.transport)
