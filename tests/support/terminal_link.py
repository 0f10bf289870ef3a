"""What stands around the node's terminals in tests: a splice like Main's, and a page that talks through it."""

import asyncio
import contextlib
import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
from aiohttp import web

from tests.support.waiting import eventually
from ws.protocol.base import LoginId, StreamId, UserId
from ws.protocol.envelope import Caller
from ws.protocol.link import StreamParams
from ws.protocol.terminals import ACK_EVERY_BYTES
from ws.streams import RawResponse, RawSocket, StreamKeys, accept_raw, dial_raw, splice

CALLER = Caller(user=UserId("u"), login=LoginId("l"), role="owner")
Ask = Callable[[StreamParams], Awaitable[Any]]


class SplicingMain:
    """`/ws/terminal` and `/ws/stream` on loopback, without accounts. `ask` takes `link.stream` to the node."""

    ask: Ask

    def __init__(self) -> None:
        self.streams: list[StreamId] = []
        self._keys = StreamKeys()
        application = web.Application()
        application.router.add_get("/ws/terminal", self._page)
        application.router.add_get("/ws/stream", self._node)
        self._runner = web.AppRunner(application, shutdown_timeout=1)
        self._port = 0

    @classmethod
    @contextlib.asynccontextmanager
    async def serving(cls) -> AsyncIterator["SplicingMain"]:
        """Started, and stopped at the end."""
        main = cls()
        try:
            await main.start()
            yield main
        finally:
            await main.stop()

    async def start(self) -> None:
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        await self._runner.cleanup()

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self._port}"

    async def dial(self, key: str) -> RawSocket:
        """What a node's StreamServer is given."""
        return await dial_raw(f"{self.url}/ws/stream", {"Authorization": f"Bearer {key}"})

    async def _page(self, request: web.Request) -> web.StreamResponse:
        after = request.query.get("after")
        page = await accept_raw(request)
        pending = self._keys.offer(StreamId(secrets.token_hex(8)))
        params = StreamParams(
            stream=pending.stream,
            key=pending.key,
            kind="terminal",
            caller=CALLER,
            terminal=request.query["terminal"],
            may_type=request.query.get("may_type", "1") == "1",
            after=None if after is None else int(after),
        )
        self.streams.append(pending.stream)
        try:
            await self.ask(params)
            node = await pending.wait()
        except Exception:
            pending.withdraw()
            page.abort()
            raise
        await splice(page, node, name="terminal")
        return RawResponse()

    async def _node(self, request: web.Request) -> web.StreamResponse:
        pending = self._keys.accept(request.headers["Authorization"].removeprefix("Bearer "))
        if pending is None:
            raise web.HTTPUnauthorized
        raw = await accept_raw(request)
        pending.deliver(raw)
        await raw.wait_ended()
        return RawResponse()


class TerminalPage:
    """One reader as a browser has it. `output` begins at byte `offset`; acknowledges while `is_consuming`."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, *, is_consuming: bool = True) -> None:
        self.socket = socket
        self.output = bytearray()
        self.frames: list[dict[str, Any]] = []
        self.sizes: list[tuple[int, int, int]] = []
        """Before which byte of `output` the page was told how many columns and rows."""
        self.offset = 0
        self.position = 0
        self.is_consuming = is_consuming
        self._acknowledged = 0
        self._reader = asyncio.get_running_loop().create_task(self._read(), name="terminal page")

    async def _read(self) -> None:
        async for message in self.socket:
            if message.type is aiohttp.WSMsgType.BINARY:
                self.output += message.data
                self.position += len(message.data)
                if self.is_consuming and self.position - self._acknowledged >= ACK_EVERY_BYTES:
                    await self.acknowledge()
                continue
            frame = json.loads(message.data)
            self.frames.append(frame)
            if frame["type"] in {"attached", "resized"}:
                self.sizes.append((len(self.output), frame["cols"], frame["rows"]))
            if frame["type"] == "attached":
                self.offset = self.position = self._acknowledged = frame["offset"]
            elif frame["type"] == "skipped":
                assert frame["from"] == self.position
                self.position = frame["to"]

    async def acknowledge(self) -> None:
        self._acknowledged = self.position
        await self.send(type="ack", offset=self.position)

    async def send(self, **frame: Any) -> None:
        await self.socket.send_str(json.dumps(frame))

    async def type(self, data: bytes) -> None:
        await self.socket.send_bytes(data)

    async def shows(self, text: bytes, deadline_s: float = 15) -> None:
        await eventually(
            lambda: text in self.output, what=f"{text!r}, got {self.output[-300:]!r}", deadline_s=deadline_s
        )

    async def frame(self, kind: str, deadline_s: float = 15) -> dict[str, Any]:
        """The first frame of a kind that has not been asked for yet."""

        def take() -> dict[str, Any] | None:
            found = next((each for each in self.frames if each["type"] == kind), None)
            if found is not None:
                self.frames.remove(found)
            return found

        return await eventually(take, what=f"a frame {kind!r}", deadline_s=deadline_s)

    async def ended(self) -> int | None:
        """The close code, once the socket has closed."""
        await asyncio.wait_for(self._reader, 10)
        return self.socket.close_code

    async def close(self) -> None:
        await self.socket.close()
        self._reader.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._reader


@contextlib.asynccontextmanager
async def page(
    main: SplicingMain, terminal: str, *, is_consuming: bool = True, **query: Any
) -> AsyncIterator[TerminalPage]:
    """A page that is attached."""
    async with aiohttp.ClientSession() as http:
        socket = await http.ws_connect(
            f"{main.url}/ws/terminal",
            params={"terminal": terminal, **{name: str(value) for name, value in query.items()}},
            timeout=aiohttp.ClientWSTimeout(ws_close=0.5),
        )
        reader = TerminalPage(socket, is_consuming=is_consuming)
        try:
            await eventually(lambda: reader.frames, what="the first frame")
            yield reader
        finally:
            await reader.close()
