"""A stream in binary frames, for what reads them in between: a transport above the connection's own."""

import asyncio
import os
from collections.abc import Iterable
from typing import Any

import structlog

from ws.streams.parsing import Close, Event, FrameParser, Opcode, Passed, Ping, unmask, write_head
from ws.streams.raw import RawProtocol, RawSocket
from ws.streams.turns import Turns

log = structlog.get_logger(__name__)

CHUNK_BYTES = 64 * 1024
"""Of one message, at both ends: what is in between may join or split the frames of a message, but never messages (RFC
6455, section 5.4). So what waits here for its rest is no more than a transport holds that is not framed."""
MAX_UNSENT_BYTES = 1024 * 1024
"""As for pages: only an end that pings, or has us answer otherwise, and reads nothing gets there. It is cut."""

_MASK_KEY_BYTES = 4
_BYE = (1000).to_bytes(2, "big")


def framed(raw: RawSocket) -> RawSocket:
    """The same stream, in frames. `raw` is taken over; whoever dialled it masks, as RFC 6455 has it."""
    transport = _FramedTransport(raw)
    outer = RawSocket(transport, is_client=raw.is_client)
    raw.hand_to(_Frames(raw, transport))
    transport.pause_reading()  # `hand_to` reads on, but nobody takes the outer one's bytes yet
    return outer


class _FramedTransport(asyncio.Transport):
    """What RawSocket and its protocols need of a transport. Like TLS it cannot end one direction alone."""

    def __init__(self, raw: RawSocket) -> None:
        super().__init__()
        self.inner = raw.transport
        self.protocol: asyncio.Protocol | None = None
        self.turns: Turns | None = None
        self._is_client = raw.is_client
        self._is_paused = False
        self._is_busy = False

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        assert isinstance(protocol, asyncio.Protocol)
        self.protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        assert self.protocol is not None
        return self.protocol

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self.inner.get_extra_info(name, default)

    def is_closing(self) -> bool:
        return self.inner.is_closing()

    def is_reading(self) -> bool:
        return self.inner.is_reading()

    def pause_reading(self) -> None:
        self._is_paused = True
        self._steer()

    def resume_reading(self) -> None:
        self._is_paused = False
        self._steer()

    def be_busy(self, is_busy: bool) -> None:
        """Nothing more is read while frames wait to be looked at."""
        if is_busy is not self._is_busy:
            self._is_busy = is_busy
            self._steer()

    def _steer(self) -> None:
        if self.inner.is_closing():
            return
        if self._is_paused or self._is_busy:
            self.inner.pause_reading()
        else:
            self.inner.resume_reading()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        if not self.inner.is_closing():
            self.inner.set_write_buffer_limits(high, low)

    def get_write_buffer_size(self) -> int:
        return self.inner.get_write_buffer_size()

    def can_write_eof(self) -> bool:
        return False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        with memoryview(data) as whole:
            for start in range(0, len(whole), CHUNK_BYTES):
                self.write_frame(Opcode.BINARY, bytes(whole[start : start + CHUNK_BYTES]))

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        self.write(b"".join(list_of_data))

    def write_frame(self, opcode: Opcode, data: bytes) -> None:
        if self.inner.is_closing():
            return
        head = write_head(opcode, len(data))
        if not self._is_client:
            self.inner.writelines((head, data))
            return
        key = os.urandom(_MASK_KEY_BYTES)
        self.inner.writelines((bytes((head[0], head[1] | 0x80)) + head[2:] + key, unmask(data, key)))

    def close(self) -> None:
        self.write_frame(Opcode.CLOSE, _BYE)
        self.inner.close()
        self._stop()

    def abort(self) -> None:
        self.inner.abort()
        self._stop()

    def _stop(self) -> None:
        """As with any transport: nothing is received any more once it has been told to close."""
        if self.turns is not None:
            self.turns.stop()


class _Frames(RawProtocol):
    """Takes frames off what comes, for the protocol of the transport above."""

    def __init__(self, raw: RawSocket, transport: _FramedTransport) -> None:
        super().__init__(raw)
        self._transport = transport
        parser = FrameParser(CHUNK_BYTES, is_masked=not raw.is_client)
        self._turns = transport.turns = Turns(parser, self._take, transport.be_busy, lambda _: transport.abort())

    def data_received(self, data: bytes) -> None:
        self._turns.feed(data)

    def _take(self, event: Event) -> None:
        match event:
            case bytes():
                if event:
                    self._above.data_received(event)
            case Passed():
                pass
            case Ping():
                self._answer(event)
            case Close():
                # Who is above learns of it now: the rest of what it wrote may never be taken.
                self._tell_of_eof()
                self._transport.close()
            case str():  # nobody here sends one
                self._transport.abort()

    def _answer(self, ping: Ping) -> None:
        self._transport.write_frame(Opcode.PONG, ping.data)
        if self._transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
            log.warning("stream_unread", peer=self.raw.peer)
            self._transport.abort()

    def pause_writing(self) -> None:
        self._above.pause_writing()

    def resume_writing(self) -> None:
        self._above.resume_writing()

    def eof_received(self) -> bool:
        self._turns.at_the_end(self._tell_of_eof)
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._turns.at_the_end(lambda: self._above.connection_lost(exc))

    def _tell_of_eof(self) -> None:
        self._above.eof_received()

    @property
    def _above(self) -> asyncio.Protocol:
        assert self._transport.protocol is not None
        return self._transport.protocol
