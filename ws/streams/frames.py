"""The WebSocket end of a raw stream: frames by `websockets` (no I/O of its own), the server's role, no extensions."""

import asyncio

import structlog
from websockets.frames import CloseCode, Frame
from websockets.protocol import Protocol, Side, State

from ws.streams.messages import MessageQueue
from ws.streams.raw import RawProtocol, RawSocket, can_half_close

log = structlog.get_logger(__name__)

MAX_MESSAGE_BYTES = 1024 * 1024
"""A longer message closes with 1009. A paste is the longest thing that is typed."""

MAX_QUEUED_BYTES = 256 * 1024
"""Received and not taken by `recv`; then the connection is not read. One read may go beyond it."""

MAX_UNSENT_BYTES = 4 * 1024 * 1024
"""Written and not taken by the other end; then the connection is cut. Only a sender who never drains gets there, or a
client that pings and does not read."""

PING_INTERVAL_S = 20.0
SILENCE_S = 60.0
"""A client that has sent nothing for this long, not even pongs, is gone. A page whose program stands still answers no
pings either; it comes back from its offset."""

CLOSE_LINGER_S = 5.0
"""After our close frame, for the other end to close as well."""


class StreamClosedError(ConnectionError):
    """The stream has ended. `code` is the close code that was received, else the one that was sent, else 1006."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"the stream was closed with {code} {reason}".rstrip())
        self.code = code
        self.reason = reason


class ServerFrames:
    """Messages over a raw stream whose handshake is done. One reader; senders call `drain` after what they send.

    What the client does wrong (no mask, RSV bits, bad fragments, bad UTF-8, too long) closes the stream with the code
    of RFC 6455; the reader then gets StreamClosedError after the messages before it.
    """

    def __init__(self, raw: RawSocket, *, max_message_bytes: int = MAX_MESSAGE_BYTES) -> None:
        self.raw = raw
        self._protocol = Protocol(Side.SERVER, state=State.OPEN, max_size=max_message_bytes)
        self._messages = MessageQueue()
        self._arrived = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._is_reading_paused = False
        self._loop = asyncio.get_running_loop()
        self._last_received = self._loop.time()
        self._linger: asyncio.TimerHandle | None = None
        self._ping = self._loop.call_later(PING_INTERVAL_S, self._tick)
        raw.hand_to(_Receiver(raw, self))

    async def recv(self) -> bytes | str:
        """The next message, in order. Raises StreamClosedError when there is none any more."""
        while not self._messages:
            if self._is_over:
                raise self._closed_error()
            self._arrived.clear()
            await self._arrived.wait()
        message = self._messages.take()
        if self._is_reading_paused and self._messages.waiting_bytes <= MAX_QUEUED_BYTES // 2:
            self._resume_reading()
        return message

    def send_bytes(self, data: bytes) -> None:
        """Write a binary message. Raises StreamClosedError."""
        self._check_open()
        self._protocol.send_binary(data)
        self._flush()

    def send_text(self, text: str | bytes) -> None:
        """Write a text message; bytes are UTF-8. Raises StreamClosedError."""
        self._check_open()
        self._protocol.send_text(text.encode() if isinstance(text, str) else text)
        self._flush()

    async def drain(self) -> None:
        """Wait until the other end has taken enough. Raises StreamClosedError when it never will."""
        await self._writable.wait()
        self._check_open()

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close with a handshake of at most 5 s, then cut. Returns when the connection has ended."""
        if not self._is_over:
            self._protocol.send_close(code, reason)
            self._flush()
        self._messages.clear()
        self._resume_reading()  # the close frame of the other end comes behind what was not taken
        self._begin_linger()
        await self.raw.wait_ended()

    def abort(self) -> None:
        """Cut the connection now."""
        self.raw.abort()

    @property
    def _is_over(self) -> bool:
        # Closing counts: a sender that never has to wait would otherwise not hear of the end.
        return self._protocol.state is not State.OPEN or self.raw.transport.is_closing()

    def _closed_error(self) -> StreamClosedError:
        close = self._protocol.close_rcvd or self._protocol.close_sent
        return StreamClosedError(1006, "") if close is None else StreamClosedError(close.code, close.reason)

    def _check_open(self) -> None:
        if self._is_over:
            raise self._closed_error()

    def received(self, data: bytes) -> None:
        """For the receiver: bytes came."""
        self._last_received = self._loop.time()
        if self.raw.is_ended:
            return
        self._protocol.receive_data(data)
        try:
            for event in self._protocol.events_received():
                if isinstance(event, Frame):
                    self._messages.feed(event)
        except UnicodeDecodeError:
            self._protocol.fail(CloseCode.INVALID_DATA, "a text message is not UTF-8")
        self._flush()
        if self._is_over:
            self._begin_linger()
        elif self._messages.waiting_bytes > MAX_QUEUED_BYTES and not self._is_reading_paused:
            self._is_reading_paused = True
            self.raw.transport.pause_reading()
        self._arrived.set()

    def paused(self, is_paused: bool) -> None:
        """For the receiver: the other end does not take what is written, or takes it again."""
        if is_paused:
            self._writable.clear()
        else:
            self._writable.set()

    def ended(self) -> None:
        """For the receiver: no bytes come any more."""
        self._protocol.receive_eof()
        self._flush()
        self._ping.cancel()
        if self._linger is not None:
            self._linger.cancel()
        self._arrived.set()
        self._writable.set()

    def _flush(self) -> None:
        transport = self.raw.transport
        for data in self._protocol.data_to_send():
            if transport.is_closing():
                return
            if data:
                transport.write(data)
            elif can_half_close(transport):
                transport.write_eof()
            else:
                transport.close()
        if transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
            log.warning("stream_unread", peer=self.raw.peer)
            self.raw.abort()

    def _resume_reading(self) -> None:
        if self._is_reading_paused:
            self._is_reading_paused = False
            if not self.raw.transport.is_closing():
                self.raw.transport.resume_reading()

    def _begin_linger(self) -> None:
        if self._linger is None and not self.raw.is_ended:
            self._linger = self._loop.call_later(CLOSE_LINGER_S, self.raw.abort)

    def _tick(self) -> None:
        now = self._loop.time()
        if self._is_reading_paused:
            self._last_received = now  # it is we who do not listen
        if now - self._last_received > SILENCE_S:
            log.info("stream_silent", peer=self.raw.peer, silence_s=SILENCE_S)
            self.raw.abort()
            return
        if not self._is_over:
            self._protocol.send_ping(b"")
            self._flush()
        self._ping = self._loop.call_later(PING_INTERVAL_S, self._tick)


class _Receiver(RawProtocol):
    """What the transport talks to."""

    def __init__(self, raw: RawSocket, frames: ServerFrames) -> None:
        super().__init__(raw)
        self._frames = frames

    def data_received(self, data: bytes) -> None:
        self._frames.received(data)

    def pause_writing(self) -> None:
        self._frames.paused(True)

    def resume_writing(self) -> None:
        self._frames.paused(False)

    def eof_received(self) -> bool:
        self._frames.ended()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._frames.ended()
