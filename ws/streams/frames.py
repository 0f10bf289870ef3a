"""The WebSocket end of a raw stream: the server's role, no extensions, and a short way for keystrokes."""

import asyncio
from collections.abc import Callable

import structlog

from ws.streams.budget import Budget, Share
from ws.streams.messages import MessageQueue
from ws.streams.parsing import (
    FRAMES_PER_TURN,
    MAX_CONTROL_BYTES,
    Close,
    Event,
    FrameError,
    FrameParser,
    Opcode,
    Passed,
    Ping,
    unmask,
    write_head,
)
from ws.streams.raw import RawProtocol, RawSocket, can_half_close, end_writing
from ws.streams.turns import Turns

log = structlog.get_logger(__name__)

MAX_MESSAGE_BYTES = 1024 * 1024
"""A longer message closes with 1009. A paste is the longest thing that is typed."""

MAX_QUEUED_BYTES = 256 * 1024
"""Received and not taken by `recv`; then the connection is not read. One read may go beyond it."""

MAX_UNSENT_BYTES = 1024 * 1024
"""Written and not taken by the other end; then the connection is cut. Only a sender who never drains gets there, or a
client that does not read: one that pings, or acknowledges what it has not taken."""

PING_INTERVAL_S = 20.0
SILENCE_S = 60.0
"""A client that has sent nothing for this long, not even pongs, is gone. A page whose program stands still answers no
pings either; it comes back from its offset."""

CLOSE_LINGER_S = 5.0
"""After our close frame, for the other end to close as well."""

_WHOLE_BINARY, _MASKED = 0x82, 0x80
_SHORT_HEAD_BYTES = 6
"""Two bytes and the mask's four, of a frame of up to 125 bytes."""
_JOINED_BYTES = 1024
"""A head is copied together with so little; what is longer is written as it is."""
_NO_CODE = 1005
TRY_AGAIN_LATER = 1013
"""Of the registry that RFC 6455, section 11.7, sets up."""


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

    def __init__(
        self,
        raw: RawSocket,
        *,
        max_message_bytes: int = MAX_MESSAGE_BYTES,
        max_queued_bytes: int = MAX_QUEUED_BYTES,
        budget: Budget | None = None,
    ) -> None:
        self.raw = raw
        self._max_queued_bytes = max_queued_bytes
        self.take_at_once: Callable[[bytes], bool] | None = None
        """The way around the queue for a short binary message that comes alone while the reader waits in `recv`: no
        task is woken for a keystroke. False leaves it to `recv`."""
        self.take_urgent: Callable[[bytes], bool] | None = None
        """Offered a binary message of one byte that comes while others wait. True: it was taken, and the binary
        messages before it count for nothing."""
        self.on_give_up: Callable[[], None] | None = None
        """Called before the stream closes because others need the room that `budget` has: whoever listens lets go of
        the message that it has, and may say why."""
        self._parser = FrameParser(max_message_bytes)
        self._turns = Turns(self._parser, self._take, self._turned, self._failed)
        self._messages = MessageQueue()
        self._in_hand_bytes = 0  # of the message that whoever called `recv` last has
        self._share = None if budget is None else Share(budget, self._give_up)
        self._arrived = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._is_reader_waiting = False
        self._is_reading_paused = False
        self._taken = 0
        self._close_sent: Close | None = None
        self._close_received: Close | None = None
        self._has_ended_writing = False
        self._loop = asyncio.get_running_loop()
        self._last_received = self._loop.time()
        self._linger: asyncio.TimerHandle | None = None
        self._ping = self._loop.call_later(PING_INTERVAL_S, self._tick)
        raw.hand_to(_Receiver(raw, self))

    async def recv(self) -> bytes | str:
        """The next message, in order. Raises StreamClosedError when there is none any more."""
        self._taken += 1
        if self._taken % FRAMES_PER_TURN == 0:
            await asyncio.sleep(0)  # whatever waits here, the others have their turn
        self._in_hand_bytes = 0
        while not self._messages:
            self._count()
            if self._is_over and not self._turns.is_pending:
                raise self._closed_error()
            self._arrived.clear()
            self._is_reader_waiting = True
            try:
                await self._arrived.wait()
            finally:
                self._is_reader_waiting = False
        message = self._messages.take()
        self._in_hand_bytes = len(message)
        self._taken_some()
        return message

    def look_for_urgent(self) -> bool:
        """For a reader that cannot go on with the message it has: whether a key has come that `take_urgent` takes now.

        It came before there was anything for it to overtake. Then the binary messages before it, and the one in hand,
        count for nothing.
        """
        if self.take_urgent is None or not self._messages.drop_to_key(self.take_urgent):
            return False
        self._in_hand_bytes = 0
        self._taken_some()
        return True

    def _taken_some(self) -> None:
        self._count()
        if self._is_reading_paused and self._messages.waiting_bytes <= self._max_queued_bytes // 2:
            self._resume_reading()

    def send_bytes(self, data: bytes) -> None:
        """Write a binary message. Raises StreamClosedError."""
        if not self._write(Opcode.BINARY, data):
            raise self._closed_error()

    def send_text(self, text: str | bytes) -> None:
        """Write a text message; bytes are UTF-8. Raises StreamClosedError."""
        if not self._write(Opcode.TEXT, text.encode() if isinstance(text, str) else text):
            raise self._closed_error()

    async def drain(self) -> None:
        """Wait until the other end has taken enough. Raises StreamClosedError when it never will."""
        await self._writable.wait()
        if self._is_over:
            raise self._closed_error()

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close with a handshake of at most 5 s, then cut. Returns when the connection has ended."""
        if not self._is_over:
            self._send_close(Close(code, reason))
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
        return self._close_sent is not None or self.raw.transport.is_closing()

    def _closed_error(self) -> StreamClosedError:
        close = self._close_received or self._close_sent
        return StreamClosedError(1006, "") if close is None else StreamClosedError(close.code, close.reason)

    def received(self, data: bytes) -> None:
        """For the receiver: bytes came."""
        self._last_received = self._loop.time()
        if self._is_reader_waiting and self._took_at_once(data):
            return
        self._turns.feed(data)

    def _turned(self, has_more: bool) -> None:
        if self._is_over:
            self._begin_linger()
        if has_more or (self._messages.waiting_bytes > self._max_queued_bytes and not self._is_over):
            self._pause_reading()
        elif self._is_over or self._messages.waiting_bytes <= self._max_queued_bytes // 2:
            self._resume_reading()
        self._count()
        self._arrived.set()

    def _failed(self, error: Exception) -> None:
        if isinstance(error, FrameError):
            self._end_listening(Close(error.code, error.reason))
        else:
            self.raw.abort()

    def _count(self) -> None:
        if self._share is not None:
            self._share.hold(self._parser.held_bytes + self._messages.waiting_bytes + self._in_hand_bytes)

    def _give_up(self) -> None:
        """Others need the room."""
        self._messages.clear()
        self._in_hand_bytes = 0
        if self.on_give_up is not None:
            self.on_give_up()
        self._end_listening(Close(TRY_AGAIN_LATER, "too much was sent that is not read"))
        self._resume_reading()
        self._begin_linger()
        self._arrived.set()

    def _took_at_once(self, data: bytes) -> bool:
        """Whether `data` is one short whole binary message and was taken by `take_at_once`."""
        length = len(data) - _SHORT_HEAD_BYTES
        if not (
            self.take_at_once is not None
            and 0 < length <= MAX_CONTROL_BYTES
            and data[0] == _WHOLE_BINARY
            and data[1] == _MASKED | length
            and self._parser.is_between_messages
            and not self._messages
            and not self._is_over
        ):
            return False
        message = unmask(data[_SHORT_HEAD_BYTES:], data[2:_SHORT_HEAD_BYTES])
        if not self.take_at_once(message):
            self._messages.add(message)
            self._arrived.set()
        return True

    def _take(self, event: Event) -> None:
        match event:
            case Passed():
                pass
            case Ping():
                self._write(Opcode.PONG, event.data)
            case Close():
                self._close_received = event
                self._end_listening(event)
            case _:
                if self._close_sent is None and not self._took_urgently(event):
                    self._messages.add(event)

    def _took_urgently(self, message: bytes | str) -> bool:
        if self.take_urgent is None or self._is_reader_waiting or isinstance(message, str) or len(message) != 1:
            return False
        if not self.take_urgent(message):
            return False
        self._messages.drop_binary()
        return True

    def _end_listening(self, last_word: Close) -> None:
        self._turns.stop()
        self._count()
        self._send_close(last_word)
        self._end_writing()

    def paused(self, is_paused: bool) -> None:
        """For the receiver: the other end does not take what is written, or takes it again."""
        if is_paused:
            self._writable.clear()
        else:
            self._writable.set()

    def ended(self) -> None:
        """For the receiver: no bytes come any more. What has come is still looked at and may be taken."""
        self._end_writing()
        self._ping.cancel()
        if not self.raw.is_ended:
            self._begin_linger()  # what was written may never be taken
        else:
            self._let_go()
        self._arrived.set()
        self._writable.set()

    def _let_go(self) -> None:
        if self._share is not None:
            self._share.hold(0)
            self._share = None
        if self._linger is not None:
            self._linger.cancel()

    def _write(self, opcode: Opcode, data: bytes) -> bool:
        """False: the connection is over, and nothing was written."""
        transport = self.raw.transport
        if self._close_sent is not None or transport.is_closing():
            return False
        head = write_head(opcode, len(data))
        if len(data) <= _JOINED_BYTES:
            transport.write(head + data)
        else:
            transport.writelines((head, data))
        if transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
            log.warning("stream_unread", peer=self.raw.peer)
            self.raw.abort()
        return True

    def _send_close(self, close: Close) -> None:
        """The first close frame counts. A client's own is answered with what it says."""
        if self._close_sent is not None:
            return
        # 1005 stands for a close frame without content; the rest of 125 bytes is for the reason.
        code = b"" if close.code == _NO_CODE else close.code.to_bytes(2, "big")
        reason = close.reason.encode()[: MAX_CONTROL_BYTES - 2].decode(errors="ignore")
        self._write(Opcode.CLOSE, code + reason.encode())
        self._close_sent = close

    def _end_writing(self) -> None:
        transport = self.raw.transport
        if transport.is_closing() or self._has_ended_writing:
            return
        self._has_ended_writing = True
        if can_half_close(transport):
            end_writing(transport)
        else:
            transport.close()

    def _pause_reading(self) -> None:
        if not self._is_reading_paused and not self.raw.transport.is_closing():
            self._is_reading_paused = True
            self.raw.transport.pause_reading()

    def _resume_reading(self) -> None:
        if self._is_reading_paused and not self._turns.is_pending:
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
            self._write(Opcode.PING, b"")
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
