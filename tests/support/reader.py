"""A reader of a terminal as an outside program writes it: bytes in order with their offset, frames beside them."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp

from tests.support.client import Client

DEADLINE_S = 15.0


class TerminalReader:
    """`begin` is the offset of the first byte of `output`; every frame but `attached` is in `frames` in order."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, *, acknowledges: bool) -> None:
        self.socket = socket
        self.attached: dict[str, Any] = {}
        self.begin = 0
        self.output = b""
        self.frames: list[dict[str, Any]] = []
        self._acknowledges = acknowledges

    @property
    def end(self) -> int:
        """The offset behind the last byte that has come."""
        return self.begin + len(self.output)

    async def take(self) -> aiohttp.WSMsgType:
        """The next frame, whatever it is."""
        message = await self.socket.receive()
        if message.type is aiohttp.WSMsgType.BINARY:
            self.output += message.data
            if self._acknowledges:
                await self.acknowledge()
        elif message.type is aiohttp.WSMsgType.TEXT:
            frame = json.loads(message.data)
            if not self.attached:
                assert frame["type"] == "attached", frame
                self.attached = frame
                self.begin = frame["offset"]
            else:
                self.frames.append(frame)
        return message.type

    async def until_text(self, wanted: bytes, times: int = 1) -> bytes:
        """All output, once `wanted` has come so often."""
        async with asyncio.timeout(DEADLINE_S):
            while self.output.count(wanted) < times:
                kind = await self.take()
                assert kind in {aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.TEXT}, (kind, self.socket.close_code)
        return self.output

    async def until_bytes(self, count: int) -> None:
        """Until `count` bytes have come."""
        async with asyncio.timeout(DEADLINE_S):
            while len(self.output) < count:
                kind = await self.take()
                assert kind in {aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.TEXT}, (kind, self.socket.close_code)

    async def until_frame(self, kind: str) -> dict[str, Any]:
        """The first frame of that type."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                for frame in self.frames:
                    if frame["type"] == kind:
                        return frame
                taken = await self.take()
                assert taken in {aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.TEXT}, (taken, self.socket.close_code)

    async def until_closed(self) -> int | None:
        """The close code."""
        async with asyncio.timeout(DEADLINE_S):
            while await self.take() in {aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.TEXT}:
                pass
        return self.socket.close_code

    async def type(self, text: str) -> None:
        await self.socket.send_bytes(text.encode())

    async def send(self, **frame: Any) -> None:
        await self.socket.send_json(frame)

    async def acknowledge(self, offset: int | None = None) -> None:
        await self.send(type="ack", offset=self.end if offset is None else offset)


@contextlib.asynccontextmanager
async def reading(
    client: Client, node: str, terminal: str, after: int | None = None, *, acknowledges: bool = True
) -> AsyncIterator[TerminalReader]:
    """A reader that has got its first frame."""
    query = f"node={node}&terminal={terminal}" + ("" if after is None else f"&after={after}")
    async with client.http.ws_connect(
        f"{client.url}/ws/terminal?{query}", headers=client.headers, max_msg_size=0
    ) as socket:
        reader = TerminalReader(socket, acknowledges=acknowledges)
        async with asyncio.timeout(DEADLINE_S):
            await reader.take()
        yield reader
