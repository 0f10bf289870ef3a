"""A feed gives every reader every event exactly once and in order, whatever happens in between."""

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from main.relay import feed as feed_module
from main.relay.feed import SessionFeed
from main.relay.ring import MAX_OPEN_BLOCKS, OpenBlocks, Ring
from tests.support.waiting import eventually
from tests.unit.main.fake_journal import FakeJournal
from ws.protocol.base import LoginId, NodeId, SessionId, UserId
from ws.protocol.envelope import Caller
from ws.protocol.errors import WireError
from ws.protocol.events import Delta
from ws.rpc import Detach
from ws.tasks import TaskOwner


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """A watch that lagged is opened again at once."""
    monkeypatch.setattr(feed_module, "PAUSE_S", 0.0)


CALLER = Caller(user=UserId("u"), login=LoginId("l"), role="owner")


class Page:
    """A browser's subscription: checks what it is given as it comes, and keeps the text of open blocks."""

    def __init__(self, after: int, epoch: str | None) -> None:
        self.cursor = after
        self.epoch = epoch
        self.live = 0
        self.lags = 0
        self.ended: WireError | None = None
        self.is_over = False
        self.blocks: dict[str, str] = {}
        self.agent: list[str] = []
        self.detach: Detach | None = None
        self.room = asyncio.Event()
        self.room.set()

    def offer(self, event: bytes) -> bool:
        if self.is_over:
            return False
        self._take(msgspec.json.decode(event))
        return True

    def offer_all(self, events: Sequence[bytes]) -> bool:
        return all(self.offer(event) for event in events)

    async def send(self, event: bytes) -> bool:
        await asyncio.sleep(0)
        await self.room.wait()
        return self.offer(event)

    def lag(self) -> None:
        self.lags += 1
        self.is_over = True

    def end(self, error: WireError | None = None) -> None:
        self.ended = error
        self.is_over = True

    def _take(self, event: dict[str, Any]) -> None:
        kind = event["type"]
        if kind == "reset":
            self.cursor, self.epoch, self.live = 0, event["epoch"], 0
            self.blocks.clear()
        elif kind == "live":
            assert self.live == 0, "live came twice"
            self.live += 1
        elif kind == "agent_state":
            assert self.live, "an agent before live"
            self.agent.append(event["process"])
        elif kind == "delta":
            assert self.live, "a delta before live"
            text = self.blocks.get(event["message_id"], "") if event["offset"] else ""
            assert len(text) == event["offset"], "a delta that does not continue its block"
            self.blocks[event["message_id"]] = text + event["text"]
        else:
            assert event["seq"] == self.cursor + 1, f"seq {event['seq']} after {self.cursor}"
            assert event["ts"] == self.epoch, "an event of another journal"
            self.cursor = event["seq"]
            if kind == "agent_message":
                streamed = self.blocks.pop(event["message_id"], event["text"])
                assert streamed == event["text"]


class Room:
    """One feed over one journal, with pages that come and go."""

    def __init__(self, journal: FakeJournal) -> None:
        self.journal = journal
        self.owner = TaskOwner("test")
        self.feed: SessionFeed | None = None
        self.pages: list[Page] = []

    async def join(self, after: int, epoch: str | None = None) -> Page:
        if self.feed is None or self.feed.is_over:
            self.feed = SessionFeed(self.journal, NodeId("n"), SessionId("s"), CALLER, self.owner, lambda _: None)
        feed = self.feed
        feed.users += 1
        await feed.ready()
        page = Page(after, epoch)
        answer = await feed.watch(after, epoch)
        page.epoch = epoch or msgspec.json.decode(answer.result)["epoch"]
        page.detach = answer.attach(page)
        self.pages.append(page)
        return page

    def leave(self, page: Page) -> None:
        self.pages.remove(page)
        page.is_over = True
        assert page.detach is not None
        page.detach()

    async def close(self) -> None:
        for page in list(self.pages):
            self.leave(page)
        await self.owner.close()


async def until(condition: Callable[[], bool], what: str) -> None:
    """Let the loop turn until it holds; everything here is in memory, so the number of turns bounds it."""
    for _ in range(5000):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError(f"in vain: {what}")


@pytest.fixture
async def room() -> Any:
    made = Room(FakeJournal())
    yield made
    await made.close()


async def test_who_comes_first_gets_the_journal_then_live(room: Room) -> None:
    for _ in range(30):
        room.journal.append()
    page = await room.join(0)
    await until(lambda: page.live == 1, "live")
    assert page.cursor == 30
    room.journal.append()
    await until(lambda: page.cursor == 31, "the live event")


async def test_many_readers_share_one_watch(room: Room) -> None:
    pages = [await room.join(0) for _ in range(20)]
    room.journal.append()
    await until(lambda: all(page.cursor == 1 for page in pages), "the event at every page")
    assert room.journal.watch_calls == 1


async def test_who_comes_back_within_the_ring_asks_the_node_nothing(room: Room) -> None:
    await room.join(0)
    for _ in range(20):
        room.journal.append()
    await until(lambda: room.pages[0].cursor == 20, "the events")
    asked = room.journal.page_calls
    page = await room.join(5)
    await until(lambda: page.live == 1, "live")
    assert (page.cursor, room.journal.page_calls) == (20, asked)


async def test_who_joins_in_the_middle_of_a_message_gets_its_beginning(room: Room) -> None:
    await room.join(0)
    room.journal.stream("m", "Hel")
    room.journal.stream("m", "lo")
    await until(lambda: room.pages[0].blocks == {"m": "Hello"}, "the stream")
    late = await room.join(0)
    await until(lambda: late.blocks == {"m": "Hello"}, "the beginning")
    room.journal.stream("m", "!")
    await until(lambda: late.blocks == {"m": "Hello!"}, "the rest")
    room.journal.finish()
    await until(lambda: late.blocks == {} and late.cursor == 1, "the durable block")


@pytest.mark.parametrize(("after", "epoch"), [(0, "old"), (2, "old"), (9, "e1"), (9, None)])
async def test_a_cursor_of_another_journal_is_reset(room: Room, after: int, epoch: str | None) -> None:
    for _ in range(3):
        room.journal.append()
    page = await room.join(after, epoch)
    await until(lambda: page.live == 1, "live")
    assert (page.cursor, page.epoch) == (3, "e1")


async def test_a_reader_who_is_ahead_of_the_watch_is_not_reset(room: Room) -> None:
    first = await room.join(0)
    await until(lambda: first.live == 1, "live")
    room.journal.events.append(msgspec.json.encode({"type": "notice", "seq": 1, "ts": "e1"}))  # on its way
    page = await room.join(1, "e1")
    await until(lambda: page.live == 1, "live at the one ahead")
    room.journal.repeat(1)
    room.journal.append()
    await until(lambda: page.cursor == 2 and first.cursor == 2, "the next event at both")


async def test_an_event_that_comes_twice_is_passed_on_once(room: Room) -> None:
    page = await room.join(0)
    room.journal.append()
    room.journal.append()
    room.journal.repeat(1)
    room.journal.append()
    await until(lambda: page.cursor == 3, "the last event")


async def test_the_agents_state_is_passed_on_and_given_to_who_joins(room: Room) -> None:
    early = await room.join(0)
    await eventually(lambda: early.live, what="live")
    room.journal.agent("starting")
    room.journal.agent("live")
    await eventually(lambda: early.agent == ["starting", "live"], what="the agent's state")
    late = await room.join(0)
    await eventually(lambda: late.agent == ["live"], what="the agent's state at once")
    room.journal.agent("none")
    await eventually(lambda: late.agent == ["live", "none"], what="the end of the agent")
    last = await room.join(0)
    await eventually(lambda: last.live, what="live")
    assert last.agent == []


async def test_an_agent_that_went_while_events_were_lost_is_gone(room: Room) -> None:
    page = await room.join(0)
    await eventually(lambda: page.live, what="live")
    room.journal.agent("live")
    await eventually(lambda: page.agent == ["live"], what="the agent's state")
    room.journal.vanish()
    await eventually(lambda: page.agent == ["live", "none"], what="the end of the agent")


async def test_what_streamed_before_a_new_journal_is_forgotten(room: Room) -> None:
    await room.join(0)
    room.journal.stream("m", "old")
    await until(lambda: room.pages[0].blocks == {"m": "old"}, "the stream")
    room.journal.begin_anew("e2", 2)
    await until(lambda: room.pages[0].cursor == 2, "the new journal")
    late = await room.join(0)
    await until(lambda: late.live == 1, "live")
    assert late.blocks == {}


async def test_readers_hear_that_the_node_has_gone(room: Room) -> None:
    page = await room.join(0)
    room.journal.go_offline()
    await until(lambda: page.is_over, "the end")
    assert page.ended is not None
    assert page.ended.code == "node_offline"


async def test_a_refusal_of_the_node_reaches_who_asks(room: Room) -> None:
    room.journal.is_offline = True
    with pytest.raises(WireError, match="gone"):
        await room.join(0)


async def test_the_last_who_leaves_ends_the_watch(room: Room) -> None:
    page = await room.join(0)
    room.leave(page)
    await until(lambda: room.journal.watches[0].is_closed, "the end of the watch")
    assert room.feed is not None
    assert room.feed.is_over


async def test_who_does_not_read_holds_up_nobody(room: Room) -> None:
    for _ in range(20):
        room.journal.append()
    stuck = await room.join(0)
    stuck.room.clear()
    page = await room.join(0)
    await until(lambda: page.live == 1, "live at the other")
    room.journal.append()
    await until(lambda: page.cursor == 21, "the live event at the other")
    stuck.room.set()
    await until(lambda: stuck.live == 1, "live at the slow one")
    assert stuck.cursor == 21


STEPS = ["append", "append", "append", "stream", "finish", "join", "join", "leave", "lag", "anew", "offline", "turns"]


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32), st.lists(st.sampled_from(STEPS), min_size=10, max_size=120))
def test_every_interleaving_gives_every_reader_every_event_once(seed: int, steps: list[str]) -> None:
    asyncio.run(_play(random.Random(seed), steps))


async def _play(chance: random.Random, steps: list[str]) -> None:
    bytes_before, feed_module.Ring = feed_module.Ring, lambda floor: Ring(floor, max_bytes=300)  # type: ignore[misc,assignment,attr-defined]
    room = Room(FakeJournal())
    try:
        for number, step in enumerate(steps):
            await _do(room, step, number, chance)
            for _ in range(chance.randrange(4)):
                await asyncio.sleep(0)
        await _settle(room)
    finally:
        feed_module.Ring = bytes_before  # type: ignore[attr-defined]
        await room.close()


async def _do(room: Room, step: str, number: int, chance: random.Random) -> None:
    journal = room.journal
    if step == "append":
        journal.append()
    elif step == "stream":
        journal.stream(f"m{journal.head}", "word ")
    elif step == "finish":
        journal.finish()
    elif step == "join":
        await room.join(chance.randint(0, journal.head), chance.choice([None, journal.epoch, "unknown"]))
    elif step == "leave" and room.pages:
        room.leave(chance.choice(room.pages))
    elif step == "lag":
        journal.lag()
    elif step == "anew":
        journal.begin_anew(f"e{number + 2}", chance.randrange(15))
    elif step == "offline":
        journal.go_offline()
        await until(lambda: room.feed is None or room.feed.is_over, "the end of the feed")
        journal.is_offline = False
    elif step == "turns":
        for _ in range(20):
            await asyncio.sleep(0)


async def _settle(room: Room) -> None:
    """Who was told to ask again does; then everybody has all of it."""
    for page in [each for each in room.pages if each.is_over]:
        room.leave(page)
        await room.join(page.cursor, page.epoch)
    for _ in range(3):
        await until(
            lambda: all(page.is_over or (page.live and page.cursor == room.journal.head) for page in room.pages),
            f"every page at {room.journal.head}",
        )


def test_a_ring_keeps_to_its_bytes_and_moves_its_floor() -> None:
    ring = Ring(0, max_bytes=10)
    for seq in range(1, 8):
        ring.add(seq, b"1234")
    assert (ring.floor, ring.head) == (5, 7)
    assert [seq for seq, _ in ring.after(5)] == [6, 7]


def test_one_event_longer_than_the_ring_is_kept() -> None:
    ring = Ring(0, max_bytes=10)
    ring.add(1, b"x" * 100)
    assert ring.after(0) == [(1, b"x" * 100)]


def test_a_delta_that_does_not_continue_its_block_ends_it() -> None:
    blocks = OpenBlocks()
    blocks.add(Delta(message_id="m", kind="text", offset=0, text="ab"))
    blocks.add(Delta(message_id="m", kind="text", offset=5, text="x"))
    assert list(blocks) == []


def test_blocks_without_end_are_not_remembered() -> None:
    blocks = OpenBlocks()
    for number in range(1000):
        blocks.add(Delta(message_id=f"m{number}", kind="text", offset=0, text=""))
    assert len(list(blocks)) == MAX_OPEN_BLOCKS
    blocks.close("m0")
    blocks.add(Delta(message_id="another", kind="text", offset=0, text="Hello"))
    assert [each.text for each in blocks][-1] == "Hello"
