"""Frames in turns, as both ends use them: the page's messages, and a link whose bytes go in frames."""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from tests.support.peers import until, within
from ws.streams import Budget, RawProtocol, RawSocket, ServerFrames, StreamClosedError
from ws.streams import frames as frames_module
from ws.streams.framed import CHUNK_BYTES, framed
from ws.streams.framed import MAX_UNSENT_BYTES as MAX_UNSENT_FRAMED_BYTES
from ws.streams.parsing import FRAMES_PER_TURN

TINY = 10_000
LATER = 3 * FRAMES_PER_TURN + 7
"""A frame so far behind the first is looked at in a later turn."""


def _frame(data: bytes, opcode: Opcode = Opcode.BINARY, *, fin: bool = True) -> bytes:
    return Frame(opcode, data, fin).serialize(mask=True)


CLOSE = _frame(b"\x03\xe8", Opcode.CLOSE)


class Wire(asyncio.Transport):
    """Delivers what the test has it deliver, paused or not: TLS hands on what it has decrypted. Nobody takes what is
    written while `is_stuck`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()
        self.is_paused = self.is_closed = self.is_stuck = False
        self._protocol: asyncio.Protocol | None = None

    @property
    def protocol(self) -> asyncio.Protocol:
        assert self._protocol is not None
        return self._protocol

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return "wire" if name == "peername" else default

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        assert isinstance(protocol, asyncio.Protocol)
        self._protocol = protocol

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return len(self.written) if self.is_stuck else 0

    def is_reading(self) -> bool:
        return not (self.is_paused or self.is_closed)

    def pause_reading(self) -> None:
        self.is_paused = True

    def resume_reading(self) -> None:
        self.is_paused = False

    def is_closing(self) -> bool:
        return self.is_closed

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        pass

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.is_closed, "a transport that closes may raise"
        self.written += data

    def close(self) -> None:
        self._end(is_cut=False)

    def abort(self) -> None:
        self._end(is_cut=True)

    def _end(self, *, is_cut: bool) -> None:
        if self.is_closed and not (is_cut and self.is_stuck):
            return
        if not self.is_stuck or is_cut:
            self.is_stuck = False
            asyncio.get_running_loop().call_soon(self.protocol.connection_lost, None)
        self.is_closed = True

    def end(self) -> None:
        """As TLS: the other end's last word and the end of the connection in one go."""
        if not self.is_closed and not self.protocol.eof_received():
            self.close()


class Sink(RawProtocol):
    """Keeps what comes, and what happens in which order."""

    def __init__(self, raw: RawSocket) -> None:
        super().__init__(raw)
        self.received = bytearray()
        self.told: list[str] = []
        self.on_data: Callable[[bytes], None] | None = None
        raw.hand_to(self)

    def data_received(self, data: bytes) -> None:
        assert data, "no transport delivers nothing"
        self.received += data
        if self.on_data is not None:
            self.on_data(data)

    def eof_received(self) -> bool:
        self.told.append(f"eof behind {len(self.received)}")
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.told.append(f"lost behind {len(self.received)}")


async def _as_messages(wire: Wire, play: Callable[[], Awaitable[None]]) -> bytes:
    frames, received = ServerFrames(RawSocket(wire)), bytearray()

    async def listen() -> None:
        try:
            while True:
                message = await frames.recv()
                assert isinstance(message, bytes)
                received.extend(message)
        except StreamClosedError:
            pass

    listening = asyncio.get_running_loop().create_task(listen())
    await play()
    await until(lambda: not frames._turns.is_pending, "all that came was looked at")
    wire.abort()
    await within(listening)
    return bytes(received)


async def _as_carriage(wire: Wire, play: Callable[[], Awaitable[None]]) -> bytes:
    sink = Sink(framed(RawSocket(wire)))
    await play()
    wire.abort()
    await within(sink.raw.wait_ended())
    return bytes(sink.received)


USERS = {"messages": _as_messages, "carriage": _as_carriage}
END = ["nothing", "close frame", "eof", "cut"]


@st.composite
def streams(draw: st.DrawFn) -> tuple[bytes, bytes, list[bytes]]:
    """Whole binary messages in fragments with pings between them: as written, what they hold, and the pings."""
    written, content, pings = bytearray(), bytearray(), list[bytes]()
    for pieces in draw(st.lists(st.lists(st.sampled_from([0, 1, 5, 125, 126, 3000]), min_size=1, max_size=4))):
        for number, length in enumerate(pieces):
            piece = bytes([len(content) % 251]) * length
            opcode = Opcode.CONT if number else Opcode.BINARY
            written += _frame(piece, opcode, fin=number == len(pieces) - 1)
            content += piece
            if draw(st.booleans()):
                pings.append(str(len(pings)).encode())
                written += _frame(pings[-1], Opcode.PING) + _frame(b"", Opcode.PONG)
    many = draw(st.sampled_from([0, 1, FRAMES_PER_TURN - 1, FRAMES_PER_TURN, FRAMES_PER_TURN + 1, LATER]))
    return bytes(written + _frame(b"t") * many), bytes(content + b"t" * many), pings


@pytest.mark.parametrize("user", USERS)
@settings(max_examples=60, deadline=None)
@given(streams(), st.lists(st.integers(0, 20_000), max_size=6), st.sampled_from(END), st.booleans())
def test_wherever_it_is_cut_and_however_it_ends_all_of_it_is_taken(
    user: str, stream: tuple[bytes, bytes, list[bytes]], places: list[int], end: str, is_patient: bool
) -> None:
    written, content, pings = stream
    if end == "close frame":
        written += CLOSE + _frame(b"behind the end")
    elif end != "nothing":
        written += _frame(b"never whole")[:-1]
    marks = sorted({0, len(written), *(place % (len(written) + 1) for place in places)})
    wire = Wire()

    async def play() -> None:
        for start, stop in pairwise(marks):
            if is_patient:
                await until(lambda: wire.is_reading() or wire.is_closed, "it is read")
            if not wire.is_closed:
                wire.protocol.data_received(written[start:stop])
        if end == "eof":
            wire.end()
        elif end == "cut":
            wire.abort()
        else:
            await until(lambda: wire.is_reading() or wire.is_closed, "all was looked at")

    assert asyncio.run(USERS[user](wire, play)) == content
    if end == "nothing":
        assert bytes(wire.written) == b"".join(Frame(Opcode.PONG, ping).serialize(mask=False) for ping in pings)


@pytest.mark.parametrize("user", USERS)
async def test_a_hundred_thousand_tiny_frames_come_whole(user: str) -> None:
    wire = Wire()

    async def play() -> None:
        wire.protocol.data_received(_frame(b"x") * 100_000)
        wire.end()

    assert len(await USERS[user](wire, play)) == 100_000


async def test_in_frames_the_end_comes_behind_what_was_still_to_be_looked_at() -> None:
    wire = Wire()
    sink = Sink(framed(RawSocket(wire)))
    wire.protocol.data_received(_frame(b"x") * TINY)
    wire.end()
    assert len(sink.received) <= FRAMES_PER_TURN, "the others have their turns at the end too"
    await within(sink.raw.wait_ended())
    assert sink.told == [f"eof behind {TINY}", f"lost behind {TINY}"]


@pytest.mark.parametrize("way", ["close", "abort"])
@pytest.mark.parametrize("place", [1, FRAMES_PER_TURN, LATER])
async def test_who_closes_from_inside_hears_nothing_more(way: str, place: int) -> None:
    wire = Wire()
    sink = Sink(framed(RawSocket(wire)))

    def leave(_: bytes) -> None:
        if len(sink.received) == place:
            getattr(sink.raw.transport, way)()
            assert not sink.told, "a transport tells of the end later, not from inside"

    sink.on_data = leave
    wire.protocol.data_received(_frame(b"x") * TINY)
    await within(sink.raw.wait_ended())
    wire.protocol.data_received(_frame(b"x") * TINY)
    assert (len(sink.received), sink.told) == (place, [f"lost behind {place}"])


async def test_who_closes_while_the_end_waits_for_its_turn_is_told_of_it_once() -> None:
    wire = Wire()
    sink = Sink(framed(RawSocket(wire)))
    wire.protocol.data_received(_frame(b"x") * TINY)
    wire.protocol.eof_received()
    sink.raw.abort()
    assert sink.told == []
    await within(sink.raw.wait_ended())
    assert sink.told == [f"eof behind {FRAMES_PER_TURN}", f"lost behind {FRAMES_PER_TURN}"]


async def test_who_pauses_from_inside_is_not_read_further_once_its_turns_are_over() -> None:
    wire = Wire()
    sink = Sink(framed(RawSocket(wire)))
    sink.on_data = lambda _: sink.raw.transport.pause_reading()
    wire.protocol.data_received(_frame(b"x") * TINY)
    await until(lambda: len(sink.received) == TINY, "what was read is handed on")
    assert not wire.is_reading()
    sink.on_data = None
    sink.raw.transport.resume_reading()
    assert wire.is_reading()


async def test_who_takes_over_between_two_turns_gets_the_rest_in_order() -> None:
    wire = Wire()
    raw = framed(RawSocket(wire))
    first = Sink(raw)
    wire.protocol.data_received(b"".join(_frame(bytes([n % 256])) for n in range(TINY)))
    raw.park(b"")
    await asyncio.sleep(0)
    second = Sink(raw)
    await until(lambda: len(first.received + second.received) == TINY, "all")
    assert first.received + second.received == bytes(n % 256 for n in range(TINY))
    assert len(second.received) > len(first.received) == FRAMES_PER_TURN


@pytest.mark.parametrize("user", ["messages", "carriage"])
async def test_a_defect_in_a_later_turn_ends_the_connection(user: str) -> None:
    """In the first turn the transport would notice; in a later one it would stay paused for ever."""
    heard: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: heard.append(context))
    wire, taken = Wire(), 0

    def fail(_: bytes) -> bool:
        nonlocal taken
        taken += 1
        if taken == LATER:
            raise RuntimeError("a defect")
        return False

    if user == "messages":
        raw = RawSocket(wire)
        ServerFrames(raw).take_urgent = fail
    else:
        raw = framed(RawSocket(wire))
        Sink(raw).on_data = lambda data: (fail(data), None)[1]
    wire.protocol.data_received(_frame(b"x") * TINY)
    await within(raw.wait_ended())
    assert taken == LATER
    assert [str(each["exception"]) for each in heard] == ["a defect"]


async def test_a_framed_message_has_the_bound_of_what_is_written() -> None:
    """What has begun and waits for its rest is held for each stream: so little that it needs no common bound."""
    wire = Wire()
    sink = Sink(framed(RawSocket(wire)))
    whole = _frame(b"x" * (CHUNK_BYTES // 2), fin=False) + _frame(b"y" * (CHUNK_BYTES // 2), Opcode.CONT)
    wire.protocol.data_received(whole)
    assert len(sink.received) == CHUNK_BYTES, "a message in pieces, as something in between may cut it"
    wire.protocol.data_received(_frame(b"x" * (CHUNK_BYTES + 1))[:14])
    assert wire.is_closed
    await within(sink.raw.wait_ended())


async def test_in_frames_an_end_that_pings_and_reads_nothing_is_cut() -> None:
    wire = Wire()
    sink = Sink(framed(RawSocket(wire)))
    wire.is_stuck = True
    pings = _frame(b"p" * 125, Opcode.PING) * 500
    while not wire.is_closed:
        wire.protocol.data_received(pings)
        await until(lambda: wire.is_reading() or wire.is_closed, "it is read")
        assert len(wire.written) < 2 * MAX_UNSENT_FRAMED_BYTES
    await within(sink.raw.wait_ended())


async def test_in_frames_who_closes_and_reads_nothing_is_known_to_have_ended() -> None:
    """Its close frame is all that ever comes: what we wrote is never taken, so the connection's end is not heard of."""
    wire = Wire()
    sink = Sink(framed(RawSocket(wire)))
    wire.is_stuck = True
    sink.raw.transport.write(b"never taken")
    wire.protocol.data_received(_frame(b"last") + CLOSE)
    assert sink.told == ["eof behind 4"]
    assert wire.is_closed
    assert not sink.raw.is_ended
    sink.raw.abort()
    await within(sink.raw.wait_ended())


async def test_a_page_that_breaks_the_rules_and_ends_and_reads_nothing_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames_module, "CLOSE_LINGER_S", 0.05)
    for bad in (b"", b"\xff" * 8):
        wire = Wire()
        frames = ServerFrames(RawSocket(wire))
        wire.is_stuck = True
        frames.send_bytes(b"never taken")
        if bad:
            wire.protocol.data_received(bad)
        wire.end()
        assert not frames.raw.is_ended
        await within(frames.raw.wait_ended())


async def test_what_waits_behind_an_end_counts_until_the_connection_has_ended() -> None:
    """Its reader may be held back, and the connection stays for as long as nobody takes what was written."""
    wire, budget = Wire(), Budget(1024 * 1024)
    frames = ServerFrames(RawSocket(wire), budget=budget)
    wire.is_stuck = True
    frames.send_bytes(b"never taken")
    wire.protocol.data_received(_frame(b"x" * 200_000))
    wire.end()
    assert not frames.raw.is_ended
    assert budget.held_bytes >= 200_000
    frames.abort()
    await within(frames.raw.wait_ended())
    assert budget.held_bytes == 0
    assert await frames.recv() == b"x" * 200_000
    assert budget.held_bytes == 0
