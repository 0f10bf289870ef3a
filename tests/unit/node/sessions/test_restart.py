"""What a restarted node finds, ends and goes on with."""

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from config import child_environment
from node.sessions.journal import CHECKPOINT_EVERY
from providers.base import AgentProcess
from providers.process import MARK, identify, is_alive, marked
from tests.support.agents import FakeProvider, approval
from tests.unit.node.sessions.bench import DEADLINE_S, bench
from ws.protocol.events import AgentMessage, NativeIdKnown, TurnEnded


@pytest.mark.parametrize("is_crash", [True, False])
async def test_a_turn_that_was_running_ends_and_the_session_resumes(tmp_path: Path, is_crash: bool) -> None:
    async with bench(tmp_path) as node:
        session = await node.create()
        await node.send(session, "m1")
        await node.prompted()
        await node.provider.agent.say(NativeIdKnown(native_id="native-1"), approval("p1"))
        await node.asked(session)
        await node.restart(is_crash=is_crash)
        assert (await node.types(session))[-2:] == ["approval_resolved", "turn_ended"]
        last = (await node.events(session))[-1]
        assert isinstance(last, TurnEnded)
        assert last.stop_reason == "node_restarted"
        assert (await node.send(session, "m1")).duplicate
        await node.send(session, "m2")
        await node.prompted()
        assert node.provider.agent.spec.native_id == "native-1"
        assert [prompt.message_id for prompt in node.provider.agent.prompts] == ["m2"]


@pytest.mark.parametrize("is_held", [True, False])
async def test_queued_prompts_go_on_unless_they_are_held(tmp_path: Path, is_held: bool) -> None:
    provider = FakeProvider(is_deaf=True)
    async with bench(tmp_path, provider) as node:
        session = await node.create()
        for message_id in ("m1", "m2", "m3"):
            await node.send(session, message_id)
        await node.prompted()
        if is_held:
            await node.interrupt(session)
        await node.restart(is_crash=True)
        if not is_held:
            await node.prompted()
            assert [prompt.message_id for prompt in provider.agent.prompts] == ["m2"]
        state = node.service.get(session)
        assert [each.message_id for each in state.queue] == (["m2", "m3"] if is_held else ["m3"])
        assert state.queue_held == is_held


async def test_the_state_found_at_a_start_is_that_of_the_whole_journal(tmp_path: Path) -> None:
    async with bench(tmp_path) as node:
        session = await node.create(title="Long")
        await node.send(session, "m1")
        await node.prompted()
        for number in range(2 * CHECKPOINT_EVERY + 10):
            await node.provider.agent.say(AgentMessage(message_id=f"a{number}", text="…"))
        await node.until(session, lambda state: state.head == 2 * CHECKPOINT_EVERY + 14)
        before = node.service.get(session)
        (stored,) = await node.store.journals.load()
        assert stored.checkpoint is not None
        assert 0 < len(stored.tail) < CHECKPOINT_EVERY
        await node.restart(is_crash=True)
        after = node.service.get(session)
        assert (after.head, after.epoch, after.title) == (before.head + 1, before.epoch, before.title)


async def test_leftover_agents_are_ended_before_anything_else_starts(tmp_path: Path) -> None:
    async with bench(tmp_path) as node:
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
        try:
            process = await asyncio.to_thread(identify, child.pid)
            node.store.processes.add(process)
            await node.restart(is_crash=True)
            assert not await asyncio.to_thread(is_alive, process)
            await node.store.database.write(lambda connection: None)
            assert await node.store.processes.all() == []
        finally:
            child.kill()
            child.wait(DEADLINE_S)


async def test_what_a_dead_agent_has_left_is_ended_before_anything_else_starts(tmp_path: Path) -> None:
    async with bench(tmp_path) as node:
        environment = marked(child_environment())
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], env=environment)
        try:
            node.store.processes.add(AgentProcess(child.pid, 1, "agent", environment[MARK]))
            await node.restart(is_crash=True)
            assert await asyncio.to_thread(child.wait, DEADLINE_S) == -signal.SIGTERM
        finally:
            child.kill()
            child.wait(DEADLINE_S)


async def test_agent_processes_are_recorded_while_they_live(tmp_path: Path) -> None:
    async with bench(tmp_path) as node:
        session = await node.create()
        await node.send(session, "m1")
        await node.prompted()
        process = await asyncio.to_thread(identify, 1)
        node.provider.recorder.started(process)
        await node.store.database.write(lambda connection: None)
        assert await node.store.processes.all() == [process]
        node.provider.recorder.ended(process)
        await node.store.database.write(lambda connection: None)
        assert await node.store.processes.all() == []


async def test_a_session_whose_creation_was_cut_off_leaves_nothing(tmp_path: Path) -> None:
    async with bench(tmp_path) as node:
        await node.store.journals.create("half", "epoch")  # type: ignore[arg-type]  # an id as it is on disk
        await node.restart(is_crash=True)
        assert node.service.folders() == []
        assert await node.store.journals.load() == []
