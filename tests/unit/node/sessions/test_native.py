"""The sessions that agents have by themselves: listed, read, followed, taken over, hidden."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from node.sessions.native import library as library_module
from providers.base import NativeSession, ProviderFailed, WentBack
from tests.support.agents import FakeProvider
from tests.unit.node.sessions.bench import DEADLINE_S, FOLDER, NODE, Bench, bench, decode_event, decode_watched
from ws.protocol.errors import ErrorCode, WireError
from ws.protocol.events import (
    AgentMessage,
    JournalEvent,
    Live,
    ModeChanged,
    NativeIdKnown,
    SessionStarted,
    TurnEnded,
    TurnStarted,
    UserMessage,
)
from ws.protocol.sessions import (
    SessionEventsParams,
    SessionForkParams,
    SessionListParams,
    SessionRewindParams,
    SessionSummary,
    SessionUpdateParams,
    SessionWatchParams,
)
from ws.rpc import Lagging

TS = "2026-11-20T10:00:0{}.000Z"


def turn(number: int, *, is_ended: bool = True) -> list[JournalEvent]:
    ts = TS.format(number)
    begun: list[JournalEvent] = [
        TurnStarted(ts=ts),
        UserMessage(message_id=f"p{number}", text=f"Do {number}", attachments=[], by="terminal", ts=ts),
        AgentMessage(message_id=f"a{number}", text=f"Did {number}", ts=ts),
    ]
    return [*begun, TurnEnded(stop_reason="end_turn", anchor=f"e{number}", ts=ts)] if is_ended else begun


@dataclass
class FakeHistory:
    """Sessions by native id; a test changes them and says `grown`."""

    transcripts: dict[str, list[JournalEvent]] = field(default_factory=dict)
    folders: dict[str, str] = field(default_factory=dict)
    running: set[str] = field(default_factory=set)
    failure: str | None = None
    change: asyncio.Event = field(default_factory=asyncio.Event)
    is_followed: bool = True

    async def sessions(self) -> Sequence[NativeSession]:
        if self.failure:
            raise ProviderFailed(self.failure)
        found = [
            NativeSession(
                native_id=name,
                path=Path(self.folders.get(name, FOLDER)),
                title=f"Title of {name}",
                updated=events[-1].ts,
                branch="main",
                turns=sum(isinstance(event, UserMessage) for event in events),
                is_running=name in self.running,
            )
            for name, events in self.transcripts.items()
        ]
        return sorted(found, key=lambda each: each.updated, reverse=True)

    async def session(self, native_id: str) -> NativeSession | None:
        return next((each for each in await self.sessions() if each.native_id == native_id), None)

    async def transcript(self, native_id: str) -> Sequence[JournalEvent]:
        return [*self.transcripts[native_id]]

    def prompt_name(self, message_id: str) -> str | None:
        return f"native-{message_id}"

    async def changed(self) -> None:
        await self.change.wait()

    def grow(self, native_id: str, events: list[JournalEvent]) -> None:
        self.transcripts[native_id] += events
        change, self.change = self.change, asyncio.Event()
        change.set()


def provider(history: FakeHistory) -> FakeProvider:
    return FakeProvider(native=history, features=["fork", "rewind"])


async def rows(node: Bench, **params: Any) -> list[SessionSummary]:
    return (await node.service.listed(SessionListParams(**params))).sessions


async def journal(node: Bench, session: str) -> list[JournalEvent]:
    page = await node.service.events(SessionEventsParams(node=NODE, session=session, limit=1000))
    return [decode_event(bytes(raw)) for raw in page.events]


async def test_they_are_listed_among_ours_searched_and_paged(tmp_path: Path) -> None:
    history = FakeHistory({"one": turn(1), "two": turn(2), "outside": turn(3)}, {"outside": "/forbidden/x"})
    async with bench(tmp_path, provider(history)) as node:
        mine = await node.create(title="Mine")
        found = await rows(node)
        assert [each.title for each in found] == ["Mine", "Title of two", "Title of one"]
        native = found[1]
        assert (native.status, native.native_id, native.branch, native.turns) == ("native", "two", "main", 1)
        assert len(native.id) <= 64
        assert [each.id for each in await rows(node, native=False)] == [mine]
        assert [each.native_id for each in await rows(node, query="OF ONE")] == ["one"]
        assert await rows(node, path="/elsewhere") == []
        paged: list[str] = []
        cursor: str | None = None
        while True:
            page = await node.service.listed(SessionListParams(limit=1, cursor=cursor))
            paged += [each.id for each in page.sessions]
            cursor = page.next_cursor
            if cursor is None:
                break
        assert paged == [each.id for each in found]
        history.failure = "The history is broken."
        assert [each.id for each in await rows(node)] == [mine], "the others are listed all the same"


async def test_one_is_read_as_a_journal(tmp_path: Path) -> None:
    history = FakeHistory({"one": turn(1) + turn(2)})
    async with bench(tmp_path, provider(history)) as node:
        (native,) = await rows(node)
        events = await journal(node, native.id)
        assert [event.seq for event in events] == list(range(1, len(events) + 1))
        assert isinstance(events[0], SessionStarted)
        assert [event.ts for event in events[1:]] == [event.ts for event in turn(1) + turn(2)]
        state = await node.service.state(native.id)
        assert (state.status, state.head, state.branch, state.turns) == ("native", len(events), "main", 2)
        last = await node.service.events(SessionEventsParams(node=NODE, session=native.id, before=len(events), limit=2))
        assert [decode_event(bytes(raw)).seq for raw in last.events] == [len(events) - 2, len(events) - 1]
        with pytest.raises(WireError) as refused:
            await node.service.state("n-nothing")
        assert refused.value.code == ErrorCode.NOT_FOUND
        assert node.provider.agents == []
        assert await node.store.journals.load() == []


async def test_one_that_has_not_changed_is_not_read_again(tmp_path: Path) -> None:
    class Unchanged(FakeHistory):
        reads = 0

        async def session(self, native_id: str) -> NativeSession | None:
            return next(each for each in same if each.native_id == native_id)

        async def transcript(self, native_id: str) -> Sequence[JournalEvent]:
            self.reads += 1
            return await super().transcript(native_id)

    history = Unchanged({"one": turn(1)})
    same = await history.sessions()
    async with bench(tmp_path, provider(history)) as node:
        (native,) = await rows(node)
        for _ in range(3):
            assert len(await journal(node, native.id)) == 5
        assert history.reads == 1
        history.grow("one", turn(2))
        same = await history.sessions()
        assert len(await journal(node, native.id)) == 9
        assert history.reads == 2


async def test_only_so_much_of_them_stays_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library_module, "MAX_OPEN_BYTES", 4000)
    history = FakeHistory({f"s{number}": turn(1) for number in range(6)} | {"long": turn(1) * 20})
    async with bench(tmp_path, provider(history)) as node:
        natives = await rows(node)
        watched = await node.service.watch_any(SessionWatchParams(node=NODE, session=natives[0].id))
        assert decode_watched(await anext(watched[1])).seq == 1
        for native in natives:
            assert len(await journal(node, native.id)) >= 5
        opened = node.service._library._opened
        assert natives[0].id in opened, "somebody watches it"
        assert natives[-1].id in opened, "it was the last"
        assert len(opened) < len(natives)
        await node.send(natives[1].id, "m1")


async def test_a_watch_follows_it_as_it_grows_and_goes_on_when_it_is_taken_over(tmp_path: Path) -> None:
    history = FakeHistory({"one": turn(1)})
    async with bench(tmp_path, provider(history)) as node, asyncio.timeout(DEADLINE_S):
        (native,) = await rows(node)
        result, stream = await node.service.watch_any(SessionWatchParams(node=NODE, session=native.id))
        seen = [decode_watched(await anext(stream)) for _ in range(6)]
        assert isinstance(seen[-1], Live)
        history.grow("one", turn(2))
        grown = [decode_watched(await anext(stream)) for _ in range(4)]
        assert [event.seq for event in grown] == [6, 7, 8, 9]
        await node.send(native.id, "m1")
        with pytest.raises(Lagging):
            await anext(stream)
        params = SessionWatchParams(node=NODE, session=native.id, after=9, epoch=result.epoch)
        again, stream = await node.service.watch_any(params)
        assert again.epoch == result.epoch
        assert decode_watched(await anext(stream)).seq == 10, "no reset: what was read stays"


async def test_the_first_prompt_makes_it_ours_under_the_same_ids(tmp_path: Path) -> None:
    history = FakeHistory({"one": turn(1) + turn(2, is_ended=False)})
    async with bench(tmp_path, provider(history), max_mode="ask") as node:
        (native,) = await rows(node)
        before = await journal(node, native.id)
        await node.send(native.id, "m1")
        await node.prompted()
        assert node.provider.agent.spec.native_id == "one"
        assert node.provider.agent.spec.mode == "ask"
        events = await journal(node, native.id)
        assert events[: len(before)] == before
        ended, mode = events[len(before) : len(before) + 2]
        assert isinstance(ended, TurnEnded)
        assert (ended.stop_reason, ended.turn is not None) == ("cancelled", True)
        assert isinstance(mode, ModeChanged)
        await node.provider.agent.end()
        await node.idle(native.id)
        (ours,) = await rows(node)
        assert (ours.id, ours.native_id, ours.status) == (native.id, "one", "idle")
        await node.restart(is_crash=True)
        assert [each.id for each in await rows(node)] == [native.id]


async def test_several_prompts_at_once_take_it_over_once(tmp_path: Path) -> None:
    history = FakeHistory({"one": turn(1)})
    async with bench(tmp_path, provider(history)) as node:
        (native,) = await rows(node)
        async with asyncio.TaskGroup() as calls:
            sent = [calls.create_task(node.send(native.id, f"m{number % 2}")) for number in range(6)]
        assert sorted(each.result().duplicate for each in sent) == [False, False, True, True, True, True]
        assert len(await rows(node)) == 1


async def test_one_that_is_open_in_a_terminal_is_not_taken_over(tmp_path: Path) -> None:
    history = FakeHistory({"one": turn(1)}, running={"one"})
    async with bench(tmp_path, provider(history)) as node:
        (native,) = await rows(node)
        assert native.is_running_elsewhere
        with pytest.raises(WireError) as refused:
            await node.send(native.id, "m1")
        assert (refused.value.code, "terminal" in refused.value.detail) == (ErrorCode.CONFLICT, True)
        assert [each.status for each in await rows(node)] == ["native"]
        history.running.clear()
        await node.send(native.id, "m1")


async def test_one_of_ours_that_is_open_in_a_terminal_again_is_not_fought_over(tmp_path: Path) -> None:
    history = FakeHistory({"one": turn(1)})
    fake = provider(history)
    fake.is_eager = True
    async with bench(tmp_path, fake) as node:
        (native,) = await rows(node)
        await node.send(native.id, "m1")
        await node.idle(native.id)
        history.running.add("one")
        await node.send(native.id, "m2")
        await node.idle(native.id)  # our agent lives: whoever opened it there does the harm
        await node.restart(is_crash=False)
        with pytest.raises(WireError) as refused:
            await node.send(native.id, "m3")
        assert (refused.value.code, "terminal" in refused.value.detail) == (ErrorCode.CONFLICT, True)
        assert (await node.send(native.id, "m2")).duplicate
        history.running.clear()
        await node.send(native.id, "m3")
        await node.idle(native.id)


async def test_resuming_by_native_id_answers_the_same_session(tmp_path: Path) -> None:
    history = FakeHistory({"one": turn(1)})
    async with bench(tmp_path, provider(history)) as node:
        (native,) = await rows(node)
        assert await node.create(resume="one") == native.id
        assert len(await journal(node, native.id)) == 6
        with pytest.raises(WireError) as refused:
            await node.create(resume="one")
        assert refused.value.code == ErrorCode.CONFLICT
        for unknown in ("unknown", "/etc/evil.jsonl", "http://evil.example/one"):
            with pytest.raises(WireError) as refused:
                await node.create(resume=unknown)
            assert refused.value.code == ErrorCode.NOT_FOUND


async def test_stopping_one_in_which_nothing_runs_here_changes_nothing(tmp_path: Path) -> None:
    async with bench(tmp_path, provider(FakeHistory({"one": turn(1)}))) as node:
        (native,) = await rows(node)
        assert not await node.interrupt(native.id)
        assert [each.status for each in await rows(node)] == ["native"]
        with pytest.raises(WireError) as refused:
            await node.interrupt("n-unknown")
        assert refused.value.code == ErrorCode.NOT_FOUND


async def test_a_removed_one_is_hidden_until_it_is_asked_for_by_name(tmp_path: Path) -> None:
    history = FakeHistory({"one": turn(1), "two": turn(2)})
    async with bench(tmp_path, provider(history)) as node:
        two, one = await rows(node)
        await node.service.delete(one.id)
        await node.restart(is_crash=False)
        assert [each.id for each in await rows(node)] == [two.id]
        with pytest.raises(WireError) as refused:
            await node.service.state(one.id)
        assert refused.value.code == ErrorCode.NOT_FOUND
        assert await node.create(resume="one") == one.id
        await node.service.delete(one.id)
        assert [each.id for each in await rows(node)] == [two.id], "a session of ours does not come back as the agent's"
        assert set(history.transcripts) == {"one", "two"}


async def test_one_that_going_back_has_left_is_not_listed_beside_ours(tmp_path: Path) -> None:
    agent = provider(FakeHistory({"one": turn(1)}))
    async with bench(tmp_path, agent) as node:
        session = await node.create()
        await node.send(session, "m1")
        await node.prompted()
        await agent.agent.say(NativeIdKnown(native_id="one"))
        await agent.agent.end()
        await node.idle(session)
        agent.going_back = WentBack([], None)
        await node.service.rewind(SessionRewindParams(node=NODE, session=session, message_id="m1"), "ada")
        assert node.service.get(session).native_id is None
        assert [row.id for row in await rows(node)] == [session]
        await node.restart(is_crash=False)
        assert [row.id for row in await rows(node)] == [session]


async def test_one_is_forked_without_being_taken_over(tmp_path: Path) -> None:
    history = FakeHistory({"one": turn(1) + turn(2)})
    async with bench(tmp_path, provider(history)) as node:
        (native,) = await rows(node)
        made = await node.service.fork(SessionForkParams(node=NODE, session=native.id, before="p2"), "ada")
        (started, *_) = await journal(node, made.id)
        assert isinstance(started, SessionStarted)
        assert started.forked_from is not None
        assert (started.forked_from.native_id, started.forked_from.anchor) == ("one", "e1")
        assert [each.status for each in await rows(node)].count("native") == 1


async def test_what_was_rewritten_is_read_anew_under_another_epoch(tmp_path: Path) -> None:
    history = FakeHistory({"one": turn(1) + turn(2)})
    async with bench(tmp_path, provider(history)) as node:
        (native,) = await rows(node)
        before = await node.service.state(native.id)
        history.transcripts["one"] = turn(3)
        after = await node.service.state(native.id)
        assert after.epoch != before.epoch
        assert after.head == 5


async def test_a_mode_that_is_refused_leaves_it_the_agents_own(tmp_path: Path) -> None:
    async with bench(tmp_path, provider(FakeHistory({"one": turn(1)})), max_mode="ask") as node:
        (native,) = await rows(node)
        for mode in ("free", "none"):
            with pytest.raises(WireError):
                await node.service.update(SessionUpdateParams(node=NODE, session=native.id, mode=mode), "ada")
        assert [each.status for each in await rows(node)] == ["native"]


async def test_changing_a_setting_makes_it_ours(tmp_path: Path) -> None:
    history = FakeHistory({"one": turn(1)})
    async with bench(tmp_path, provider(history)) as node:
        (native,) = await rows(node)
        await node.service.update(SessionUpdateParams(node=NODE, session=native.id, title="Named"), "ada")
        assert [(each.id, each.title, each.status) for each in await rows(node)] == [(native.id, "Named", "idle")]
