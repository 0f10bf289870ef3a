"""Lists, the two subscriptions of Main, and pages of events."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from node.sessions.listing import MAX_INBOX_BYTES
from tests.support.agents import FakeProvider, approval
from tests.support.waiting import eventually
from tests.unit.node.sessions.bench import NODE, bench, decode_event
from ws.protocol.errors import ErrorCode, WireError
from ws.protocol.events import AgentMessage
from ws.protocol.link import LinkSessionEvent, LinkSessionsResult
from ws.protocol.sessions import (
    MAX_PAGE_BYTES,
    InboxEvent,
    InboxItem,
    InboxResolved,
    InboxResult,
    InboxTurnEnded,
    SessionChanged,
    SessionEventsParams,
    SessionListParams,
    SessionRemoved,
    SessionUpdateParams,
)
from ws.rpc import Feed


class Sink:
    """A subscription whose events are looked at."""

    def __init__(self, feed: Feed, decode: Callable[[bytes], Any]) -> None:
        self.events: list[Any] = []
        self._decode = decode
        self.detach = feed.attach(self)

    def offer(self, event: bytes) -> bool:
        self.events.append(self._decode(event))
        return True

    def offer_all(self, events: Sequence[bytes]) -> bool:
        return all(self.offer(event) for event in events)

    async def send(self, event: bytes) -> bool:
        return self.offer(event)

    def lag(self) -> None:
        raise AssertionError("lagged")

    def end(self, error: WireError | None = None) -> None:
        raise AssertionError("ended")


def sessions_sink(feed: Feed) -> Sink:
    return Sink(feed, msgspec.json.Decoder(LinkSessionEvent).decode)


def inbox_sink(feed: Feed) -> Sink:
    return Sink(feed, msgspec.json.Decoder(InboxEvent).decode)


async def test_a_change_of_the_list_is_told_before_the_call_is_answered(tmp_path: Path) -> None:
    async with bench(tmp_path) as node:
        sink = sessions_sink(node.service.sessions_feed())
        session = await node.create()
        assert [event.session.id for event in sink.events] == [session]
        await node.send(session, "m1", "Hello")
        assert (sink.events[-1].session.status, sink.events[-1].session.title) == ("running", "Hello")
        await node.service.update(SessionUpdateParams(node=NODE, session=session, archived=True), "ada")
        assert sink.events[-1].session.archived
        await node.service.delete(session)
        assert sink.events[-1] == SessionRemoved(node=NODE, id=session)


async def test_what_changes_between_snapshot_and_attachment_is_not_lost(tmp_path: Path) -> None:
    async with bench(tmp_path) as node:
        first = await node.create()
        feed = node.service.sessions_feed()
        second = await node.create()
        snapshot = msgspec.json.decode(feed.result, type=LinkSessionsResult)
        assert [row.id for row in snapshot.sessions] == [first]
        sink = sessions_sink(feed)
        assert [event.session.id for event in sink.events] == [second]
        sink.detach()
        await node.create()
        assert len(sink.events) == 1


async def test_events_that_change_no_row_are_not_told(tmp_path: Path) -> None:
    async with bench(tmp_path) as node:
        session = await node.create()
        await node.send(session, "m1")
        await node.prompted()
        sink = sessions_sink(node.service.sessions_feed())
        await node.send(session, "m2")
        assert sink.events == []


async def test_the_inbox_holds_what_is_asked_now_and_tells_what_follows(tmp_path: Path) -> None:
    async with bench(tmp_path) as node:
        session = await node.create()
        await node.send(session, "m1")
        await node.prompted()
        await node.provider.agent.say(approval("p1"))
        await node.asked(session)
        feed = node.service.inbox_feed()
        (item,) = msgspec.json.decode(feed.result, type=InboxResult).approvals
        assert (item.session.id, item.session.status, item.approval.approval) == (session, "waiting", "p1")
        sink = inbox_sink(feed)
        await node.answer(session, "p1", "yes")
        await node.provider.agent.say(approval("p2"))
        await node.asked(session)
        await node.provider.agent.end()
        await node.idle(session)
        assert [type(event) for event in sink.events] == [InboxResolved, InboxItem, InboxResolved, InboxTurnEnded]
        assert sink.events[-1].stop_reason == "end_turn"
        answered, withdrawn = (event for event in sink.events if isinstance(event, InboxResolved))
        assert (answered.outcome, answered.option, answered.by) == ("selected", "yes", "ada")
        assert (withdrawn.outcome, withdrawn.option, withdrawn.by) == ("withdrawn", None, None)


async def test_an_inbox_that_is_too_large_for_one_answer_shows_less_of_the_last(tmp_path: Path) -> None:
    provider = FakeProvider()
    async with bench(tmp_path, provider) as node:
        sessions = [await node.create(path=f"/workspace/{number}") for number in range(8)]
        for session in sessions:
            await node.send(session, "m1")
            await node.prompted()
            await provider.agent.say(replace(approval("p1"), input={"text": "x" * 700_000}))
            await node.asked(session)
        result = node.service.inbox_feed().result
        assert len(result) <= MAX_INBOX_BYTES
        items = msgspec.json.decode(result, type=InboxResult).approvals
        assert sorted(item.session.id for item in items) == sorted(sessions)
        assert sum("left_out" in item.approval.input for item in items) == 3


async def test_deleting_a_session_takes_what_it_asks_out_of_the_inbox(tmp_path: Path) -> None:
    async with bench(tmp_path) as node:
        session = await node.create()
        await node.send(session, "m1")
        await node.prompted()
        await node.provider.agent.say(approval("p1"))
        await node.asked(session)
        sink = inbox_sink(node.service.inbox_feed())
        await node.service.delete(session)
        assert InboxResolved(node=NODE, session=session, approval="p1") in sink.events


async def test_a_turn_that_ended_unseen_makes_a_session_unread_until_somebody_looks(tmp_path: Path) -> None:
    async with bench(tmp_path) as node:
        session = await node.create()
        await node.send(session, "m1")
        await node.prompted()
        sink = sessions_sink(node.service.sessions_feed())
        await node.provider.agent.end()
        rows = [event.session for event in sink.events if isinstance(event, SessionChanged)]
        while not (rows and rows[-1].status == "idle"):
            await node.store.database.read(lambda connection: None)
            rows = [event.session for event in sink.events if isinstance(event, SessionChanged)]
        assert rows[-1].unread
        assert node.service.get(session).unread
        await node.idle(session)  # watches
        assert not node.service.get(session).unread
        assert not sink.events[-1].session.unread
        await node.restart(is_crash=False)
        assert not node.service.get(session).unread


async def test_a_list_is_searched_and_leaves_archived_sessions_out(tmp_path: Path) -> None:
    async with bench(tmp_path) as node:
        one = await node.create(title="Fix the Parser", path="/workspace/a")
        two = await node.create(title="Other", path="/workspace/b")
        await node.service.update(SessionUpdateParams(node=NODE, session=two, archived=True), "ada")

        async def ids(**params: Any) -> list[str]:
            return [row.id for row in (await node.service.listed(SessionListParams(**params))).sessions]

        assert await ids() == [one]
        assert await ids(archived=True) == [two, one]
        assert await ids(query="parser") == [one]
        assert await ids(path="/workspace/b", archived=True) == [two]
        assert await ids(query="nothing") == []
        assert {(each.path, each.sessions) for each in node.service.folders()} == {
            ("/workspace/a", 1),
            ("/workspace/b", 0),
        }


async def test_pages_of_events_join_without_gaps_in_both_directions(tmp_path: Path) -> None:
    async with bench(tmp_path, FakeProvider(is_eager=True)) as node:
        session = await node.create()
        for number in range(5):
            await node.send(session, f"m{number}")
        await node.idle(session)
        head = node.service.get(session).head

        async def page(**params: Any) -> list[int]:
            answer = await node.service.events(SessionEventsParams(node=NODE, session=session, limit=7, **params))
            assert answer.head == head
            return [decode_event(bytes(raw)).seq for raw in answer.events]

        forwards: list[int] = []
        while found := await page(after=len(forwards)):
            forwards += found
        backwards: list[int] = []
        while found := await page(before=backwards[0] if backwards else head + 1000):
            backwards = found + backwards
        assert forwards == backwards == list(range(1, head + 1))
        with pytest.raises(WireError) as refused:
            await page(after=1, before=2)
        assert refused.value.code is ErrorCode.INVALID


async def test_a_page_ends_at_its_bound_in_bytes(tmp_path: Path) -> None:
    async with bench(tmp_path) as node:
        session = await node.create()
        await node.send(session, "m0")
        await node.prompted()
        await node.provider.agent.say(*(AgentMessage(message_id=f"a{n}", text="y" * 250_000) for n in range(20)))
        await node.provider.agent.end()
        await eventually(lambda: node.service.get(session).turn is None, what="the turn to end")
        answer = await node.service.events(SessionEventsParams(node=NODE, session=session, limit=1000))
        total = sum(len(bytes(raw)) for raw in answer.events)
        assert MAX_PAGE_BYTES - 600_000 < total <= MAX_PAGE_BYTES


async def test_a_session_waits_for_an_agent_that_is_still_starting_and_a_list_does_not(tmp_path: Path) -> None:
    async with bench(tmp_path, FakeProvider(is_starting=True)) as node:
        assert not (await node.service.providers())[0].available
        assert await node.create()
