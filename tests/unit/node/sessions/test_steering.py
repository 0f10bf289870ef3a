"""Prompts that are given to the running turn."""

import asyncio
from pathlib import Path
from typing import Any, Literal

import pytest

from tests.support.agents import FakeProvider
from tests.support.waiting import eventually
from tests.unit.node.sessions.bench import NODE, Bench, bench
from ws.protocol.errors import ErrorCode, WireError
from ws.protocol.events import AgentMessage, TurnEnded, UserMessage
from ws.protocol.sessions import SessionSendParams, SessionSendResult


async def steer(node: Bench, session: str, message_id: str) -> SessionSendResult:
    params = SessionSendParams(
        node=NODE, session=session, message_id=message_id, text=f"Do {message_id}", delivery="steer"
    )
    return await node.service.send(params, "ada")


async def running(node: Bench) -> str:
    """A session whose turn runs."""
    session = await node.create()
    await node.send(session, "m1")
    await node.prompted()
    return session


async def said(node: Bench, session: str) -> list[tuple[str, str | None]]:
    """The prompts that ran, each with its turn."""
    return [(event.message_id, event.turn) for event in await node.events(session) if isinstance(event, UserMessage)]


async def test_a_prompt_that_the_agent_takes_is_part_of_its_turn(tmp_path: Path) -> None:
    async with bench(tmp_path, FakeProvider(is_steerable=True)) as node:
        session = await running(node)
        sent = await steer(node, session, "m2")
        assert (sent.state, sent.duplicate) == ("running", False)
        assert (await node.events(session))[sent.seq - 1].__struct_config__.tag == "prompt_queued"
        assert [each.text for each in node.provider.agent.steered] == ["Do m2"]
        await node.provider.agent.end()
        await node.idle(session)
        (first, turn), (second, same_turn) = await said(node, session)
        assert (first, second) == ("m1", "m2")
        assert turn == same_turn
        assert [each.message_id for each in node.provider.agent.prompts] == ["m1"]


async def test_what_the_agent_does_not_take_waits_as_any_other_prompt(tmp_path: Path) -> None:
    async with bench(tmp_path, FakeProvider()) as node:
        session = await running(node)
        assert (await steer(node, session, "m2")).state == "queued"
        await node.provider.agent.end()
        await node.prompted()
        assert [each.message_id for each in node.provider.agent.prompts] == ["m1", "m2"]


async def test_without_a_turn_it_is_a_prompt(tmp_path: Path) -> None:
    async with bench(tmp_path, FakeProvider(is_steerable=True)) as node:
        session = await node.create()
        assert (await steer(node, session, "m1")).state == "running"
        await node.prompted()
        assert node.provider.agent.steered == []


async def test_sent_twice_at_once_it_is_taken_once(tmp_path: Path) -> None:
    async with bench(tmp_path, FakeProvider(is_steerable=True)) as node:
        session = await running(node)
        async with asyncio.TaskGroup() as calls:
            sent = [calls.create_task(steer(node, session, name)) for name in ("m2", "m3", "m2", "m3", "m2")]
        assert {each.result().state for each in sent} == {"running"}
        assert sorted(each.result().duplicate for each in sent) == [False, False, True, True, True]
        assert [each.message_id for each in node.provider.agent.steered] == ["m2", "m3"]
        await node.provider.agent.end()
        await node.idle(session)
        assert [name for name, _ in await said(node, session)] == ["m1", "m2", "m3"]


@pytest.mark.parametrize("is_steerable", [True, False])
async def test_a_turn_that_ends_meanwhile_loses_and_doubles_nothing(tmp_path: Path, is_steerable: bool) -> None:
    gate = asyncio.Event()
    async with bench(tmp_path, FakeProvider(is_steerable=is_steerable, steer_gate=gate)) as node:
        session = await running(node)
        async with asyncio.TaskGroup() as calls:
            sending = calls.create_task(steer(node, session, "m2"))
            await node.provider.steering.wait()
            await node.provider.agent.end()
            await node.send(session, "m3")
            gate.set()
            assert (await sending).state == "running"
            if is_steerable:
                await node.until(session, lambda state: state.turn is not None and state.turn.message_id == "m3")
                (_, turn), (_, same), (_, other) = await said(node, session)
                assert turn == same != other
                assert [each.message_id for each in node.provider.agent.prompts] == ["m1", "m3"]
            else:
                await node.until(session, lambda state: state.turn is not None and state.turn.message_id == "m2")
                assert [each.message_id for each in node.provider.agent.prompts] == ["m1", "m2"]


class _Turnstile(asyncio.Event):
    """Lets one through for each `set`."""

    async def wait(self) -> Literal[True]:
        await super().wait()
        self.clear()
        return True


async def test_one_that_is_still_being_given_away_holds_up_neither_others_nor_the_agent(tmp_path: Path) -> None:
    gate = _Turnstile()
    async with bench(tmp_path, FakeProvider(is_steerable=True, steer_gate=gate)) as node, asyncio.TaskGroup() as calls:
        session = await running(node)
        first = calls.create_task(steer(node, session, "m2"))
        await node.provider.steering.wait()
        node.provider.steering.clear()
        second = calls.create_task(steer(node, session, "m3"))
        gate.set()
        await node.provider.steering.wait()
        async with asyncio.timeout(5):
            assert (await first).state == "running"
        assert [name for name, _ in await said(node, session)] == ["m1", "m2"]
        sent_head = node.service.get(session).head
        await node.provider.agent.say(AgentMessage(message_id="a1", text="Both"))
        async with asyncio.timeout(5):
            await eventually(lambda: node.service.get(session).head > sent_head, what="the agent's words")
        gate.set()
        assert (await second).state == "running"
        await node.provider.agent.end()
        await node.idle(session)
        assert [name for name, _ in await said(node, session)] == ["m1", "m2", "m3"]


async def test_an_agent_that_dies_of_it_has_it_in_its_turn(tmp_path: Path) -> None:
    gate = asyncio.Event()
    async with bench(tmp_path, FakeProvider(is_steerable=True, steer_gate=gate)) as node:
        session = await running(node)
        async with asyncio.TaskGroup() as calls:
            sending = calls.create_task(steer(node, session, "m2"))
            await node.provider.steering.wait()
            node.provider.agent.die()
            gate.set()
            await sending
            assert (await node.idle(session)).status == "failed"
            assert [name for name, _ in await said(node, session)] == ["m1", "m2"]
            ended = [event for event in await node.events(session) if isinstance(event, TurnEnded)]
            assert len(ended) == 1


async def test_while_it_is_being_given_away_nobody_can_change_it(tmp_path: Path) -> None:
    gate = asyncio.Event()
    async with bench(tmp_path, FakeProvider(is_steerable=True, steer_gate=gate)) as node:
        session = await running(node)
        async with asyncio.TaskGroup() as calls:
            sending = calls.create_task(steer(node, session, "m2"))
            await node.provider.steering.wait()
            changes: list[dict[str, Any]] = [{"action": "drop"}, {"action": "edit", "text": "No"}, {"action": "move"}]
            for change in changes:
                with pytest.raises(WireError) as refused:
                    await node.queue(session, message_id="m2", **change)
                assert refused.value.code == ErrorCode.NOT_FOUND
            gate.set()
            await sending


async def test_whoever_sent_it_may_go_away_meanwhile(tmp_path: Path) -> None:
    gate = asyncio.Event()
    async with bench(tmp_path, FakeProvider(is_steerable=True, steer_gate=gate)) as node:
        session = await running(node)
        async with asyncio.TaskGroup() as calls:
            sending = calls.create_task(steer(node, session, "m2"))
            await node.provider.steering.wait()
            sending.cancel()
            await asyncio.wait({sending})
            gate.set()
            await node.provider.agent.end()
            await node.idle(session)
            assert [name for name, _ in await said(node, session)] == ["m1", "m2"]
