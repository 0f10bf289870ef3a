"""A stream in binary frames, for what reads them in between: a transport above the connection's own."""

import asyncio
import os
from collections.abc import Iterable
from typing import Any

from ws.streams.parsing import (
    FRAMES_PER_TURN,
    Close,
    FrameError,
    FrameParser,
    Opcode,
    Passed,
    Ping,
    unmask,
    write_head,
)
from ws.streams.raw import RawProtocol, RawSocket

CHUNK_BYTES = 64 * 1024
"""Of one frame."""
MAX_MESSAGE_BYTES = 1024 * 1024
"""Of one that comes: a proxy may have put frames together."""

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

    def abort(self) -> None:
        self.inner.abort()


class _Frames(RawProtocol):
    """Takes frames off what comes, for the protocol of the transport above."""

    def __init__(self, raw: RawSocket, transport: _FramedTransport) -> None:
        super().__init__(raw)
        self._transport = transport
        self._parser = FrameParser(MAX_MESSAGE_BYTES, is_masked=not raw.is_client)
        self._turn: asyncio.Handle | None = None

    def data_received(self, data: bytes) -> None:
        self._parser.feed(data)
        if self._turn is None:
            self._take_turn()

    def _take_turn(self) -> None:
        """Look at so many frames, at the others in the loop's next turn."""
        self._turn = None
        try:
            has_more = self._take_events()
        except FrameError:
            self._transport.abort()
            return
        if has_more:
            self._turn = asyncio.get_running_loop().call_soon(self._take_turn)
        self._transport.be_busy(has_more)

    def _take_events(self) -> bool:
        """Whether there may be more than one turn's."""
        for _ in range(FRAMES_PER_TURN):
            match event := self._parser.next_event():
                case None:
                    return False
                case Passed():
                    pass
                case bytes():
                    self._above.data_received(event)
                case Ping():
                    self._transport.write_frame(Opcode.PONG, event.data)
                case Close():
                    self._transport.close()
                    return False
                case str():  # nobody here sends one
                    self._transport.abort()
                    return False
        return True

    def pause_writing(self) -> None:
        self._above.pause_writing()

    def resume_writing(self) -> None:
        self._above.resume_writing()

    def eof_received(self) -> bool:
        while self._turn is not None:
            self._turn.cancel()
            self._take_turn()
        self._above.eof_received()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        if self._turn is not None:
            self._turn.cancel()
        super().connection_lost(exc)
        self._above.connection_lost(exc)

    @property
    def _above(self) -> asyncio.Protocol:
        assert self._transport.protocol is not None
        return self._transport.protocol
