"""Watching a session: from a cursor, without gaps, nothing twice, deltas for who joins late."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from node.sessions import watch as watching
from node.sessions.deltas import MAX_OPEN_CHARS
from tests.support.waiting import eventually
from tests.unit.node.sessions.bench import DEADLINE_S, NODE, Bench, bench, decode_watched
from ws.protocol.errors import ErrorCode, WireError
from ws.protocol.events import AgentMessage, AgentState, Delta, Live, Reset, TurnEnded
from ws.protocol.sessions import SessionWatchParams
from ws.rpc import Lagging


async def _watch(node: Bench, session: str, after: int = 0, epoch: str | None = None) -> AsyncIterator[bytes]:
    """What is in the journal or becomes of it; the agent's state is the matter of test_presence."""
    params = SessionWatchParams(node=NODE, session=session, after=after, epoch=epoch)
    stream: Any = node.service.watch(params)[1]
    async with contextlib.aclosing(stream):
        async for event in stream:
            if not isinstance(decode_watched(event), AgentState):
                yield event


async def _take(stream: AsyncIterator[bytes], count: int) -> list[Any]:
    async with asyncio.timeout(DEADLINE_S):
        return [decode_watched(await anext(stream)) for _ in range(count)]


async def _until_turn_ended(stream: AsyncIterator[bytes]) -> list[Any]:
    found: list[Any] = []
    async with asyncio.timeout(DEADLINE_S):
        while not (found and isinstance(found[-1], TurnEnded)):
            found.append(decode_watched(await anext(stream)))
    return found


async def _until_lagging(stream: AsyncIterator[bytes]) -> list[int]:
    found: list[int] = []
    try:
        while True:
            found += _seqs(await _take(stream, 1))
    except Lagging:
        return found


def _seqs(events: list[Any]) -> list[int]:
    return [event.seq for event in events if not isinstance(event, Delta | Live | Reset)]


async def test_a_watch_replays_from_its_cursor_and_goes_on_live(tmp_path: Path) -> None:
    async with bench(tmp_path) as node:
        session = await node.create()
        await node.send(session, "m1")
        await node.prompted()
        stream = _watch(node, session, after=2)
        replayed = await _take(stream, 4)
        assert _seqs(replayed) == [3, 4, 5]
        assert replayed[-1] == Live(head=5)
        await node.provider.agent.say(AgentMessage(message_id="a", text="b"))
        await node.provider.agent.end()
        assert _seqs(await _until_turn_ended(stream)) == [6, 7]


@pytest.mark.parametrize(("after", "epoch"), [(0, "another"), (99, None), (1, "another")])
async def test_a_cursor_of_another_journal_begins_anew(tmp_path: Path, after: int, epoch: str | None) -> None:
    async with bench(tmp_path) as node:
        session = await node.create()
        first, *rest = await _take(_watch(node, session, after, epoch), 3)
        assert first == Reset(epoch=node.service.get(session).epoch)
        assert _seqs(rest) == [1]


async def test_a_cursor_at_the_head_of_its_epoch_is_live_at_once(tmp_path: Path) -> None:
    async with bench(tmp_path) as node:
        session = await node.create()
        epoch = node.service.get(session).epoch
        assert await _take(_watch(node, session, 1, epoch), 1) == [Live(head=1)]


async def test_readers_that_join_at_any_moment_see_every_event_once(tmp_path: Path) -> None:
    count = 300
    async with bench(tmp_path) as node:
        session = await node.create(title="T")
        await node.send(session, "m1")
        await node.prompted()
        agent = node.provider.agent

        async def read(delay: int) -> list[int]:
            for _ in range(delay):
                await asyncio.sleep(0)
            return _seqs(await _until_turn_ended(_watch(node, session)))

        async with asyncio.TaskGroup() as group:
            readers = [group.create_task(read(13 * number)) for number in range(20)]
            for number in range(count):
                await agent.say(AgentMessage(message_id=f"a{number}", text="x" * (number % 7) * 1000))
            await agent.end()
        for reader in readers:
            assert reader.result() == list(range(1, count + 6))


async def test_who_joins_in_the_middle_of_a_message_gets_it_so_far(tmp_path: Path) -> None:
    async with bench(tmp_path) as node:
        session = await node.create()
        await node.send(session, "m1")
        await node.prompted()
        early = _watch(node, session, node.service.get(session).head)
        await _take(early, 1)
        agent = node.provider.agent
        for offset, text in enumerate(("H", "é", "😀", "!")):
            await agent.say(Delta(message_id="a", kind="text", offset=offset, text=text))
        text = ""
        while len(text) < 4:
            (delta,) = await _take(early, 1)
            assert delta.offset == len(text)
            text += delta.text
        assert text == "Hé😀!"
        late = _watch(node, session, node.service.get(session).head)
        live, so_far = await _take(late, 2)
        assert isinstance(live, Live)
        assert so_far == Delta(message_id="a", kind="text", offset=0, text="Hé😀!")
        await agent.say(Delta(message_id="a", kind="text", offset=4, text="?"))
        assert await _take(late, 1) == await _take(early, 1)
        await agent.say(AgentMessage(message_id="a", text="Hé😀!?"))
        (durable,) = await _take(late, 1)
        assert isinstance(durable, AgentMessage)
        after = _watch(node, session, durable.seq)
        assert await _take(after, 1) == [Live(head=durable.seq)]


async def test_a_retry_begins_its_block_anew(tmp_path: Path) -> None:
    async with bench(tmp_path) as node:
        session = await node.create()
        await node.send(session, "m1")
        await node.prompted()
        agent = node.provider.agent
        await agent.say(
            Delta(message_id="a", kind="text", offset=0, text="First try"),
            Delta(message_id="a", kind="text", offset=0, text="Second"),
            Delta(message_id="a", kind="text", offset=99, text="a gap"),
            AgentMessage(message_id="b", text="."),
        )
        await node.until(session, lambda state: state.head == 6)
        _, so_far = await _take(_watch(node, session, 6), 2)
        assert so_far.text == "Second"


async def test_a_block_too_long_to_stream_comes_whole_when_it_is_done(tmp_path: Path) -> None:
    async with bench(tmp_path) as node:
        session = await node.create()
        await node.send(session, "m1")
        await node.prompted()
        agent = node.provider.agent
        stream = _watch(node, session, 5)
        await _take(stream, 1)
        step = MAX_OPEN_CHARS // 4
        text = "\x01" * (step * 6)
        for offset in range(0, len(text), step):
            await agent.say(Delta(message_id="a", kind="text", offset=offset, text=text[offset : offset + step]))
        await agent.say(AgentMessage(message_id="a", text=text))
        await agent.end()
        events = await _until_turn_ended(stream)
        streamed = "".join(event.text for event in events if isinstance(event, Delta))
        assert streamed == text[:MAX_OPEN_CHARS]
        parts = [event for event in events if isinstance(event, AgentMessage)]
        assert "".join(part.text for part in parts) == text
        assert [part.part for part in parts] == list(range(len(parts)))


async def test_a_reader_that_does_not_read_lags_and_comes_back_by_its_cursor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "MAX_WAITING_BYTES", 20_000)
    async with bench(tmp_path) as node:
        session = await node.create(title="T")
        await node.send(session, "m1")
        await node.prompted()
        slow = _watch(node, session)
        seen = _seqs(await _take(slow, 5))
        for number in range(30):
            await node.provider.agent.say(AgentMessage(message_id=f"a{number}", text="x" * 1000))
        await eventually(lambda: node.service.get(session).head == 34, what="all events")
        seen += await _until_lagging(slow)
        assert seen == list(range(1, len(seen) + 1))
        assert len(seen) < 34
        assert _seqs(await _take(_watch(node, session, seen[-1]), 34 - seen[-1])) == list(range(seen[-1] + 1, 35))


async def test_a_watch_ends_when_the_session_is_deleted(tmp_path: Path) -> None:
    async with bench(tmp_path) as node:
        session = await node.create()
        stream = _watch(node, session)
        await _take(stream, 2)
        await node.service.delete(session)
        with pytest.raises(WireError) as gone:
            await _take(stream, 1)
        assert gone.value.code is ErrorCode.NOT_FOUND


async def test_a_reader_that_leaves_is_forgotten(tmp_path: Path) -> None:
    async with bench(tmp_path) as node:
        session = await node.create()
        stream = _watch(node, session)
        await _take(stream, 2)
        journal = node.service._shelf.get(session).session.journal
        assert journal.is_watched
        await stream.aclose()  # type: ignore[attr-defined]  # an async generator
        assert not journal.is_watched
