"""A proxy that reads WebSocket frames and writes them anew, as firewalls and some load balancers do."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
from aiohttp import WSMsgType, web

from tests.support.processes import free_port

_OWN = frozenset({"host", "connection", "upgrade", "transfer-encoding", "content-length"})
_LONGEST = 16 * 1024 * 1024


@dataclass
class Reframing:
    """`faults` counts the connections on which came what is no frame, `streams` those at `/ws/stream`."""

    target: str
    port: int = 0
    faults: int = 0
    streams: int = 0
    http: aiohttp.ClientSession = field(default_factory=lambda: aiohttp.ClientSession(auto_decompress=False))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def pass_on(self, request: web.Request) -> web.StreamResponse:
        headers = {
            name: value
            for name, value in request.headers.items()
            if name.lower() not in _OWN and not name.lower().startswith("sec-websocket")
        }
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._sockets(request, headers)
        body = await request.read()
        url = self.target + request.raw_path
        async with self.http.request(request.method, url, headers=headers, data=body or None) as answer:
            kept = {name: value for name, value in answer.headers.items() if name.lower() not in _OWN}
            return web.Response(status=answer.status, headers=kept, body=await answer.read())

    async def _sockets(self, request: web.Request, headers: dict[str, str]) -> web.StreamResponse:
        try:
            behind = await self.http.ws_connect(
                self.target + request.raw_path, headers=headers, max_msg_size=_LONGEST, autoping=False, compress=0
            )
        except aiohttp.WSServerHandshakeError as error:
            nonce = error.headers.get("Switchyard-Nonce", "") if error.headers is not None else ""
            return web.Response(status=error.status, headers={"Switchyard-Nonce": nonce})
        before = web.WebSocketResponse(max_msg_size=_LONGEST, autoping=False, compress=False)
        await before.prepare(request)
        self.streams += request.path.endswith("/ws/stream")
        async with asyncio.TaskGroup() as group:
            _ = group.create_task(self._pump(before, behind), name="up")
            _ = group.create_task(self._pump(behind, before), name="down")
        return before

    async def _pump(
        self,
        source: "web.WebSocketResponse | aiohttp.ClientWebSocketResponse",
        target: "web.WebSocketResponse | aiohttp.ClientWebSocketResponse",
    ) -> None:
        """Pass messages on until `source` ends."""
        async for message in source:
            if message.type is WSMsgType.ERROR:
                self.faults += isinstance(message.data, aiohttp.WebSocketError)
                break
            if target.closed:
                break
            match message.type:
                case WSMsgType.TEXT:
                    await target.send_str(message.data)
                case WSMsgType.BINARY:
                    await target.send_bytes(message.data)
                case WSMsgType.PING:
                    await target.ping(message.data)
                case WSMsgType.PONG:
                    await target.pong(message.data)
                case _:
                    break
        await target.close(code=source.close_code or 1000)


@asynccontextmanager
async def reframing(target: str) -> AsyncIterator[Reframing]:
    """Runs in this process, in front of `target` (``http://…``)."""
    proxy = Reframing(target)
    app = web.Application(client_max_size=_LONGEST)
    app.router.add_route("*", "/{path:.*}", proxy.pass_on)
    runner = web.AppRunner(app, shutdown_timeout=1.0)
    await runner.setup()
    proxy.port = free_port()
    await web.TCPSite(runner, "127.0.0.1", proxy.port).start()
    try:
        yield proxy
    finally:
        await runner.cleanup()
        await proxy.http.close()
