"""Events reach their reader in order, and a slow reader slows the writer down."""

import asyncio

import pytest

from providers.base import ProviderFailed
from providers.queue import MAX_WAITING_EVENTS, EventQueue
from ws.protocol.events import Notice


def notice(number: int) -> Notice:
    return Notice(level="info", code="test", text=str(number))


async def test_events_come_in_order_and_then_the_end() -> None:
    queue = EventQueue()
    for number in range(3):
        await queue.put(notice(number))
    queue.close()
    assert [event async for event in queue.read()] == [notice(0), notice(1), notice(2)]


async def test_a_full_queue_makes_the_writer_wait_until_one_is_read() -> None:
    queue = EventQueue()
    for number in range(MAX_WAITING_EVENTS):
        await queue.put(notice(number))
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(queue.put(notice(99)))
        reader = queue.read()
        assert not waiting.done()
        assert await anext(reader) == notice(0)
        await waiting
    queue.close()
    assert [event async for event in reader][-1] == notice(99)


async def test_there_is_room_only_when_fewer_wait_than_may() -> None:
    """What was put beyond the bound is read first."""
    queue = EventQueue()
    for number in range(MAX_WAITING_EVENTS + 3):
        queue.put_now(notice(number))
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(queue.room())
        reader, taken = queue.read(), 0
        while not waiting.done():
            await anext(reader)
            taken += 1
            await asyncio.sleep(0)
    assert taken == 4


async def test_closing_frees_a_waiting_writer_and_drops_what_comes_later() -> None:
    queue = EventQueue()
    for number in range(MAX_WAITING_EVENTS):
        queue.put_now(notice(number))
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(queue.put(notice(99)))
        queue.close()
        await waiting
    assert len([event async for event in queue.read()]) == MAX_WAITING_EVENTS


async def test_a_failure_is_raised_after_the_last_event() -> None:
    queue = EventQueue()
    await queue.put(notice(1))
    queue.close(ProviderFailed("it died"))
    queue.close(None)
    reader = queue.read()
    assert await anext(reader) == notice(1)
    with pytest.raises(ProviderFailed, match="it died"):
        await anext(reader)
