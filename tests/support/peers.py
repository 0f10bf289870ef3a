"""Peers on real sockets: a server whose every connection is a Peer, and clients raw or with a Peer of their own."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import msgspec
from aiohttp import web

from ws.rpc import (
    BROWSER_LIMITS,
    AiohttpSocket,
    Answer,
    Detach,
    EventSink,
    Feed,
    Handler,
    IncomingCall,
    Limits,
    Peer,
    accept_socket,
)
from ws.tasks import TaskOwner

DEADLINE_S = 10.0


async def echo(call: IncomingCall) -> Answer:
    """A handler that answers the params."""
    return call.params


@dataclass
class PeerServer:
    """`peers` are those of the connections so far; `ended` counts the `run`s that have returned."""

    port: int
    peers: list[Peer] = field(default_factory=list)
    ended: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/"


@asynccontextmanager
async def serve_peers(
    handler: Handler, *, limits: Limits = BROWSER_LIMITS, port: int = 0, **options: Any
) -> AsyncIterator[PeerServer]:
    """Serve `/` with a Peer for each connection; `options` go to Peer."""
    server = PeerServer(0)

    async def connected(request: web.Request) -> web.StreamResponse:
        socket = await accept_socket(request, limits)
        peer = Peer(socket, handler, name="client", limits=limits, **options)
        server.peers.append(peer)
        await peer.run()
        server.ended.release()
        return web.Response()

    app = web.Application()
    app.router.add_get("/", connected)
    runner = web.AppRunner(app, shutdown_timeout=1.0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    server.port = runner.addresses[0][1]
    try:
        yield server
    finally:
        for peer in server.peers:
            await peer.close()
        await runner.cleanup()


@asynccontextmanager
async def dial_peer(
    url: str, handler: Handler = echo, *, limits: Limits = BROWSER_LIMITS, **options: Any
) -> AsyncIterator[Peer]:
    """A running Peer connected to `url`."""
    owner = TaskOwner("test client")
    async with aiohttp.ClientSession() as session:
        socket = await session.ws_connect(url, max_msg_size=limits.max_frame_bytes)
        peer = Peer(AiohttpSocket(socket, None), handler, name="server", limits=limits, **options)
        run = owner.start(peer.run(), name="peer")
        try:
            yield peer
        finally:
            await peer.close()
            await asyncio.wait({run}, timeout=DEADLINE_S)
            await owner.close()


class RawClient:
    """A client that speaks frames by hand."""

    def __init__(self, socket: "aiohttp.ClientWebSocketResponse[bool]") -> None:
        self.socket = socket

    async def send(self, frame: object) -> None:
        """Send a str as it is, anything else as JSON."""
        await self.socket.send_str(frame if isinstance(frame, str) else msgspec.json.encode(frame).decode())

    async def receive(self) -> Any:
        """The next frame, decoded; fails after the deadline or when the socket has ended."""
        async with asyncio.timeout(DEADLINE_S):
            message = await self.socket.receive()
        assert message.type is aiohttp.WSMsgType.TEXT, (
            f"got {message.type} {message.data!r}, code {self.socket.close_code}"
        )
        return msgspec.json.decode(message.data)

    async def call(self, call_id: int | str, method: str, params: object = None) -> Any:
        """Send one call and return the next frame."""
        await self.send({"jsonrpc": "2.0", "id": call_id, "method": method, "params": {} if params is None else params})
        return await self.receive()

    async def closed(self) -> int | None:
        """Read to the end; the close code."""
        async with asyncio.timeout(DEADLINE_S):
            while (await self.socket.receive()).type is aiohttp.WSMsgType.TEXT:
                pass
        return self.socket.close_code


class Source:
    """A feed held open by a test."""

    def __init__(self) -> None:
        self.sinks: list[EventSink] = []
        self.detached = 0

    def feed(self, result: bytes = b"{}") -> Feed:
        def attach(sink: EventSink) -> Detach:
            self.sinks.append(sink)
            return self._detach

        return Feed(result, attach)

    def _detach(self) -> None:
        self.detached += 1

    async def handler(self, call: IncomingCall) -> Answer:
        return self.feed() if call.method == "watch" else call.params

    async def attached(self) -> EventSink:
        await until(lambda: bool(self.sinks), "a feed is attached")
        return self.sinks[-1]


@asynccontextmanager
async def raw_client(url: str) -> AsyncIterator[RawClient]:
    async with aiohttp.ClientSession() as session, session.ws_connect(url, max_msg_size=0) as socket:
        yield RawClient(socket)


async def until(condition: Callable[[], bool], what: str) -> None:
    """Wait until `condition` holds; fails with `what` after the deadline."""
    try:
        async with asyncio.timeout(DEADLINE_S):
            while not condition():  # noqa: ASYNC110 (what is waited for has no event of its own)
                await asyncio.sleep(0.005)
    except TimeoutError:
        raise AssertionError(f"never happened: {what}") from None


async def within(work: Awaitable[Any]) -> Any:
    """The result of `work`, which must come before the deadline."""
    async with asyncio.timeout(DEADLINE_S):
        return await work
