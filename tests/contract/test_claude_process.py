"""The life of Claude's CLI: how it starts, what it sees, and that it ends."""

import asyncio
import os
import signal
import uuid

import pytest

from providers.base import AgentProcess, ProcessRecorder, ProviderFailed, SessionSpec
from providers.process import identify, is_alive
from tests.contract.driver import Driver, ended, of, said
from tests.contract.harness import ClaudeHarness
from ws.protocol.events import Delta, NativeIdKnown, Notice
from ws.tasks import TaskOwner

pytestmark = pytest.mark.cli


async def open_as(claude: ClaudeHarness, new_native_id: str) -> Driver:
    spec = SessionSpec(path=claude.folder, model="claude-sonnet-4-5", new_native_id=new_native_id)
    return Driver(await claude.provider.open(spec, ProcessRecorder(claude.started.append, claude.ended.append)))


async def lives(process: AgentProcess) -> bool:
    return await asyncio.to_thread(is_alive, process)


async def test_the_cli_is_recorded_and_gone_after_close(claude: ClaudeHarness) -> None:
    driver = await claude.open()
    (process,) = claude.started
    assert await lives(process)
    await driver.agent.close()
    assert claude.ended == [process]
    assert not await lives(process)


async def test_a_cli_that_does_not_react_is_ended(claude: ClaudeHarness) -> None:
    driver = await claude.open()
    os.kill(claude.started[-1].pid, signal.SIGSTOP)
    await driver.agent.close()
    assert not await lives(claude.started[-1])
    assert await driver.rest() == []


async def test_a_cli_that_ignores_an_interrupt_is_ended(claude: ClaudeHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    driver = await claude.open()
    await driver.prompt("hang")
    await driver.until(Delta)
    monkeypatch.setattr("providers.claude.adapter.OBEY_S", 0.1)
    os.kill(claude.started[-1].pid, signal.SIGSTOP)
    await driver.agent.interrupt()
    with pytest.raises(ProviderFailed, match="resumes the session"):
        await driver.rest()
    assert ended(driver.events).stop_reason == "cancelled"
    await driver.agent.close()


async def test_an_interrupt_that_overtakes_its_prompt_still_ends_it(claude: ClaudeHarness) -> None:
    """Claude reads both at once, and would stop nothing before it takes the prompt up."""
    driver = await claude.open()
    assert said(await driver.turn("say hello")) == "hello"
    os.kill(claude.started[-1].pid, signal.SIGSTOP)
    await driver.prompt("slow 600 0.1")
    async with asyncio.TaskGroup() as group:
        group.create_task(driver.agent.interrupt())
        await asyncio.sleep(0)
        os.kill(claude.started[-1].pid, signal.SIGCONT)
    assert ended(await driver.rest_of_turn()).stop_reason == "cancelled"
    assert said(await driver.turn("say on")) == "on", "by the same process"
    await driver.agent.close()


async def test_two_opened_at_the_same_time_are_one(claude: ClaudeHarness) -> None:
    native_id = str(uuid.uuid4())
    results = [task.result() for task in await _both(claude, native_id)]
    assert sorted(isinstance(result, Driver) for result in results) == [False, True]
    for result in results:
        if isinstance(result, Driver):
            await result.agent.close()


async def _both(claude: ClaudeHarness, native_id: str) -> list[asyncio.Task[Driver | ProviderFailed]]:
    async def attempt() -> Driver | ProviderFailed:
        try:
            return await open_as(claude, native_id)
        except ProviderFailed as failure:
            return failure

    async with asyncio.TaskGroup() as group:
        return [group.create_task(attempt()) for _ in range(2)]


async def test_the_session_has_its_name_before_claude_works(claude: ClaudeHarness) -> None:
    """Else a node that dies meanwhile would not know with what to go on."""
    driver = await claude.open()
    os.kill(claude.started[-1].pid, signal.SIGSTOP)
    await driver.prompt("say hello")
    named = await driver.until(NativeIdKnown)
    os.kill(claude.started[-1].pid, signal.SIGCONT)
    await driver.rest_of_turn()
    assert of(NativeIdKnown, driver.events) == [named]
    await driver.agent.close()
    again = await claude.open(native_id=named.native_id)
    assert said(await again.turn("recall")) == "I remember: say hello"
    await again.agent.close()


async def running(claude: ClaudeHarness) -> tuple[Driver, AgentProcess]:
    """An agent, and the command that it runs."""
    mark = claude.folder / "pid"
    driver = await claude.open(mode="bypassPermissions")
    await driver.prompt(
        f'run python3 -c \'import os,sys,time; open("{mark}","w").write(str(os.getpid())); time.sleep(60)\''
    )
    await claude.server.wait_for(lambda request: bool(request.body.get("tools")))
    while not mark.exists() or not mark.read_text():
        await driver.agent.set_mode("bypassPermissions")  # a round trip to the CLI, which meanwhile runs the command
    command = await asyncio.to_thread(identify, int(mark.read_text()))
    assert await lives(command)
    return driver, command


async def test_a_command_that_runs_ends_with_its_agent(claude: ClaudeHarness) -> None:
    driver, command = await running(claude)
    await driver.agent.close()
    assert not await lives(command)


async def test_a_command_ends_when_its_agent_was_killed(claude: ClaudeHarness) -> None:
    driver, command = await running(claude)
    claude.kill()
    with pytest.raises(ProviderFailed, match="resumes the session"):
        await driver.rest()
    await driver.agent.close()
    assert not await lives(command)
    assert claude.ended == claude.started


async def test_it_sees_the_environment_less_what_is_ours(claude: ClaudeHarness) -> None:
    claude.extra = {"SWITCHYARD_AUTH_JWT_SECRET": "secret", "HERON": "grey"}
    driver = await claude.open()
    await driver.turn(f"run env > {claude.folder}/env.txt\nsay done")
    seen = (claude.folder / "env.txt").read_text()
    assert "HERON=grey" in seen
    assert "SWITCHYARD" not in seen
    await driver.agent.close()


async def test_two_live_agents_on_one_conversation_are_refused(claude: ClaudeHarness) -> None:
    native_id = str(uuid.uuid4())
    driver = await open_as(claude, native_id)
    await driver.turn("say hello")
    with pytest.raises(ProviderFailed, match="open already"):
        await claude.open(native_id=native_id)
    await driver.agent.close()
    resumed = await claude.open(native_id=native_id)
    await resumed.agent.close()


async def test_a_conversation_that_the_node_forgot_is_resumed_under_its_id(claude: ClaudeHarness) -> None:
    native_id = str(uuid.uuid4())
    driver = await open_as(claude, native_id)
    await driver.turn("say the heron")
    await driver.agent.close()
    again = await open_as(claude, native_id)
    turn = await again.turn("recall")
    assert "say the heron" in said(turn)
    assert [event.native_id for event in of(NativeIdKnown, turn)] == [native_id]
    await again.agent.close()


async def test_a_conversation_that_is_gone_begins_anew_and_says_so(claude: ClaudeHarness) -> None:
    driver = await claude.open(native_id=str(uuid.uuid4()))
    turn = await driver.turn("say hello")
    assert [notice.code for notice in of(Notice, turn)] == ["memory_lost"]
    assert said(turn) == "hello"
    await driver.agent.close()


async def test_a_missing_cli_is_described_and_refused_with_the_remedy(claude: ClaudeHarness) -> None:
    claude.command = ("/nonexistent/claude",)
    info = await claude.provider.describe(is_awaited=True)
    assert not info.available
    assert "npm install -g @anthropic-ai/claude-code" in (info.reason or "")
    with pytest.raises(ProviderFailed, match="npm install"):
        await claude.open()


async def test_not_signed_in_is_described_with_the_remedy(claude: ClaudeHarness) -> None:
    claude.extra = {"ANTHROPIC_API_KEY": ""}
    info = await claude.provider.describe(is_awaited=True)
    assert not info.available
    assert "claude auth login" in (info.reason or "")
    assert info.models


async def test_a_description_asks_no_model_and_runs_no_hook(claude: ClaudeHarness) -> None:
    mark = claude.home / "hook-ran"
    settings = claude.home / ".claude" / "settings.json"
    settings.parent.mkdir()
    settings.write_text(
        f'{{"hooks": {{"SessionStart": [{{"hooks": [{{"type": "command", "command": "touch {mark}"}}]}}]}}}}'
    )
    info = await claude.provider.describe(is_awaited=True)
    assert info.available
    assert info.version == "2.1.329"
    assert {"sonnet", "opus", "haiku"} <= {model.id for model in info.models}
    assert any(command.name == "context" for command in info.commands)
    assert not claude.server.requests
    assert not mark.exists()
    assert await claude.provider.describe(is_awaited=True) is info


async def test_a_cli_that_starts_slowly_is_described_later(
    claude: ClaudeHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("providers.description.FIRST_S", 0.001)
    info = await claude.provider.describe()
    assert not info.available
    assert "still starting" in (info.reason or "")
    assert (await claude.provider.describe(is_awaited=True)).available


async def test_a_folder_that_is_gone_is_refused(claude: ClaudeHarness) -> None:
    claude.folder.rmdir()
    with pytest.raises(ProviderFailed, match="is gone"):
        await claude.open()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root is refused this mode")
async def test_never_asking_as_root_needs_a_sandbox(claude: ClaudeHarness) -> None:
    claude.extra = {"IS_SANDBOX": ""}
    assert "bypassPermissions" not in {mode.id for mode in (await claude.provider.describe(is_awaited=True)).modes}
    with pytest.raises(ProviderFailed, match="IS_SANDBOX=1"):
        await claude.open(mode="bypassPermissions")


async def test_never_asking_must_be_chosen_at_the_start(claude: ClaudeHarness) -> None:
    driver = await claude.open()
    with pytest.raises(ProviderFailed, match="begin a new session"):
        await driver.agent.set_mode("bypassPermissions")
    await driver.agent.close()


async def test_an_opening_that_is_given_up_leaves_no_cli(claude: ClaudeHarness) -> None:
    async with asyncio.TaskGroup() as group:
        started = asyncio.Event()
        opening = group.create_task(claude.open())
        claude.on_start = started.set
        await started.wait()
        opening.cancel()
    assert claude.ended == claude.started
    assert not await lives(claude.started[-1])


async def test_the_end_of_the_owner_ends_the_cli_and_its_turn(claude: ClaudeHarness, owner: TaskOwner) -> None:
    driver = await claude.open()
    await driver.prompt("hang")
    await driver.until(Delta)
    await owner.close()
    assert ended(await driver.rest()).stop_reason == "cancelled"
    assert not await lives(claude.started[-1])
