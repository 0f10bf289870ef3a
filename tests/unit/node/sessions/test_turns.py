"""Prompts, turns and the queue."""

import asyncio
from pathlib import Path

import pytest

from node.sessions.service import Patience
from node.store.database import Database
from providers.base import AgentEvent
from tests.support.agents import FakeProvider, approval
from tests.unit.node.sessions.bench import DEADLINE_S, NODE, Bench, bench, set_read_only
from ws.protocol.errors import ErrorCode, WireError
from ws.protocol.events import (
    AgentMessage,
    NativeIdKnown,
    TurnEnded,
    TurnStarted,
    Usage,
)
from ws.protocol.sessions import SessionSendParams, SessionUpdateParams


async def test_a_prompt_is_journalled_before_it_is_acknowledged(tmp_path: Path) -> None:
    async with bench(tmp_path) as node:
        session = await node.create()
        sent = await node.send(session, "m1", "Fix the tests, please")
        assert (sent.seq, sent.state, sent.duplicate) == (2, "running", False)
        assert (await node.types(session))[:5] == [
            "session_started",
            "prompt_queued",
            "turn_started",
            "user_message",
            "title_changed",
        ]
        assert node.service.get(session).title == "Fix the tests, please"


async def test_a_prompt_sent_twice_runs_once(tmp_path: Path) -> None:
    async with bench(tmp_path) as node:
        session = await node.create()
        first = await node.send(session, "m1")
        again = await node.send(session, "m1", "other words")
        assert (again.seq, again.duplicate) == (first.seq, True)
        await node.prompted()
        await node.provider.agent.end()
        await node.idle(session)
        assert (await node.send(session, "m1")).duplicate
        assert (await node.types(session)).count("prompt_queued") == 1
        assert [prompt.message_id for prompt in node.provider.agent.prompts] == ["m1"]


async def test_prompts_sent_at_once_by_many_run_in_the_order_of_the_journal(tmp_path: Path) -> None:
    async with bench(tmp_path, FakeProvider(is_eager=True)) as node:
        session = await node.create()
        async with asyncio.TaskGroup() as group:
            for number in range(20):
                group.create_task(node.send(session, f"m{number}"))
        await node.idle(session)
        assert [prompt.message_id for prompt in node.provider.agent.prompts] == [f"m{number}" for number in range(20)]
        assert len(node.provider.agents) == 1


async def test_a_caller_that_gives_up_leaves_no_half_done_act(tmp_path: Path) -> None:
    async with bench(tmp_path) as node:
        session = await node.create()
        tasks = []
        async with asyncio.TaskGroup() as group:
            for number in range(10):
                task = group.create_task(node.send(session, f"m{number}"))
                tasks.append(task)
                await asyncio.sleep(0)
                task.cancel()
        state = await node.until(session, lambda state: len(state.queue) == 9)
        assert state.head == len(await node.events(session))


async def test_turn_ended_is_the_last_event_of_its_turn(tmp_path: Path) -> None:
    async with bench(tmp_path) as node:
        session = await node.create()
        await node.send(session, "m1")
        await node.prompted()
        await node.provider.agent.end()
        late: list[AgentEvent] = [
            Usage(input_tokens=1, output_tokens=2),
            NativeIdKnown(native_id="n1"),
            AgentMessage(message_id="x", text="y"),
        ]
        await node.provider.agent.say(*late)
        await node.idle(session)
        await node.send(session, "m2")
        await node.prompted()
        types = await node.types(session)
        end = types.index("turn_ended")
        assert types[end + 1 :] == ["prompt_queued", "turn_started", "user_message", "usage", "native_id_known"]


async def test_a_turn_that_the_agent_begins_by_itself_is_a_turn(tmp_path: Path) -> None:
    async with bench(tmp_path) as node:
        session = await node.create()
        await node.send(session, "m1")
        await node.prompted()
        agent = node.provider.agent
        await agent.end()
        await node.idle(session)
        await agent.say(TurnStarted(), AgentMessage(message_id="x", text="The build is done."))
        state = await node.until(session, lambda state: state.turn is not None)
        assert state.turn is not None
        assert state.turn.message_id is None
        assert (await node.send(session, "m2")).state == "queued"
        await agent.say(TurnEnded(stop_reason="end_turn"))
        await node.prompted()
        assert [prompt.message_id for prompt in agent.prompts] == ["m1", "m2"]


async def test_a_queue_is_edited_moved_and_dropped(tmp_path: Path) -> None:
    async with bench(tmp_path) as node:
        session = await node.create()
        for message_id in ("m1", "m2", "m3", "m4"):
            await node.send(session, message_id)
        await node.queue(session, "edit", message_id="m3", text="Better")
        await node.queue(session, "move", message_id="m4", before="m2")
        result = await node.queue(session, "drop", message_id="m2")
        assert [(each.message_id, each.text) for each in result.queue] == [("m4", "Do it"), ("m3", "Better")]
        with pytest.raises(WireError) as gone:
            await node.queue(session, "edit", message_id="m2", text="?")
        assert gone.value.code is ErrorCode.NOT_FOUND
        with pytest.raises(WireError) as missing:
            await node.queue(session, "drop")
        assert missing.value.errors is not None
        assert missing.value.errors[0].path == "params.message_id"


async def test_an_interrupt_holds_what_waits_until_it_is_released(tmp_path: Path) -> None:
    async with bench(tmp_path) as node:
        session = await node.create()
        await node.send(session, "m1")
        await node.send(session, "m2")
        await node.prompted()
        assert await node.interrupt(session)
        state = await node.idle(session)
        assert (state.queue_held, [each.message_id for each in state.queue]) == (True, ["m2"])
        assert (await node.send(session, "m3")).state == "queued"
        await node.queue(session, "release")
        await node.prompted()
        assert node.provider.agent.prompts[-1].message_id == "m2"
        ended = [event for event in await node.events(session) if isinstance(event, TurnEnded)]
        assert [event.stop_reason for event in ended] == ["cancelled"]


async def test_after_an_interrupt_with_nothing_waiting_the_next_prompt_runs_at_once(tmp_path: Path) -> None:
    async with bench(tmp_path) as node:
        session = await node.create()
        await node.send(session, "m1")
        await node.prompted()
        await node.interrupt(session)
        await node.idle(session)
        assert (await node.send(session, "m2")).state == "running"


async def test_dropping_the_last_held_prompt_releases_the_queue(tmp_path: Path) -> None:
    async with bench(tmp_path) as node:
        session = await node.create()
        await node.send(session, "m1")
        await node.send(session, "m2")
        await node.prompted()
        await node.interrupt(session)
        await node.idle(session)
        assert not (await node.queue(session, "drop", message_id="m2")).held
        assert (await node.send(session, "m3")).state == "running"


async def test_an_interrupt_before_the_agent_has_started_takes_the_prompt_back(tmp_path: Path) -> None:
    provider = FakeProvider(gate=asyncio.Event())
    async with bench(tmp_path, provider) as node:
        session = await node.create()
        await node.send(session, "m1")
        await asyncio.wait_for(provider.opened.wait(), DEADLINE_S)
        assert await node.interrupt(session)
        assert node.service.get(session).turn is None
        assert provider.gate is not None
        provider.gate.set()
        await node.send(session, "m2")
        await node.prompted()
        assert [prompt.message_id for prompt in provider.agent.prompts] == ["m2"]


async def test_an_interrupt_while_the_agent_takes_its_prompt_ends_that_turn(tmp_path: Path) -> None:
    provider = FakeProvider(prompt_gate=asyncio.Event())
    async with bench(tmp_path, provider) as node:
        session = await node.create()
        await node.send(session, "m1")
        await asyncio.wait_for(provider.prompting.wait(), DEADLINE_S)
        assert await node.interrupt(session)
        assert provider.prompt_gate is not None
        provider.prompt_gate.set()
        await node.idle(session)
        assert provider.agent.interrupts == 1
        ended = (await node.events(session))[-1]
        assert isinstance(ended, TurnEnded)
        assert ended.stop_reason == "cancelled"


async def test_interrupting_an_idle_session_does_nothing(tmp_path: Path) -> None:
    async with bench(tmp_path) as node:
        session = await node.create()
        assert not await node.interrupt(session)
        assert await node.types(session) == ["session_started"]


async def test_an_agent_that_ignores_an_interrupt_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.sessions.clocks.INTERRUPT_DEADLINE_S", 0.01)
    async with bench(tmp_path, FakeProvider(is_deaf=True)) as node:
        session = await node.create()
        await node.send(session, "m1")
        await node.prompted()
        await node.interrupt(session)
        await node.idle(session)
        assert isinstance(ended := (await node.events(session))[-1], TurnEnded)
        assert ended.stop_reason == "cancelled"
        assert node.provider.live == 0


async def test_an_agent_that_dies_ends_its_turn_and_the_next_prompt_resumes(tmp_path: Path) -> None:
    async with bench(tmp_path) as node:
        session = await node.create()
        await node.send(session, "m1")
        await node.prompted()
        await node.provider.agent.say(NativeIdKnown(native_id="native-1"), approval("p1"))
        await node.asked(session)
        node.provider.agent.die("It is gone: sign in again.")
        state = await node.idle(session)
        assert (state.status, state.error) == ("failed", "It is gone: sign in again.")
        assert (await node.types(session))[-2:] == ["approval_resolved", "turn_ended"]
        await node.send(session, "m2")
        await node.prompted()
        assert node.provider.agent.spec.native_id == "native-1"


async def test_a_prompt_that_waited_for_the_turn_of_an_agent_that_dies_goes_to_the_next_agent(tmp_path: Path) -> None:
    async with bench(tmp_path) as node:
        session = await node.create()
        await node.send(session, "m1")
        await node.prompted()
        await node.send(session, "m2")
        first = node.provider.agent
        first.is_gone = True
        await first.end(TurnEnded(stop_reason="error", error="It is gone."))
        await node.prompted()
        assert (len(node.provider.agents), first.prompts[0].message_id) == (2, "m1")
        assert [prompt.message_id for prompt in node.provider.agent.prompts] == ["m2"]
        await node.provider.agent.end()
        await node.idle(session)
        ended = [event for event in await node.events(session) if isinstance(event, TurnEnded)]
        assert [event.stop_reason for event in ended] == ["error", "end_turn"]


async def test_an_agent_that_refuses_what_was_changed_while_it_was_opened_is_ended(tmp_path: Path) -> None:
    provider = FakeProvider(gate=asyncio.Event(), refused_modes={"free"})
    async with bench(tmp_path, provider) as node:
        session = await node.create(mode="ask")
        await node.send(session, "m1")
        await provider.opened.wait()
        await node.service.update(SessionUpdateParams(node=NODE, session=session, mode="free"), "ada")
        assert provider.gate is not None
        provider.gate.set()
        assert (await node.idle(session)).error == "The fake agent does not want mode free."
        assert (len(provider.agents), provider.live) == (1, 0)


async def test_an_agent_that_cannot_start_says_why_and_holds_what_waits(tmp_path: Path) -> None:
    provider = FakeProvider(failure="It is not installed: run the installer.", gate=asyncio.Event())
    async with bench(tmp_path, provider) as node:
        session = await node.create()
        await node.send(session, "m1")
        await node.send(session, "m2")
        assert provider.gate is not None
        provider.gate.set()
        state = await node.idle(session)
        assert state.error == "It is not installed: run the installer."
        assert (state.queue_held, [each.message_id for each in state.queue]) == (True, ["m2"])
        provider.failure = None
        await node.queue(session, "release")
        await node.prompted()
        assert [prompt.message_id for prompt in provider.agent.prompts] == ["m2"]


async def test_an_idle_agent_is_ended_and_the_next_prompt_opens_another(tmp_path: Path) -> None:
    async with bench(tmp_path, FakeProvider(is_eager=True), patience=Patience(idle_timeout_s=0.01)) as node:
        session = await node.create()
        for message_id in ("m1", "m2", "m3"):
            await node.send(session, message_id)
            await node.idle(session)
            await _closed(node)
        assert len(node.provider.agents) == 3


async def test_a_full_disk_refuses_the_prompt_and_nothing_is_half_written(tmp_path: Path) -> None:
    async with bench(tmp_path) as node:
        session = await node.create()
        await _fill(node.store.database)
        with pytest.raises(WireError) as full:
            await node.send(session, "m1", "x" * 200_000)
        assert full.value.code is ErrorCode.CONFLICT
        assert full.value.retryable
        assert "disk is full" in full.value.detail
        assert await node.types(session) == ["session_started"]
        await _fill(node.store.database, 2**30)
        assert not (await node.send(session, "m1", "x" * 200_000)).duplicate


async def test_when_the_disk_fails_the_agent_stops_and_the_turn_ends_as_soon_as_it_works_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.sessions.actor.RETRY_S", 0.01)
    async with bench(tmp_path) as node:
        session = await node.create()
        await node.send(session, "m1")
        await node.prompted()
        await set_read_only(node.store.database, is_read_only=True)
        await node.provider.agent.say(AgentMessage(message_id="a1", text="Lost"), approval("p1"))
        await _closed(node)
        assert node.service.get(session).turn is not None
        assert node.service.get(session).approvals == []
        await set_read_only(node.store.database, is_read_only=False)
        state = await node.idle(session)
        assert state.error is not None
        assert "cannot be written" in state.error


async def test_a_prompt_larger_than_an_event_is_refused(tmp_path: Path) -> None:
    async with bench(tmp_path) as node:
        session = await node.create()
        with pytest.raises(WireError) as refused:
            await node.service.send(
                SessionSendParams(node=NODE, session=session, message_id="m1", text="\x01" * 200_000), "ada"
            )
        assert refused.value.code is ErrorCode.TOO_LARGE


async def _closed(node: Bench) -> None:
    """No agent is live any more."""
    async with asyncio.timeout(DEADLINE_S):
        while node.provider.live:  # noqa: ASYNC110 (the fake has no event for it)
            await asyncio.sleep(0.005)


async def _fill(database: Database, pages: int = 1) -> None:
    """Leave no room in the database; SQLite answers as on a full disk."""
    await database.write(lambda connection: connection.execute(f"PRAGMA max_page_count = {pages}").fetchone())
