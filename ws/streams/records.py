"""Records over a raw stream: content in pieces of any length, and short JSON beside it that says how it ended.

A record is one byte of kind, four of length (big endian), then so many bytes. What has no END was cut, so half a
transfer never looks whole. Both ends speak: a receiver that cannot go on says ERROR while content still comes.
"""

import asyncio
from collections import deque
from dataclasses import dataclass
from enum import IntEnum

from ws.streams.raw import RawProtocol, RawSocket

MAX_CONTROL_BYTES = 64 * 1024
"""A JSON record. Content has no bound of its own: it is handed on as it comes."""

MAX_WAITING_BYTES = 1024 * 1024
"""Received and not taken by `receive`; then the connection is not read. One read may go beyond it."""

RECORD_BYTES = 512
"""Counted for each piece beside its payload, about what its objects take: many tiny records are not free."""

STEPS_PER_TURN = 512
"""One read may bring 50,000 records. So many heads and payloads are looked at in a turn of the loop (about 1 ms)."""

_HEAD_BYTES = 5
_GONE = "the other end has gone"


class Kind(IntEnum):
    """DATA is content. READY and ASK come before it, END after it, ERROR instead of END; all four are JSON."""

    DATA = 1
    READY = 2
    ASK = 3
    END = 4
    ERROR = 5


_KINDS = frozenset(Kind)


@dataclass(frozen=True, slots=True)
class Record:
    """A whole JSON record, or a piece of a DATA record, which may come in any number of pieces."""

    kind: Kind
    payload: bytes | memoryview


class StreamCutError(ConnectionError):
    """The stream ended without END or ERROR, stood still for too long, or carried what is no record."""


class Records:
    """Records over `raw`, whose handshake is done. One task receives and one sends; the owner calls `abort`."""

    def __init__(self, raw: RawSocket) -> None:
        self._raw = raw
        self._waiting: deque[Record] = deque()
        self._waiting_bytes = 0
        self._fault: str | None = None
        self._arrived = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._is_reading_paused = False
        self._unseen = b""  # what came and waits for its turn or for room, from `_position` on
        self._position = 0
        self._turn: asyncio.Handle | None = None
        self._has_ended = False
        self._head = b""
        self._kind = Kind.DATA
        self._left_bytes = 0
        self._control = bytearray()
        raw.hand_to(_Receiver(raw, self))

    async def receive(self, deadline_s: float | None = None) -> Record:
        """The next record, or piece of one. Raises StreamCutError when none comes any more, or not in time."""
        if not self._waiting:
            try:
                async with asyncio.timeout(deadline_s):
                    while not self._waiting:
                        self._check_open()
                        self._arrived.clear()
                        await self._arrived.wait()
            except TimeoutError as error:
                raise StreamCutError(f"the other end sent nothing for {deadline_s:g} s") from error
        record = self._waiting.popleft()
        self._waiting_bytes -= len(record.payload) + RECORD_BYTES
        if self._is_reading_paused:
            self._steer()
        return record

    def write(self, kind: Kind, payload: bytes | memoryview) -> None:
        """Write one record; `drain` before the next. Raises StreamCutError when the stream has ended."""
        self._check_writable()
        head = kind.to_bytes(1, "big") + len(payload).to_bytes(4, "big")
        self._raw.transport.writelines([head, payload])

    async def drain(self, stall_s: float) -> None:
        """Wait until the other end has taken enough.

        Raises StreamCutError when the stream has ended, or when nothing at all is taken for `stall_s`.
        """
        while not self._writable.is_set():
            before = self._unsent_bytes
            try:
                async with asyncio.timeout(stall_s):
                    await self._writable.wait()
            except TimeoutError as error:
                if self._unsent_bytes >= before:
                    raise StreamCutError(f"the other end took nothing for {stall_s:g} s") from error
        self._check_writable()

    async def finish(self, stall_s: float) -> None:
        """Close when the other end has taken everything; cut when it takes nothing for `stall_s`."""
        self._raw.transport.close()
        while not self._raw.is_ended:
            before = self._unsent_bytes
            try:
                async with asyncio.timeout(stall_s):
                    await self._raw.wait_ended()
            except TimeoutError:
                if self._unsent_bytes >= before:
                    break
        self.abort()

    async def linger(self, deadline_s: float) -> None:
        """Wait for the other end to close, who may still have to read what we sent; then cut."""
        try:
            async with asyncio.timeout(deadline_s):
                await self._raw.wait_ended()
        except TimeoutError:
            pass
        finally:
            self.abort()

    async def wait_ended(self) -> None:
        """Return when the connection has ended. With much received and not taken, its end is not noticed."""
        await self._raw.wait_ended()

    def abort(self) -> None:
        """Cut the connection now."""
        if not self._raw.is_ended:
            self._raw.abort()

    @property
    def _unsent_bytes(self) -> int:
        return self._raw.transport.get_write_buffer_size()

    def _check_open(self) -> None:
        if self._fault is not None:
            raise StreamCutError(self._fault)

    def _check_writable(self) -> None:
        self._check_open()
        if self._has_ended:  # though not all that came has been taken
            raise StreamCutError(_GONE)

    def received(self, data: bytes) -> None:
        """For the receiver: bytes came."""
        self._unseen, self._position = self._unseen[self._position :] + data, 0
        if self._turn is None:
            self._take_turn()

    def _take_turn(self) -> None:
        """Look at so much; at the rest in the loop's next turn, or once there is room for it."""
        self._turn = None
        data, position = self._unseen, self._position
        for _ in range(STEPS_PER_TURN):
            if position == len(data) or self._waiting_bytes > MAX_WAITING_BYTES or self._fault is not None:
                break
            position += self._step(data, position)
        if position == len(data) or self._fault is not None:
            data, position = b"", 0
        self._unseen, self._position = data, position
        if self._has_ended and not data:
            self._end(_GONE)
        self._arrived.set()
        self._steer()

    def _steer(self) -> None:
        """Go on with what came, and with reading, when there is room."""
        if self._unseen:
            if self._turn is None and self._waiting_bytes <= MAX_WAITING_BYTES:
                self._turn = asyncio.get_running_loop().call_soon(self._take_turn)
            is_paused = True
        else:
            limit = MAX_WAITING_BYTES // 2 if self._is_reading_paused else MAX_WAITING_BYTES
            is_paused = self._waiting_bytes > limit
        if is_paused is self._is_reading_paused:
            return
        self._is_reading_paused = is_paused
        if not self._raw.transport.is_closing():
            (self._raw.transport.pause_reading if is_paused else self._raw.transport.resume_reading)()

    def _step(self, data: bytes, start: int) -> int:
        """Take the rest of a head, or what there is of a payload; how many bytes that were."""
        if not self._left_bytes:
            part = data[start : start + _HEAD_BYTES - len(self._head)]
            self._head += part
            if len(self._head) == _HEAD_BYTES:
                self._begin()
            return len(part)
        piece = memoryview(data)[start : start + self._left_bytes]
        self._left_bytes -= len(piece)
        if self._kind is Kind.DATA:
            self._push(piece)
        else:
            self._control += piece
            if not self._left_bytes:
                self._push(bytes(self._control))
                self._control.clear()
        return len(piece)

    def _begin(self) -> None:
        head, self._head = self._head, b""
        length = int.from_bytes(head[1:], "big")
        if head[0] not in _KINDS or (head[0] != Kind.DATA and not 0 < length <= MAX_CONTROL_BYTES):
            self._end("the other end sent what is no record")
            self.abort()
            return
        self._kind, self._left_bytes = Kind(head[0]), length

    def _push(self, payload: bytes | memoryview) -> None:
        self._waiting.append(Record(self._kind, payload))
        self._waiting_bytes += len(payload) + RECORD_BYTES

    def paused(self, is_paused: bool) -> None:
        """For the receiver: the other end does not take what is written, or takes it again."""
        if is_paused:
            self._writable.clear()
        else:
            self._writable.set()

    def ended(self) -> None:
        """For the receiver: no bytes come any more. What has come is still looked at and may be taken."""
        self._has_ended = True
        self._writable.set()
        if not self._unseen:
            self._end(_GONE)

    def _end(self, fault: str) -> None:
        self._fault = self._fault or fault
        self._arrived.set()
        self._writable.set()


class _Receiver(RawProtocol):
    def __init__(self, raw: RawSocket, records: Records) -> None:
        super().__init__(raw)
        self._records = records

    def data_received(self, data: bytes) -> None:
        self._records.received(data)

    def pause_writing(self) -> None:
        self._records.paused(True)

    def resume_writing(self) -> None:
        self._records.paused(False)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._records.ended()
