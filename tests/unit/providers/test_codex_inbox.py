"""One session that is not read must not hold the others up for ever."""

import asyncio

import pytest

from providers.codex import inbox
from providers.codex.inbox import Inbox
from providers.codex.rpc import Message


def message(name: str, size: int = 1) -> Message:
    return Message(name, {}, None, size)


async def read(box: Inbox) -> list[str]:
    return [each.method async for each in box.read()]


async def test_messages_come_in_order_and_what_is_left_comes_after_the_close() -> None:
    box = Inbox()
    for name in ("one", "two"):
        assert await box.put(message(name))
    box.close()
    assert await read(box) == ["one", "two"]


@pytest.mark.parametrize("fill", [message("small"), message("large", inbox.MAX_BYTES)])
async def test_one_that_is_full_waits_for_its_reader(fill: Message, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "MAX_MESSAGES", 1)
    box = Inbox()
    assert await box.put(fill)
    async with asyncio.TaskGroup() as group:
        late = group.create_task(box.put(message("late")))
        reading = group.create_task(read(box))
        assert await late
        box.close()
    assert reading.result() == [fill.method, "late"]


async def test_a_large_message_waits_until_there_is_room_for_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "MAX_BYTES", 100)
    box = Inbox()
    assert await box.put(message("small"))
    assert await box.put(message("large", 80))
    async with asyncio.TaskGroup() as group:
        late = group.create_task(box.put(message("late", 80)))
        reading = box.read()
        assert (await anext(reading)).method == "small"
        for _ in range(3):
            await asyncio.sleep(0)
        assert not late.done()
        assert (await anext(reading)).method == "large"
        assert await late
        box.close()
        assert [each.method async for each in reading] == ["late"]


async def test_one_that_nobody_reads_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "MAX_MESSAGES", 1)
    monkeypatch.setattr(inbox, "STALL_S", 0.01)
    box = Inbox()
    assert await box.put(message("one"))
    assert not await box.put(message("two"))
    box.drop()
    assert await read(box) == []
