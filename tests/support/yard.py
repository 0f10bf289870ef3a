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

    port: int
    is_secure: bool
    splices: list[Splice] = field(default_factory=list)
    ends: "asyncio.Queue[SpliceEnd]" = field(default_factory=asyncio.Queue)
    raws: list[RawSocket] = field(default_factory=list)

    def url(self, path: str = "/page") -> str:
        return f"{'wss' if self.is_secure else 'ws'}://127.0.0.1:{self.port}{path}"


@asynccontextmanager
async def yard(
    serve: Serve = echo_frames, *, tls: tuple[ssl.SSLContext, ssl.SSLContext] | None = None, protocol: str | None = None
) -> AsyncIterator[Yard]:
    """A Main and, for each page, a node that dials back and serves the stream with `serve`."""
    keys = StreamKeys()
    owner = TaskOwner("yard")
    this = Yard(0, tls is not None)

    async def dial_back(pending: PendingStream) -> None:
        headers = {"Authorization": f"Bearer {pending.key}"}
        raw = await dial_raw(this.url("/stream"), headers, None if tls is None else tls[1])
        this.raws.append(raw)
        await serve(raw)

    async def page(request: web.Request) -> web.StreamResponse:
        pending = keys.offer(StreamId("s1"))
        _ = owner.start(dial_back(pending), name="node")
        node = await pending.wait()
        joined = Splice(await accept_raw(request, protocol), node, name="test")
        this.splices.append(joined)
        this.ends.put_nowait(await joined.wait())
        return RawResponse()

    async def stream(request: web.Request) -> web.StreamResponse:
        pending = keys.accept(request.headers.get("Authorization", "").removeprefix("Bearer "))
        if pending is None:
            raise web.HTTPUnauthorized
        raw = await accept_raw(request)
        pending.deliver(raw)
        await raw.wait_ended()
        return RawResponse()

    async def stop(_: web.Application) -> None:
        for joined in this.splices:
            joined.abort()

    app = web.Application()
    app.on_shutdown.append(stop)
    app.router.add_get("/page", page)
    app.router.add_get("/stream", stream)
    runner = web.AppRunner(app, shutdown_timeout=1.0, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=None if tls is None else tls[0]).start()
    this.port = runner.addresses[0][1]
    try:
        yield this
    finally:
        await runner.cleanup()
        await owner.close()
        for raw in this.raws:
            raw.abort()
            await raw.wait_ended()
