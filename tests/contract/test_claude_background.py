"""What Claude does beside its turn, with the real CLI: background tasks, sub-agents, servers of tools, steering."""

import asyncio
import json
import os
import signal
import sys
import uuid
from pathlib import Path

import pytest

from providers.base import AgentProcess, Prompt, ProviderFailed
from providers.process import identify, is_alive
from tests.contract.driver import Driver, ended, of, said
from tests.contract.harness import ClaudeHarness
from tests.support.waiting import eventually
from ws.protocol.events import (
    AgentMessage,
    AgentThought,
    ApprovalRequested,
    ApprovalResolved,
    Delta,
    Notice,
    TextContent,
    ToolCall,
    ToolCallUpdate,
    ToolServer,
    TurnEnded,
    TurnStarted,
)

pytestmark = pytest.mark.cli

BYPASS = "bypassPermissions"


def in_background(command: str, title: str) -> str:
    arguments = {"command": command, "description": title, "run_in_background": True}
    return f"tool Bash {json.dumps(arguments)}"


def sub_agent(script: str, *, waits: bool) -> str:
    arguments = {"description": "Play a part", "prompt": script, "subagent_type": "general-purpose"}
    return f"tool Agent {json.dumps(arguments | {'run_in_background': not waits})}"


async def _number_in(file: Path) -> int | None:
    text = await asyncio.to_thread(lambda: file.read_text() if file.exists() else "")
    return int(text) if text else None


async def _has_ended(process: AgentProcess) -> bool:
    return not await asyncio.to_thread(is_alive, process)


async def test_a_command_in_the_background_is_listed_until_it_ends_and_reported(claude: ClaudeHarness) -> None:
    go = claude.folder / "go"
    driver = await claude.open(mode=BYPASS)
    wait = f"python3 -c 'import os,time\nwhile not os.path.exists(\"{go}\"): time.sleep(0.02)'"
    turn = await driver.turn(f"{in_background(wait, 'Wait for it')}\nsay started")
    (task,) = driver.states[-1].tasks
    (call,) = of(ToolCall, turn)
    assert (task.kind, task.title, task.tool_call_id) == ("command", "Wait for it", call.tool_call_id)
    assert task.started.endswith("Z")
    go.touch()
    assert (await driver.until_state(lambda state: not state.tasks)).process == "live"
    await driver.until(TurnStarted)
    own = await driver.rest_of_turn()
    assert said(own) == "started"
    assert ended(own).anchor not in {None, ended(turn).anchor}
    assert said(await driver.turn("say on")) == "on"
    await driver.agent.close()


async def test_a_task_is_stopped_and_an_unknown_one_is_not_there(claude: ClaudeHarness) -> None:
    mark = claude.folder / "pid"
    driver = await claude.open(mode=BYPASS)
    hold = f'python3 -c \'import os,time; open("{mark}","w").write(str(os.getpid())); time.sleep(60)\''
    await driver.turn(f"{in_background(hold, 'Hold')}\nsay started")
    pid = await eventually(lambda: _number_in(mark), what="the command")
    command = await asyncio.to_thread(identify, pid)
    (task,) = driver.states[-1].tasks
    await driver.agent.stop_task(task.id)
    await driver.until_state(lambda state: not state.tasks)
    await eventually(lambda: _has_ended(command), what="the end of the command")
    for gone in (task.id, "anything"):
        with pytest.raises(KeyError):
            await driver.agent.stop_task(gone)
    await driver.agent.close()


async def test_a_sub_agent_stands_under_its_call(claude: ClaudeHarness) -> None:
    driver = await claude.open(mode=BYPASS)
    inner = "think it over\nsay looking\nrun echo inner\nsay found"
    turn = await driver.turn(f"{sub_agent(inner, waits=True)}\nsay outer")
    outer, command = of(ToolCall, turn)
    assert (outer.kind, outer.parent) == ("think", None)
    assert (command.title, command.parent) == ("echo inner", outer.tool_call_id)
    assert [(message.text, message.parent) for message in of(AgentMessage, turn)] == [
        ("looking", outer.tool_call_id),
        ("found", outer.tool_call_id),
        ("outer", None),
    ]
    assert [thought.parent for thought in of(AgentThought, turn)] == [outer.tool_call_id]
    assert len({event.message_id for event in turn if isinstance(event, AgentMessage | AgentThought)}) == 4
    last = {update.tool_call_id: update.status for update in of(ToolCallUpdate, turn)}
    assert last == {outer.tool_call_id: "completed", command.tool_call_id: "completed"}
    assert not any(state.tasks for state in driver.states), "one that is waited for is not in the background"
    await driver.agent.close()


async def test_two_sub_agents_at_once_are_told_apart(claude: ClaudeHarness) -> None:
    driver = await claude.open(mode=BYPASS)
    one, two = sub_agent("run echo 1\nsay one", waits=True), sub_agent("run echo 2\nsay two", waits=True)
    turn = await driver.turn(f"par 2\n{one}\n{two}\nsay both")
    first, second = [call.tool_call_id for call in of(ToolCall, turn) if call.parent is None]
    assert {(call.title, call.parent) for call in of(ToolCall, turn) if call.parent} == {
        ("echo 1", first),
        ("echo 2", second),
    }
    assert {(message.text, message.parent) for message in of(AgentMessage, turn)} == {
        ("one", first),
        ("two", second),
        ("both", None),
    }
    await driver.agent.close()


async def test_a_background_agent_is_a_task_and_its_open_calls_are_closed_with_the_turn(claude: ClaudeHarness) -> None:
    go = claude.folder / "go"
    driver = await claude.open(mode=BYPASS)
    wait = f"python3 -c 'import os,time\\nwhile not os.path.exists(\"{go}\"): time.sleep(0.02)'"
    script = f"tool Bash {json.dumps({'command': wait.replace(chr(92) + 'n', chr(10))})}\nsay inner"
    turn = await driver.turn(f"{sub_agent(script, waits=False)}\nslow 10 0.05")
    (task,) = driver.states[-1].tasks
    outer = of(ToolCall, turn)[0]
    assert (task.kind, task.title, task.tool_call_id) == ("agent", "Play a part", outer.tool_call_id)
    closed = {update.tool_call_id: update for update in of(ToolCallUpdate, turn)}
    assert {call.tool_call_id for call in of(ToolCall, turn)} == set(closed)
    assert closed[outer.tool_call_id].content == [TextContent(text="Works in the background.")]
    go.touch()
    await driver.until_state(lambda state: not state.tasks)
    await driver.until(TurnStarted)
    assert ended(await driver.rest_of_turn()).stop_reason == "end_turn"
    await driver.agent.close()


async def test_asks_of_agents_in_the_background_outlive_the_turns_of_the_main_one(claude: ClaudeHarness) -> None:
    """The main one has answered, and does again as each of them reports, while another still waits for an answer."""
    driver = await claude.open()
    agents = "\n".join(sub_agent(f"run touch {name}\nsay {name}", waits=False) for name in ("one", "two"))
    await driver.prompt(f"par 2\n{agents}\nsay started")
    first, second = await driver.until(ApprovalRequested), await driver.until(ApprovalRequested)
    await driver.choose(first, "allow_once")
    await driver.until_state(lambda state: len(state.tasks) == 1)
    await driver.until(AgentMessage, lambda message: message.parent is None)
    await driver.choose(second, "allow_once")
    await driver.until_state(lambda state: not state.tasks)
    assert {"one", "two"} <= {path.name for path in claude.folder.iterdir()}
    assert not of(ApprovalResolved, driver.events)
    await driver.until(AgentMessage, lambda message: message.parent is None)
    await driver.until(TurnEnded)
    assert len(of(TurnEnded, driver.events)) == len(of(TurnStarted, driver.events)) + 1
    await driver.agent.close()


async def test_stopping_a_turn_that_waits_for_an_agent_in_the_background_ends_it(claude: ClaudeHarness) -> None:
    driver = await claude.open()
    await driver.prompt(f"{sub_agent('run touch one', waits=False)}\nsay started")
    await driver.until(ApprovalRequested)
    await claude.server.wait_for(lambda request: request.at.acts_done == 1 and "started" in request.at.prompt)
    await driver.agent.interrupt()
    await driver.until(ApprovalResolved, lambda event: event.outcome == "withdrawn")
    assert (await driver.until(TurnEnded)).stop_reason == "cancelled"
    assert said(await driver.turn("say on")) == "on"
    await driver.agent.close()


async def asks_between_turns(claude: ClaudeHarness, driver: Driver, script: str) -> ApprovalRequested:
    """An agent in the background that asks for the first command of `script` when the turn that started it is over."""
    gate = claude.folder / f"gate-{uuid.uuid4().hex}"
    os.mkfifo(gate)
    turn = await driver.turn(f"{sub_agent(f'run cat {gate}{chr(10)}{script}', waits=False)}\nsay started")
    assert not of(ApprovalRequested, turn)
    await asyncio.to_thread(gate.write_text, "")
    await driver.until(TurnStarted)
    return await driver.until(ApprovalRequested)


async def allowed_a_long_command(claude: ClaudeHarness, driver: Driver, mark: Path) -> None:
    """It runs."""
    command = f'python3 -c \'import time; open("{mark}","w").write("1"); time.sleep(60)\''
    await driver.choose(await asks_between_turns(claude, driver, f"run {command}"), "allow_once")
    await eventually(lambda: _number_in(mark), what="the command")


async def stopped(driver: Driver, *, by: str) -> str:
    """The stop reason of the running turn once it, or the only task, was told to stop."""
    if by == "interrupt":
        await driver.agent.interrupt()
    else:
        await driver.agent.stop_task(driver.states[-1].tasks[0].id)
    return (await driver.until(TurnEnded)).stop_reason


async def test_a_turn_begun_by_the_ask_of_an_agent_in_the_background_ends_when_that_is_stopped(
    claude: ClaudeHarness,
) -> None:
    """Claude sends no result for it, since its main thread does nothing."""
    driver = await claude.open()
    await asks_between_turns(claude, driver, "run touch never")
    assert await stopped(driver, by="interrupt") == "cancelled"
    await driver.until_state(lambda state: not state.tasks)
    await asks_between_turns(claude, driver, "run touch never")
    assert await stopped(driver, by="task") == "end_turn"
    assert [event.outcome for event in of(ApprovalResolved, driver.events)] == ["withdrawn"] * 2
    for by, reason in (("interrupt", "cancelled"), ("task", "end_turn")):
        await allowed_a_long_command(claude, driver, claude.folder / by)
        assert await stopped(driver, by=by) == reason
    assert said(await driver.turn("say on")).endswith("on"), "before that it may answer what it is told of the task"
    assert not (claude.folder / "never").exists()
    await driver.agent.close()


async def test_a_turn_begun_by_an_ask_ends_with_a_cli_that_does_not_react(
    claude: ClaudeHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = await claude.open()
    await asks_between_turns(claude, driver, "run touch never")
    monkeypatch.setattr("providers.claude.adapter.OBEY_S", 0.1)
    os.kill(claude.started[-1].pid, signal.SIGSTOP)
    assert await stopped(driver, by="interrupt") == "cancelled"
    with pytest.raises(ProviderFailed, match="resumes the session"):
        await driver.rest()
    await driver.agent.close()


async def test_an_error_of_the_main_one_leaves_open_what_an_agent_in_the_background_asks(claude: ClaudeHarness) -> None:
    """Withdrawn, it would have no answer, and the agent would wait for ever."""
    gate = claude.folder / "gate"
    os.mkfifo(gate)
    driver = await claude.open()
    await driver.prompt(f"{sub_agent('run touch one', waits=False)}\nrun cat {gate}\nerror 400")
    request = await driver.until(ApprovalRequested)
    await asyncio.to_thread(gate.write_text, "")
    assert "400" in (await driver.until(Notice)).text
    await driver.choose(request, "allow_once")
    turn = await driver.rest_of_turn()
    assert (ended(turn).stop_reason, (claude.folder / "one").exists()) == ("error", True)
    assert not of(ApprovalResolved, turn)
    await driver.agent.close()


async def test_servers_of_tools_and_commands_are_told_at_the_start(claude: ClaudeHarness) -> None:
    config = claude.home / ".claude" / ".claude.json"
    config.parent.mkdir()
    never = {"command": sys.executable, "args": ["-c", "import time; time.sleep(60)"]}
    servers = {"broken": {"command": "/nonexistent/server"}, "slow": never}
    config.write_text(json.dumps({"mcpServers": servers}))
    (claude.folder / ".claude" / "commands").mkdir(parents=True)
    (claude.folder / ".claude" / "commands" / "heron.md").write_text("Look for herons.")
    driver = await claude.open()
    state = await driver.until_state(lambda state: len(state.servers) == len(servers))
    broken, slow = sorted(state.servers, key=lambda server: server.name)
    assert (broken.name, broken.status) == ("broken", "failed")
    assert "ENOENT" in (broken.problem or "")
    assert slow == ToolServer(name="slow", status="starting")
    assert {"heron", "context"} <= {command.name for command in state.commands or ()}
    assert (state.process, state.tasks) == ("live", [])
    turn = await driver.turn("say hello")
    assert said(turn) == "hello"
    assert driver.states[-1] == state, "the list at the start of a turn does not forget the reasons"
    await driver.agent.close()


async def steer(driver: Driver, text: str) -> bool:
    return await driver.agent.steer(Prompt(message_id=uuid.uuid4().hex, text=text))


async def test_a_prompt_given_while_a_tool_runs_is_read_in_the_same_turn(claude: ClaudeHarness) -> None:
    driver = await claude.open(mode=BYPASS)
    assert not await steer(driver, "say too early")
    wait = "python3 -c 'import time; time.sleep(0.5)'"
    await driver.prompt(f"run {wait}\nsay first")
    await driver.until(ToolCall)
    assert await steer(driver, "say steered")
    turn = await driver.rest_of_turn()
    assert (said(turn), ended(turn).stop_reason) == ("steered", "end_turn")
    assert not await steer(driver, "say too late")
    assert said(await driver.turn("say on")) == "on"
    assert len(of(TurnEnded, driver.events)) == 2
    assert not of(TurnStarted, driver.events)
    await driver.agent.close()


async def test_a_prompt_that_is_read_only_after_the_answer_belongs_to_the_same_turn(claude: ClaudeHarness) -> None:
    driver = await claude.open()
    await driver.prompt("slow 10 0.05")
    await driver.until(Delta)
    assert await steer(driver, "say second\nslow 10 0.05")
    await driver.until(AgentMessage, lambda message: message.text == "second")
    assert await steer(driver, "say third")
    turn = await driver.rest_of_turn()
    assert said(turn).endswith("chunk 10 third")
    assert len({message.message_id for message in of(AgentMessage, driver.events)}) == 4
    assert said(await driver.turn("say on")) == "on"
    assert len(of(TurnEnded, driver.events)) == 2
    assert not of(TurnStarted, driver.events)
    await driver.agent.close()


async def test_an_error_before_the_given_prompt_is_told_and_the_turn_goes_on(claude: ClaudeHarness) -> None:
    driver = await claude.open()
    await driver.prompt("error 529")
    await driver.until(Notice)
    assert await steer(driver, "say after all")
    turn = await driver.rest_of_turn()
    (told,) = of(Notice, turn)
    assert (told.code, "529" in told.text) == ("api_error", True)
    assert ended(turn).stop_reason == "end_turn"
    assert said(turn) == "after all"
    await driver.agent.close()


async def test_stopping_takes_an_unread_prompt_back(claude: ClaudeHarness) -> None:
    driver = await claude.open()
    await driver.prompt("say begins\nhang")
    await driver.until(Delta)
    assert await steer(driver, "say never")
    await driver.agent.interrupt()
    turn = await driver.rest_of_turn()
    assert ended(turn).stop_reason == "cancelled"
    assert [notice.code for notice in of(Notice, turn)] == ["prompt_not_read"]
    turn = await driver.turn("say on")
    assert said(turn) == "on"
    assert not of(TurnStarted, driver.events)
    assert not any("say never" in request.at.prompt for request in claude.server.requests)
    await driver.agent.close()
