"""Records over a stream: content comes whole or its cut is noticed, whatever the other end does."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import cast

import pytest

from tests.support.waiting import eventually
from ws.streams import Kind, RawSocket, Records, StreamCutError
from ws.streams.records import MAX_CONTROL_BYTES, MAX_WAITING_BYTES, RECORD_BYTES, STEPS_PER_TURN


class _Taken(asyncio.Protocol):
    def __init__(self) -> None:
        self.raw: asyncio.Future[RawSocket] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.raw.set_result(RawSocket(cast(asyncio.Transport, transport)))


@contextlib.asynccontextmanager
async def _connection() -> AsyncIterator[tuple[RawSocket, RawSocket]]:
    loop = asyncio.get_running_loop()
    there = _Taken()
    server = await loop.create_server(lambda: there, "127.0.0.1", 0)
    _, here = await loop.create_connection(_Taken, *server.sockets[0].getsockname())
    ends = await here.raw, await there.raw
    try:
        yield ends
    finally:
        for end in ends:
            end.abort()
        server.close()
        await server.wait_closed()


async def _content(records: Records) -> tuple[bytes, Kind]:
    """Everything up to the first record that is no content."""
    content = bytearray()
    while (record := await records.receive(10)).kind is Kind.DATA:
        content += record.payload
    return bytes(content), record.kind


async def test_content_comes_whole_in_whatever_pieces() -> None:
    async with _connection() as (here, there):
        sender, receiver = Records(here), Records(there)
        sent = bytes(range(256)) * 5000

        async def send() -> None:
            for start in range(0, len(sent), 77_777):
                sender.write(Kind.DATA, sent[start : start + 77_777])
                await sender.drain(10)
            sender.write(Kind.DATA, b"")
            sender.write(Kind.END, b"{}")

        sending = asyncio.get_running_loop().create_task(send(), name="send")
        assert await _content(receiver) == (sent, Kind.END)
        await sending


async def test_a_record_may_come_byte_by_byte() -> None:
    async with _connection() as (here, there):
        receiver = Records(there)
        raw = b"\x02\0\0\0\x02{}" + b"\x01\0\0\0\x03abc" + b"\x01\0\0\0\0" + b"\x04\0\0\0\x02{}"
        for each in raw:
            receiver.received(bytes([each]))
        ready = await receiver.receive(10)
        assert (ready.kind, bytes(ready.payload)) == (Kind.READY, b"{}")
        assert await _content(receiver) == (b"abc", Kind.END)
        assert not here.is_ended


async def test_a_stream_that_ends_before_its_end_is_cut() -> None:
    async with _connection() as (here, there):
        sender, receiver = Records(here), Records(there)
        sender.write(Kind.DATA, b"half")
        await sender.finish(5)
        assert bytes((await receiver.receive(10)).payload) == b"half"
        with pytest.raises(StreamCutError):
            await receiver.receive(10)


@pytest.mark.parametrize(
    "raw",
    [
        b"\0\0\0\0\x01x",
        b"\x09\0\0\0\x01x",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x04\0\0\0\0",
        b"\x04" + (MAX_CONTROL_BYTES + 1).to_bytes(4, "big"),
        b"\x05\xff\xff\xff\xff",
    ],
)
async def test_what_is_no_record_ends_the_stream(raw: bytes) -> None:
    async with _connection() as (here, there):
        receiver = Records(there)
        here.transport.write(raw)
        with pytest.raises(StreamCutError):
            await receiver.receive(10)
        await asyncio.wait_for(receiver.wait_ended(), 10)


async def test_a_reader_that_does_not_take_holds_the_sender_back() -> None:
    async with _connection() as (here, there):
        sender, receiver = Records(here), Records(there)
        sent: list[int] = []

        async def send_for_ever() -> None:
            while True:
                sender.write(Kind.DATA, bytes(256 * 1024))
                sent.append(256 * 1024)
                await sender.drain(0.3)

        with pytest.raises(StreamCutError, match="took nothing"):
            await send_for_ever()
        assert receiver._waiting_bytes <= MAX_WAITING_BYTES + 512 * 1024
        assert sum(sent) > MAX_WAITING_BYTES
        await receiver.receive(10)


async def test_a_flood_of_tiny_records_is_held_back_by_what_it_costs_to_keep() -> None:
    async with _connection() as (here, there):
        receiver = Records(there)
        tiny = b"\x01\0\0\0\x01x"
        here.transport.write(tiny * 60_000 + b"\x04\0\0\0\x02{}")
        await eventually(lambda: receiver._is_reading_paused, what="the reader to pause")
        one_read = 256 * 1024 // len(tiny)
        assert len(receiver._waiting) <= one_read + MAX_WAITING_BYTES // RECORD_BYTES
        assert await _content(receiver) == (b"x" * 60_000, Kind.END)


async def test_nothing_for_too_long_is_a_cut() -> None:
    async with _connection() as (_, there):
        receiver = Records(there)
        with pytest.raises(StreamCutError, match=r"nothing for 0\.05 s"):
            await receiver.receive(0.05)


async def test_a_receiver_may_refuse_while_content_still_comes() -> None:
    async with _connection() as (here, there):
        sender, receiver = Records(here), Records(there)
        sender.write(Kind.DATA, bytes(10_000))
        receiver.write(Kind.ERROR, b"{}")
        assert (await sender.receive(10)).kind is Kind.ERROR
        sender.abort()
        await asyncio.wait_for(receiver.linger(10), 5)


async def test_what_was_sent_before_the_end_is_still_taken() -> None:
    async with _connection() as (here, there):
        sender, receiver = Records(here), Records(there)
        sender.write(Kind.DATA, bytes(3_000_000))
        sender.write(Kind.END, b"{}")
        finishing = asyncio.get_running_loop().create_task(sender.finish(10), name="finish")
        await eventually(lambda: receiver._waiting_bytes > 0, what="the first bytes")
        content, kind = await _content(receiver)
        assert (len(content), kind) == (3_000_000, Kind.END)
        await finishing


@pytest.mark.parametrize(
    "record", [b"\x01\0\0\0\0", b"\x01\0\0\0\x01x", b"\x02\0\0\0\x02{}"], ids=["empty", "tiny", "json"]
)
async def test_ten_thousand_records_in_one_read_leave_the_others_their_turns(record: bytes) -> None:
    """A hostile node sends them to Main, which passes everyone's terminals on in the same loop."""
    async with _connection() as (_, there):
        receiver, turns, is_over = Records(there), 0, False

        async def listen() -> None:
            nonlocal is_over
            while (await receiver.receive(10)).kind is not Kind.END:
                pass
            is_over = True

        listening = asyncio.get_running_loop().create_task(listen(), name="listen")
        receiver.received(record * 10_000 + b"\x04\0\0\0\x02{}")
        assert not there.transport.is_reading(), "what would come behind it waits outside"
        while not is_over:
            await asyncio.sleep(0)
            turns += 1
        await listening
        assert turns >= 10_000 // STEPS_PER_TURN
        assert there.transport.is_reading()


async def test_what_waits_for_its_turn_when_the_other_end_goes_is_still_taken() -> None:
    async with _connection() as (_, there):
        receiver = Records(there)
        receiver.received(b"\x01\0\0\0\x01x" * 10_000)
        receiver.received(b"\x04\0\0\0\x02{}")
        there.abort()
        await asyncio.wait_for(receiver.wait_ended(), 10)
        with pytest.raises(StreamCutError, match="has gone"):
            receiver.write(Kind.ERROR, b"{}")
        with pytest.raises(StreamCutError, match="has gone"):
            await receiver.drain(10)
        assert await _content(receiver) == (b"x" * 10_000, Kind.END)
        with pytest.raises(StreamCutError, match="has gone"):
            await receiver.receive(10)


async def test_no_more_is_looked_at_than_there_is_room_for() -> None:
    async with _connection() as (_, there):
        receiver = Records(there)
        receiver.received(b"\x01\0\0\0\x01x" * 10_000 + b"\x04\0\0\0\x02{}")
        await eventually(lambda: receiver._turn is None, what="the turns to stop")
        assert len(receiver._waiting) <= MAX_WAITING_BYTES // RECORD_BYTES + 1
        assert await _content(receiver) == (b"x" * 10_000, Kind.END)
