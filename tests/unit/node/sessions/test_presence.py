"""The agent's program as its watchers see it: ephemeral, whole at each change."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from node.sessions.presence import MAX_LISTED, NO_AGENT, Presence
from tests.support.agents import FakeProvider
from tests.unit.node.sessions.bench import DEADLINE_S, NODE, Bench, bench, decode_watched
from ws.protocol.errors import ErrorCode, WireError
from ws.protocol.events import AgentState, BackgroundTask, Live, ToolServer
from ws.protocol.providers import SlashCommand
from ws.protocol.sessions import SessionStopTaskParams, SessionWatchParams

TASK = BackgroundTask(id="t1", kind="command", title="make watch", started="2026-11-21T10:00:00Z")
TOLD = AgentState(process="none", tasks=[TASK], servers=[ToolServer(name="docs", status="connected")])


async def states(node: Bench, session: str) -> AsyncIterator[AgentState | Live]:
    stream = node.service.watch(SessionWatchParams(node=NODE, session=session))[1]
    async for event in stream:
        if isinstance(seen := decode_watched(event), AgentState | Live):
            yield seen


async def taken(stream: AsyncIterator[AgentState | Live], count: int) -> list[AgentState | Live]:
    async with asyncio.timeout(DEADLINE_S):
        return [await anext(stream) for _ in range(count)]


async def test_watchers_see_it_start_live_tell_and_go(tmp_path: Path) -> None:
    async with bench(tmp_path) as node:
        session = await node.create()
        stream = states(node, session)
        assert await taken(stream, 1) == [Live(head=1)]
        await node.send(session, "m1")
        assert await taken(stream, 2) == [AgentState(process="starting"), AgentState(process="live")]
        await node.prompted()
        await node.provider.agent.say(TOLD, TOLD)
        assert await taken(stream, 1) == [replace(TOLD, process="live")]
        head = node.service.get(session).head
        assert (await taken(states(node, session), 2)) == [Live(head=head), replace(TOLD, process="live")]
        assert "agent_state" not in await node.types(session)
        node.provider.agent.die()
        assert await taken(stream, 1) == [NO_AGENT]
        await node.idle(session)
        assert len(await taken(states(node, session), 1)) == 1


async def test_between_turns_it_is_told_too(tmp_path: Path) -> None:
    async with bench(tmp_path, FakeProvider(is_eager=True)) as node:
        session = await node.create()
        await node.send(session, "m1")
        await node.idle(session)
        stream = states(node, session)
        await taken(stream, 2)
        await node.provider.agent.say(TOLD)
        assert await taken(stream, 1) == [replace(TOLD, process="live")]


async def test_a_task_is_stopped_once(tmp_path: Path) -> None:
    async with bench(tmp_path, FakeProvider(tasks={"t1"})) as node:
        session = await node.create()

        async def stop(task: str) -> None:
            await node.service.stop_task(SessionStopTaskParams(node=NODE, session=session, task=task))

        with pytest.raises(WireError) as refused:
            await stop("t1")
        assert refused.value.code == ErrorCode.NOT_FOUND
        await node.send(session, "m1")
        await node.prompted()
        await stop("t1")
        assert node.provider.agent.stopped == ["t1"]
        with pytest.raises(WireError) as refused:
            await stop("t2")
        assert (refused.value.code, refused.value.detail) == (
            ErrorCode.NOT_FOUND,
            "The agent has no such task running any more.",
        )


def test_a_state_is_bounded() -> None:
    shown: list[AgentState] = []
    presence = Presence(shown.append)
    presence.told(TOLD)
    assert shown == []
    presence.process("starting")
    presence.process("live")
    commands = [SlashCommand(name=f"c{number}", description="d") for number in range(MAX_LISTED + 1)]
    presence.told(replace(TOLD, tasks=[TASK] * 1000, commands=commands))
    assert (len(shown[-1].tasks), len(shown[-1].commands or [])) == (MAX_LISTED, MAX_LISTED)
    presence.told(replace(TOLD, tasks=[replace(TASK, title="x" * 1024 * 1024)]))
    assert shown[-1] == AgentState(process="live")
