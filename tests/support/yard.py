"""Main's side of streams in small: pages at `/page`, nodes that dial back at `/stream`, one splice for each pair."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from ws.protocol.base import StreamId
from ws.streams import (
    PendingStream,
    RawResponse,
    RawSocket,
    ServerFrames,
    Splice,
    SpliceEnd,
    StreamClosedError,
    StreamKeys,
    accept_raw,
    dial_raw,
)
from ws.tasks import TaskOwner

Serve = Callable[[RawSocket], Awaitable[None]]


async def echo_frames(raw: RawSocket) -> None:
    """A node's end that sends every message back."""
    frames = ServerFrames(raw)
    try:
        while True:
            message = await frames.recv()
            if isinstance(message, str):
                frames.send_text(message)
            else:
                frames.send_bytes(message)
            await frames.drain()
    except StreamClosedError:
        await frames.close()


@dataclass
class Yard:
    """`splices` are those made so far, `ends` those that ended; `raws` are what the node's end got."""

    serve: Serve
    tls: tuple[ssl.SSLContext, ssl.SSLContext] | None
    protocol: str | None
    port: int = 0
    splices: list[Splice] = field(default_factory=list)
    ends: "asyncio.Queue[SpliceEnd]" = field(default_factory=asyncio.Queue)
    raws: list[RawSocket] = field(default_factory=list)
    keys: StreamKeys = field(default_factory=StreamKeys)
    owner: TaskOwner = field(default_factory=lambda: TaskOwner("yard"))

    def url(self, path: str = "/page") -> str:
        return f"{'ws' if self.tls is None else 'wss'}://127.0.0.1:{self.port}{path}"

    async def dial_back(self, pending: PendingStream) -> None:
        """What a node does when it is asked for a stream."""
        headers = {"Authorization": f"Bearer {pending.key}"}
        raw = await dial_raw(self.url("/stream"), headers, None if self.tls is None else self.tls[1])
        self.raws.append(raw)
        await self.serve(raw)

    async def page(self, request: web.Request) -> web.StreamResponse:
        """A page has come: have a node dial back, then join the two."""
        pending = self.keys.offer(StreamId("s1"))
        _ = self.owner.start(self.dial_back(pending), name="node")
        node = await pending.wait()
        try:
            raw = await accept_raw(request, self.protocol)
        except web.HTTPException:
            node.abort()
            raise
        joined = Splice(raw, node, name="test")
        self.splices.append(joined)
        self.ends.put_nowait(await joined.wait())
        return RawResponse()

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """A node has dialled back."""
        pending = self.keys.accept(request.headers.get("Authorization", "").removeprefix("Bearer "))
        if pending is None:
            raise web.HTTPUnauthorized
        raw = await accept_raw(request)
        pending.deliver(raw)
        await raw.wait_ended()
        return RawResponse()

    async def stop(self, _: web.Application) -> None:
        for joined in self.splices:
            joined.abort()


@asynccontextmanager
async def yard(
    serve: Serve = echo_frames, *, tls: tuple[ssl.SSLContext, ssl.SSLContext] | None = None, protocol: str | None = None
) -> AsyncIterator[Yard]:
    """A Main and, for each page, a node that dials back and serves the stream with `serve`."""
    this = Yard(serve, tls, protocol)
    app = web.Application()
    app.on_shutdown.append(this.stop)
    app.router.add_get("/page", this.page)
    app.router.add_get("/stream", this.stream)
    runner = web.AppRunner(app, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=None if tls is None else tls[0]).start()
    this.port = runner.addresses[0][1]
    try:
        yield this
    finally:
        await runner.cleanup()
        await this.owner.close()
        for raw in this.raws:
            raw.abort()
            await raw.wait_ended()
