"""A feed read in this process: in order, bounded, and let go exactly once."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from ws.protocol.errors import ErrorCode, WireError
from ws.rpc import Detach, EventQueue, EventSink, Feed, FeedReader, Lagging, feed_from
from ws.tasks import TaskOwner


async def _all(events: AsyncIterator[bytes]) -> list[bytes]:
    return [event async for event in events]


async def test_events_come_in_order_and_then_the_end() -> None:
    queue = EventQueue(1000)
    for event in (b"1", b"2", b"3"):
        assert queue.offer(event)
    queue.end()
    queue.end(WireError(ErrorCode.INTERNAL, "too late to matter"))
    assert await _all(queue) == [b"1", b"2", b"3"]
    assert await _all(queue) == []
    assert not queue.offer(b"4")


async def test_a_reader_too_far_behind_lags() -> None:
    queue = EventQueue(10)
    assert queue.offer(b"x" * 100)
    assert not queue.offer(b"y")
    with pytest.raises(Lagging):
        await anext(queue)


async def test_a_replay_waits_for_its_reader() -> None:
    queue = EventQueue(10)
    owner = TaskOwner("replay")

    async def replay() -> None:
        for number in range(100):
            assert await queue.send(b"%04d" % number)
        queue.end()

    _ = owner.start(replay(), name="replay")
    await asyncio.sleep(0)
    assert queue._waiting_bytes <= 10
    assert await _all(queue) == [b"%04d" % number for number in range(100)]
    await owner.close()


async def test_an_error_ends_the_reading() -> None:
    queue = EventQueue(10)
    queue.end(WireError(ErrorCode.NODE_OFFLINE, "Gone."))
    with pytest.raises(WireError, match="Gone"):
        await anext(queue)


async def test_a_feed_reader_lets_its_feed_go_once() -> None:
    detached = 0

    def attach(sink: EventSink) -> Detach:
        def detach() -> None:
            nonlocal detached
            detached += 1

        sink.offer(b"1")
        return detach

    reader = FeedReader(Feed(b"{}", attach), 1000)
    assert reader.result == b"{}"
    assert await anext(reader) == b"1"
    await reader.aclose()
    await reader.aclose()
    assert detached == 1
    assert await _all(reader) == []


async def test_a_feed_reader_that_leaves_frees_a_replay_that_waits() -> None:
    owner = TaskOwner("replay")
    closed = asyncio.Event()

    async def events() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"x" * 10
        finally:
            closed.set()

    reader = FeedReader(feed_from(b"{}", events(), owner, "replay"), 100)
    assert await anext(reader) == b"x" * 10
    await reader.aclose()
    async with asyncio.timeout(5):
        await closed.wait()
    await owner.close()
