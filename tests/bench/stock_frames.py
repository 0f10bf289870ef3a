"""WebSocket framing by libraries, in place of `ws.streams.frames` at a node. For `choices` alone.

Both have less than they would have in a program of their own: no task that sends, no time limits. So what they cost
here is the least that they cost.
"""

import asyncio
from abc import abstractmethod
from collections.abc import Callable
from contextlib import suppress

from aiohttp import EofStream, WSMsgType
from aiohttp._websocket.reader import WebSocketDataQueue
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_websocket import WebSocketReader, WebSocketWriter
from websockets.frames import Frame, Opcode
from websockets.protocol import Protocol, Side

from ws.streams import Budget, RawProtocol, RawSocket, StreamClosedError


class StockFrames(RawProtocol):
    """As much of `ServerFrames` as a terminal's stream uses.

    What the stream sets is never called, as libraries have no such ways; `budget` and `max_queued_bytes` count nothing.
    """

    def __init__(self, raw: RawSocket, *, max_message_bytes: int, max_queued_bytes: int, budget: Budget) -> None:
        super().__init__(raw)
        self.take_at_once: Callable[[bytes], bool] | None = None
        self.take_urgent: Callable[[bytes], bool] | None = None
        self.on_give_up: Callable[[], None] | None = None
        self.begin(max_message_bytes)
        raw.hand_to(self)

    @abstractmethod
    def begin(self, max_message_bytes: int) -> None:
        """Called once, before bytes come."""

    @abstractmethod
    async def recv(self) -> bytes | str: ...

    @abstractmethod
    def send_bytes(self, data: bytes) -> None: ...

    @abstractmethod
    def send_text(self, text: str) -> None: ...

    def look_for_urgent(self) -> bool:
        """Nothing overtakes."""
        return False

    async def close(self, code: int = 1000) -> None:
        """End it without a farewell, whatever `code` says: nobody measures that."""
        self.raw.transport.close()
        await self.raw.wait_ended()

    def abort(self) -> None:
        self.raw.abort()


class WebsocketsFrames(StockFrames):
    """The library websockets: its protocol without I/O, and a queue."""

    def begin(self, max_message_bytes: int) -> None:
        self._protocol = Protocol(Side.SERVER, max_size=max_message_bytes)
        self._messages: asyncio.Queue[bytes | str | None] = asyncio.Queue()

    async def recv(self) -> bytes | str:
        message = await self._messages.get()
        if message is None:
            raise StreamClosedError(1006, "")
        return message

    def send_bytes(self, data: bytes) -> None:
        self._protocol.send_binary(data)
        self._send()

    def send_text(self, text: str) -> None:
        self._protocol.send_text(text.encode())
        self._send()

    def data_received(self, data: bytes) -> None:
        self._protocol.receive_data(data)
        self._send()
        for event in self._protocol.events_received():
            assert isinstance(event, Frame)
            if event.opcode is Opcode.BINARY:
                self._messages.put_nowait(bytes(event.data))
            elif event.opcode is Opcode.TEXT:
                self._messages.put_nowait(bytes(event.data).decode())

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._messages.put_nowait(None)

    def _send(self) -> None:
        for data in self._protocol.data_to_send():
            self.raw.transport.write(data)


class AiohttpFrames(StockFrames):
    """The reader and the writer of aiohttp, which are compiled."""

    def begin(self, max_message_bytes: int) -> None:
        loop = asyncio.get_running_loop()
        base = BaseProtocol(loop)
        base.connection_made(self.raw.transport)
        self._queue = WebSocketDataQueue(base, 2**16, loop=loop)
        self._reader = WebSocketReader(self._queue, max_message_bytes, compress=False, decode_text=True)
        self._writer = WebSocketWriter(base, self.raw.transport)

    async def recv(self) -> bytes | str:
        while True:
            try:
                message = await self._queue.read()
            except EofStream as error:
                raise StreamClosedError(1006, "") from error
            if message.type is WSMsgType.BINARY:
                return bytes(message.data)
            if message.type is WSMsgType.TEXT:
                return str(message.data)
            if message.type is WSMsgType.PING:
                self._write(message.data, WSMsgType.PONG)

    def send_bytes(self, data: bytes) -> None:
        self._write(data, WSMsgType.BINARY)

    def send_text(self, text: str) -> None:
        self._write(text.encode(), WSMsgType.TEXT)

    def data_received(self, data: bytes) -> None:
        self._reader.feed_data(data)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._queue.feed_eof()

    def _write(self, data: bytes, opcode: WSMsgType) -> None:
        sending = self._writer.send_frame(data, opcode)
        with suppress(StopIteration):
            sending.send(None)  # writes at once; what it may wait for is the reader's credit here
        sending.close()
