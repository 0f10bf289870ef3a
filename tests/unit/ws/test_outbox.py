"""What full means to each kind of frame, and who is let in first."""

import asyncio
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from ws.rpc.limits import BROWSER_LIMITS
from ws.rpc.outbox import Outbox
from ws.tasks import TaskOwner

LIMITS = replace(BROWSER_LIMITS, outbox_bytes=100, replay_bytes=40)


async def _drain(outbox: Outbox) -> list[bytes]:
    frames = []
    while outbox.waiting_bytes:
        for frame in await outbox.take():
            frames.append(frame)
            outbox.sent(frame)
            await asyncio.sleep(0)
    return frames


async def test_live_events_are_refused_when_full_and_control_frames_never() -> None:
    outbox = Outbox(LIMITS)
    assert outbox.offer(b"x" * 60)
    assert outbox.offer(b"y" * 40)
    assert not outbox.offer(b"z")
    outbox.add(b"lagging")
    assert await _drain(outbox) == [b"x" * 60, b"y" * 40, b"lagging"]


async def test_a_frame_of_any_length_fits_an_empty_outbox() -> None:
    outbox = Outbox(LIMITS)
    assert outbox.offer(b"x" * 1000)
    assert not outbox.offer(b"y")
    assert await _drain(outbox) == [b"x" * 1000]
    assert await outbox.put(b"z" * 1000, is_replay=True)


async def test_room_is_given_back_when_a_frame_is_sent_not_when_it_is_taken() -> None:
    outbox = Outbox(LIMITS)
    outbox.add(b"x" * 100)
    (frame,) = await outbox.take()
    assert not outbox.offer(b"y")
    outbox.sent(frame)
    assert outbox.offer(b"y")


async def test_waiting_answers_go_in_the_order_of_asking() -> None:
    outbox, owner = Outbox(LIMITS), TaskOwner("answers")
    outbox.add(b"x" * 100)

    async def put(frame: bytes) -> None:
        assert await outbox.put(frame)

    tasks = [owner.start(put(b"%02d" % number * 30), name="put") for number in range(5)]
    await asyncio.sleep(0)
    assert (await _drain(outbox))[1:] == [b"%02d" % number * 30 for number in range(5)]
    assert all(task.done() for task in tasks)


async def test_one_that_gives_up_waiting_does_not_hold_up_the_next() -> None:
    outbox, owner = Outbox(LIMITS), TaskOwner("answers")
    outbox.add(b"x" * 100)

    async def put(frame: bytes) -> None:
        assert await outbox.put(frame)

    first, second = (owner.start(put(frame), name="put") for frame in (b"first", b"second"))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait({first})
    assert await _drain(outbox) == [b"x" * 100, b"second"]
    assert second.done()


async def test_replays_leave_room_for_live_events() -> None:
    outbox, owner = Outbox(LIMITS), TaskOwner("replay")
    waiting = []

    async def replay() -> None:
        for _ in range(6):
            assert await outbox.put(b"r" * 20, is_replay=True)
            waiting.append(outbox.waiting_bytes)

    _ = owner.start(replay(), name="replay")
    await asyncio.sleep(0)
    assert outbox.waiting_bytes == 40
    assert outbox.offer(b"l" * 60)
    assert len(await _drain(outbox)) == 7
    assert max(waiting) <= 40


async def test_closing_lets_everybody_go() -> None:
    outbox, owner = Outbox(LIMITS), TaskOwner("waiting")
    outcomes: list[object] = []

    async def put(*, is_replay: bool) -> None:
        outcomes.append(await outbox.put(b"y", is_replay=is_replay))

    async def room() -> None:
        await outbox.room()
        outcomes.append("room")

    outbox.add(b"x" * 100)
    tasks = {owner.start(work, name="wait") for work in (put(is_replay=False), put(is_replay=True), room())}
    await asyncio.sleep(0)
    outbox.close()
    await asyncio.wait(tasks, timeout=5)
    assert sorted(map(str, outcomes)) == ["False", "False", "room"]
    assert await outbox.take() == []
    assert outbox.is_closed
    assert not outbox.offer(b"z")


async def test_the_writer_wakes_for_a_frame_and_for_the_end() -> None:
    outbox, owner = Outbox(LIMITS), TaskOwner("writer")
    taken: list[list[bytes]] = []
    has_taken = asyncio.Event()

    async def write() -> None:
        while frames := await outbox.take():
            taken.append(frames)
            has_taken.set()

    writer = owner.start(write(), name="write")
    await asyncio.sleep(0)
    outbox.add(b"first")
    outbox.add(b"second")
    await asyncio.wait_for(has_taken.wait(), 5)
    outbox.close()
    await asyncio.wait({writer}, timeout=5)
    assert writer.done()
    assert taken == [[b"first", b"second"]]


async def test_finishing_sends_what_is_queued_and_takes_nothing_more() -> None:
    outbox = Outbox(LIMITS)
    outbox.add(b"last")
    outbox.finish()
    outbox.add(b"late")
    assert not await outbox.put(b"late")
    assert await outbox.take() == [b"last"]
    assert await outbox.take() == []


@given(st.lists(st.tuples(st.sampled_from(["offer", "take", "sent"]), st.integers(0, 150)), max_size=60))
def test_the_bound_holds_for_live_events_whatever_happens(steps: list[tuple[str, int]]) -> None:
    async def scenario() -> None:
        outbox = Outbox(LIMITS)
        queued = taken = 0
        held: list[bytes] = []
        for step, size in steps:
            match step:
                case "offer":
                    was_empty = outbox.waiting_bytes == 0
                    if outbox.offer(b"x" * size):
                        queued += 1
                        assert outbox.waiting_bytes <= 100 or was_empty
                case "take" if queued > taken:
                    held += await outbox.take()
                    taken = queued
                case "sent" if held:
                    outbox.sent(held.pop(0))
                case _:
                    pass
            assert outbox.waiting_bytes >= 0

    with asyncio.Runner() as runner:
        runner.run(scenario())
