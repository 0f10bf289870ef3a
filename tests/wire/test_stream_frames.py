"""What the node's end of a stream makes of frames, good and bad."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass

import pytest
from websockets.frames import Frame, Opcode

from tests.support.peers import until, within
from ws.streams import Budget, RawSocket, ServerFrames, StreamClosedError
from ws.streams import frames as module
from ws.streams.budget import Share
from ws.streams.parsing import FRAMES_PER_TURN


def _frame(data: bytes, opcode: Opcode = Opcode.BINARY, *, fin: bool = True) -> bytes:
    return Frame(opcode, data, fin).serialize(mask=True)


@dataclass
class Line:
    """A client's bare socket and the frames at its other end."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    frames: ServerFrames

    async def close_code(self) -> int:
        """Read to the end; the code of the close frame that came last."""
        data = await within(self.reader.read())
        position = data.rindex(b"\x88")
        return int.from_bytes(data[position + 2 : position + 4], "big")


@asynccontextmanager
async def _line(
    initial: bytes = b"", *, max_message_bytes: int = 1_048_576, budget: Budget | None = None
) -> AsyncIterator[Line]:
    """Two ends of one TCP connection; the handshake is taken as done."""
    taken: asyncio.Future[RawSocket] = asyncio.get_running_loop().create_future()

    class Accepting(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            assert isinstance(transport, asyncio.Transport)
            taken.set_result(RawSocket(transport, initial))

    async with await asyncio.get_running_loop().create_server(Accepting, "127.0.0.1", 0) as server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        raw = await within(taken)
        try:
            yield Line(reader, writer, ServerFrames(raw, max_message_bytes=max_message_bytes, budget=budget))
        finally:
            writer.transport.abort()
            with suppress(ConnectionError):
                await writer.wait_closed()
            raw.abort()
            await raw.wait_ended()


async def test_messages_come_in_order_whatever_their_pieces() -> None:
    pieces = (
        _frame(b"one")
        + _frame("z\u00fc".encode()[:2], Opcode.TEXT, fin=False)
        + _frame(b"ping", Opcode.PING)
        + _frame("z\u00fc".encode()[2:], Opcode.CONT)
        + _frame(b"")
        + _frame(b"three")
    )
    async with _line(pieces[:5]) as line:
        for position in range(5, len(pieces)):
            line.writer.write(pieces[position : position + 1])
            await line.writer.drain()
        assert [await within(line.frames.recv()) for _ in range(4)] == [b"one", "z\u00fc", b"", b"three"]
        assert await within(line.reader.readexactly(6)) == b"\x8a\x04ping"


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        pytest.param(Frame(Opcode.BINARY, b"x").serialize(mask=False), 1002, id="no mask"),
        pytest.param(b"\xc2\x81\x00\x00\x00\x00x", 1002, id="reserved bit"),
        pytest.param(b"\x83\x80\x00\x00\x00\x00", 1002, id="unknown opcode"),
        pytest.param(_frame(b"x", Opcode.CONT), 1002, id="continuation of nothing"),
        pytest.param(_frame(b"x", fin=False) + _frame(b"y"), 1002, id="new message inside another"),
        pytest.param(b"\x09\x80\x00\x00\x00\x00", 1002, id="control frame in pieces"),
        pytest.param(b"\x89\xfe\x00\x7e" + b"\0" * 130, 1002, id="long control frame"),
        pytest.param(b"\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff", 1009, id="absurd length"),
        pytest.param(_frame(b"\xff\xfe", Opcode.TEXT), 1007, id="not utf-8"),
        pytest.param(_frame(b"x" * 1001), 1009, id="too long"),
        pytest.param(
            b"".join(_frame(b"x" * 500, Opcode.CONT if n else Opcode.BINARY, fin=False) for n in range(3)),
            1009,
            id="too long in pieces",
        ),
        pytest.param(_frame(b"\x00", Opcode.CLOSE), 1002, id="close code of one byte"),
    ],
)
async def test_what_breaks_the_rules_closes_with_its_code(frame: bytes, code: int) -> None:
    async with _line(max_message_bytes=1000) as line:
        line.writer.write(_frame(b"before") + frame + _frame(b"after"))
        assert await within(line.frames.recv()) == b"before"
        with pytest.raises(StreamClosedError):
            await within(line.frames.recv())
        assert await line.close_code() == code
        with pytest.raises(StreamClosedError):
            line.frames.send_bytes(b"late")


async def test_a_close_of_the_client_is_answered_and_ends_the_stream() -> None:
    async with _line() as line:
        line.writer.write(_frame(b"last") + _frame(b"\x0f\xa1bye", Opcode.CLOSE))
        assert await within(line.frames.recv()) == b"last"
        with pytest.raises(StreamClosedError) as caught:
            await within(line.frames.recv())
        assert (caught.value.code, caught.value.reason) == (4001, "bye")
        assert await within(line.reader.read()) == b"\x88\x05\x0f\xa1bye"


async def test_a_client_that_vanishes_ends_the_stream_with_1006() -> None:
    async with _line() as line:
        line.writer.transport.abort()
        with pytest.raises(StreamClosedError) as caught:
            await within(line.frames.recv())
        assert caught.value.code == 1006


async def test_close_waits_for_the_client_and_passes_untaken_input_by() -> None:
    async with _line() as line:
        line.writer.write(_frame(b"x" * 300_000) * 3)
        await until(lambda: line.frames._is_reading_paused, "reading is paused")
        async with asyncio.TaskGroup() as group:
            closing = group.create_task(line.frames.close(4401, "signed out"))
            answer = await within(line.reader.readexactly(14))
            assert answer == b"\x88\x0c\x11\x31signed out"
            assert not closing.done()
            line.writer.write(_frame(b"\x11\x31", Opcode.CLOSE))
            line.writer.close()
        assert line.frames.raw.is_ended


async def test_a_client_that_does_not_answer_a_close_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CLOSE_LINGER_S", 0.05)
    async with _line() as line:
        await within(line.frames.close(1000))
        assert line.frames.raw.is_ended


async def test_input_that_nobody_takes_is_not_read() -> None:
    async with _line() as line:
        flood = asyncio.get_running_loop().create_task(_write(line.writer, _frame(b"k" * 10), 1_000_000))
        await until(lambda: line.frames._is_reading_paused, "reading is paused")
        assert line.frames._messages.waiting_bytes < 4_000_000
        for _ in range(100_000):
            assert await within(line.frames.recv()) == b"k" * 10
        flood.cancel()
        with suppress(asyncio.CancelledError, ConnectionError):
            await flood


async def _write(writer: asyncio.StreamWriter, data: bytes, times: int) -> None:
    for _ in range(times // 4096):
        writer.write(data * 4096)
        await writer.drain()


async def test_endless_empty_fragments_cost_nothing() -> None:
    async with _line() as line:
        line.writer.write(_frame(b"", fin=False) + _frame(b"", Opcode.CONT, fin=False) * 200_000)
        line.writer.write(_frame(b"end", Opcode.CONT))
        assert await within(line.frames.recv()) == b"end"


@pytest.mark.parametrize(
    "flood",
    [
        pytest.param(_frame(b"", Opcode.PING) * 10_000, id="pings"),
        pytest.param(_frame(b"", Opcode.PONG) * 10_000, id="pongs"),
        pytest.param(_frame(b"x") * 10_000, id="one byte each"),
        pytest.param(_frame(b"") * 10_000, id="empty"),
        pytest.param(
            _frame(b"", fin=False) + _frame(b"", Opcode.CONT, fin=False) * 10_000 + _frame(b"", Opcode.CONT),
            id="fragments",
        ),
    ],
)
async def test_ten_thousand_frames_in_one_read_leave_the_others_their_turns(flood: bytes) -> None:
    """Looked at in one go they would keep the loop, and with it every other terminal, for a tenth of a second."""
    async with _line() as line:

        async def listen() -> None:
            while await line.frames.recv() != b"end":
                pass

        listening = asyncio.get_running_loop().create_task(listen())
        await asyncio.sleep(0)
        line.frames.received(flood + _frame(b"end"))
        assert not line.frames.raw.transport.is_reading(), "what would come behind it waits outside"
        turns = 0
        while not listening.done():
            await asyncio.sleep(0)
            turns += 1
        assert turns >= 10_000 // FRAMES_PER_TURN
        assert line.frames.raw.transport.is_reading()


async def test_who_takes_many_messages_at_once_leaves_the_others_their_turns() -> None:
    async with _line() as line:
        line.frames.received(_frame(b"x") * 2000)
        await until(lambda: len(line.frames._messages) == 2000, "all of them")
        turns, is_over = 0, False

        async def count() -> None:
            nonlocal turns
            while not is_over:
                turns += 1
                await asyncio.sleep(0)

        counting = asyncio.get_running_loop().create_task(count())
        for _ in range(2000):
            await line.frames.recv()
        is_over = True
        await counting
        assert turns >= 2000 // FRAMES_PER_TURN


async def test_what_is_begun_and_not_read_is_bounded_for_all_together() -> None:
    """Who has held the most for longest gives way; what it holds no longer counts when it has gone."""
    budget, begun = Budget(500_000), _frame(b"x" * 300_000)[:-1]
    async with AsyncExitStack() as lines:
        first, second, third = [await lines.enter_async_context(_line(budget=budget)) for _ in range(3)]
        first.writer.write(_frame(b"key"))
        assert await within(first.frames.recv()) == b"key"
        assert budget.held_bytes == 0, "little costs nothing"
        first.writer.write(begun)
        await until(
            lambda: budget.held_bytes == len(begun) + len(b"key"), "what has begun, and the key that was taken last"
        )
        second.writer.write(begun)
        assert await first.close_code() == 1013
        with pytest.raises(StreamClosedError, match="1013 too much was sent that is not read"):
            await within(first.frames.recv())
        await until(lambda: budget.held_bytes == len(begun), "the second alone")
        second.writer.write(b"x")
        assert len(await within(second.frames.recv())) == 300_000
        third.writer.write(begun)
        assert await second.close_code() == 1013, "the message in its reader's hand counts too"
        assert budget.held_bytes == len(begun), "the third alone"
    assert budget.held_bytes == 0


def test_one_that_fails_to_let_go_does_not_end_the_bound() -> None:
    budget, let_go = Budget(100_000), list[str]()

    def fail() -> None:
        raise RuntimeError("cannot")

    failing, other = Share(budget, fail), Share(budget, lambda: let_go.append("other"))
    other.hold(90_000)
    other.has_given_up = True
    with pytest.raises(RuntimeError):
        failing.hold(90_000)
    other.has_given_up = False
    other.hold(95_000)
    assert let_go == ["other"]


async def test_a_client_that_pings_and_does_not_read_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_UNSENT_BYTES", 1_000_000)
    async with _line() as line:
        line.writer.transport.pause_reading()  # type: ignore[attr-defined]
        with suppress(ConnectionError):
            await within(_write(line.writer, _frame(b"p" * 125, Opcode.PING), 400_000))
        with pytest.raises(StreamClosedError):
            await within(line.frames.recv())


async def test_drain_waits_until_the_client_reads() -> None:
    async with _line() as line:
        line.writer.transport.pause_reading()  # type: ignore[attr-defined]
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(_flood(line.frames), 0.3)
        assert line.frames.raw.transport.get_write_buffer_size() < 256 * 1024
        line.writer.transport.resume_reading()  # type: ignore[attr-defined]
        await within(_drained_beside_a_reader(line))


async def _drained_beside_a_reader(line: Line) -> None:
    """The client's own buffer takes no more than the first bytes, so somebody must read them."""

    async def read_on() -> None:
        while await line.reader.read(65536):
            pass

    async with asyncio.TaskGroup() as group:
        reading = group.create_task(read_on())
        await line.frames.drain()
        reading.cancel()


async def _flood(frames: ServerFrames) -> None:
    while True:
        frames.send_bytes(b"o" * 65536)
        await frames.drain()


async def test_a_sender_that_never_has_to_wait_still_hears_of_the_end() -> None:
    async with _line() as line:
        line.frames.abort()
        with pytest.raises(StreamClosedError):
            line.frames.send_bytes(b"x")
        with pytest.raises(StreamClosedError):
            await within(line.frames.drain())


async def test_a_silent_client_is_pinged_and_then_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PING_INTERVAL_S", 0.02)
    monkeypatch.setattr(module, "SILENCE_S", 0.1)
    async with _line() as line:
        assert await within(line.reader.readexactly(4)) == b"\x89\x00\x89\x00"
        for _ in range(10):
            line.writer.write(_frame(b"", Opcode.PONG))
            await within(line.reader.readexactly(2))
        with pytest.raises(StreamClosedError):
            await within(line.frames.recv())


async def test_a_client_whose_input_waits_for_us_is_not_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PING_INTERVAL_S", 0.02)
    monkeypatch.setattr(module, "SILENCE_S", 0.1)
    async with _line() as line:
        line.writer.write(_frame(b"x" * 300_000))
        await until(lambda: line.frames._is_reading_paused, "reading is paused")
        assert await within(line.reader.readexactly(20)) == b"\x89\x00" * 10
        assert await within(line.frames.recv()) == b"x" * 300_000


async def test_a_keystroke_is_taken_at_once_and_overtakes_nothing() -> None:
    async with _line() as line:
        taken: list[bytes] = []

        def take(data: bytes) -> bool:
            taken.append(data)
            return data != b"full"

        line.frames.take_at_once = take
        line.writer.write(_frame(b"q" * 126) + _frame(b"a"))
        assert await within(line.frames.recv()) == b"q" * 126
        assert await within(line.frames.recv()) == b"a"
        assert taken == [], "what came with more, or while nobody waited, is read in turn"
        waiting = asyncio.get_running_loop().create_task(line.frames.recv())
        for data in (b"b", b"c" * 125):
            line.writer.write(_frame(data))
            await until(lambda data=data: data in taken, "it was taken")  # type: ignore[misc]
        assert not waiting.done()
        line.writer.write(_frame(b"full"))
        assert await within(waiting) == b"full"
        assert taken == [b"b", b"c" * 125, b"full"]


@pytest.mark.parametrize(
    "segment",
    [
        pytest.param(_frame(b"x", Opcode.TEXT), id="text"),
        pytest.param(_frame(b"x" * 126), id="long"),
        pytest.param(_frame(b"x") * 2, id="two"),
        pytest.param(_frame(b""), id="empty"),
    ],
)
async def test_anything_but_one_short_binary_message_waits_its_turn(segment: bytes) -> None:
    async with _line() as line:
        line.frames.take_at_once = lambda _: pytest.fail("taken at once")
        waiting = asyncio.get_running_loop().create_task(line.frames.recv())
        await until(lambda: line.frames._is_reader_waiting, "the reader waits")
        line.writer.write(segment)
        await within(waiting)


async def test_a_short_frame_inside_another_message_breaks_the_rules_at_once_too() -> None:
    async with _line() as line:
        line.frames.take_at_once = lambda _: pytest.fail("taken at once")
        waiting = asyncio.get_running_loop().create_task(line.frames.recv())
        line.writer.write(_frame(b"x", fin=False))
        await until(lambda: not line.frames._parser.is_between_messages, "half a message came")
        line.writer.write(_frame(b"y"))
        with pytest.raises(StreamClosedError):
            await within(waiting)
        assert await line.close_code() == 1002
