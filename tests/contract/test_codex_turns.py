"""What Codex does in a turn beside what every agent does."""

import asyncio
import base64

import pytest

from providers.base import Decision, GoingBack, Prompt, ProviderFailed, SessionSpec
from providers.process import identify, is_alive
from tests.contract.codex_harness import CodexHarness
from tests.contract.driver import Driver, ended, of, said
from tests.support.waiting import eventually
from ws.protocol.events import (
    AgentMessage,
    ApprovalRequested,
    ApprovalResolved,
    Attachment,
    Delta,
    NativeIdKnown,
    Notice,
    ToolCall,
    ToolCallUpdate,
    TurnEnded,
    TurnStarted,
    Usage,
)

pytestmark = pytest.mark.cli

PICTURE = base64.b64encode(
    bytes.fromhex(
        "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
        "1f15c4890000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
    )
).decode()


def marked_sleep(codex: CodexHarness) -> str:
    """A command that writes its pid into the folder and goes on for a minute."""
    code = f'import os,time; open("{codex.folder}/pid","w").write(str(os.getpid())); time.sleep(60)'
    return f"python3 -c '{code}'"


async def pid_of(codex: CodexHarness) -> int:
    mark = codex.folder / "pid"
    text = await eventually(lambda: mark.exists() and mark.read_text(), what="the command to start")
    return int(str(text))


async def lives(pid: int) -> bool:
    return await asyncio.to_thread(lambda: is_alive(identify(pid)))


async def test_an_interrupt_ends_the_command_that_runs(codex: CodexHarness) -> None:
    driver = await codex.open(mode="full-access")
    await driver.prompt(f"run {marked_sleep(codex)}")
    pid = await pid_of(codex)
    await driver.agent.interrupt()
    assert ended(await driver.rest_of_turn()).stop_reason == "cancelled"
    await eventually(lambda: _gone(pid), what="the command to end")
    assert said(await driver.turn("say again")) == "again"
    await driver.agent.close()


async def _gone(pid: int) -> bool:
    return not await lives(pid)


async def test_a_command_that_outlives_its_turn_is_a_task_that_can_be_stopped(codex: CodexHarness) -> None:
    driver = await codex.open(mode="full-access")
    (codex.folder / "wait.py").write_text(
        f'import os,time; open("{codex.folder}/pid","w").write(str(os.getpid())); time.sleep(60)'
    )
    turn = await driver.turn('tool exec_command {"cmd":"python3 wait.py","yield_time_ms":250}\nsay it runs')
    (call,) = of(ToolCall, turn)
    assert of(ToolCallUpdate, turn)[-1].status == "completed"
    assert ended(turn).stop_reason == "end_turn"
    (task,) = driver.states[-1].tasks
    assert (task.kind, task.tool_call_id, task.title) == ("command", call.tool_call_id, "python3 wait.py")
    assert task.started.endswith("Z")
    pid = await pid_of(codex)
    await driver.agent.stop_task(task.id)
    assert (await driver.until_state(lambda state: not state.tasks)).process == "live"
    await eventually(lambda: _gone(pid), what="the command to end")
    with pytest.raises(KeyError):
        await driver.agent.stop_task(task.id)
    assert said(await driver.turn("say again")) == "again"
    await driver.agent.close()


async def test_closing_ends_what_runs_in_the_background(codex: CodexHarness) -> None:
    driver = await codex.open(mode="full-access")
    await driver.prompt(f"run {marked_sleep(codex)}")
    pid = await pid_of(codex)
    await driver.agent.close()
    await eventually(lambda: _gone(pid), what="the command to end")


async def test_a_fork_begins_with_the_history_up_to_its_anchor(codex: CodexHarness) -> None:
    driver = await codex.open()
    first = await driver.turn("say one")
    await driver.turn("say two")
    native_id = of(NativeIdKnown, first)[0].native_id
    fork = await codex.fork(native_id, ended(first).anchor)
    turn = await fork.turn("recall")
    assert said(turn) == "I remember: say one"
    assert of(NativeIdKnown, turn)[0].native_id != native_id
    whole = await codex.fork(native_id, None)
    assert said(await whole.turn("recall")) == "I remember: say one / say two"
    assert said(await driver.turn("recall")) == "I remember: say one / say two"
    for each in (driver, fork, whole):
        await each.agent.close()


async def test_going_back_forgets_what_came_after(codex: CodexHarness) -> None:
    driver = await codex.open()
    turns = [await driver.turn(f"say {word}") for word in ("one", "two", "three")]
    anchors = [ended(turn).anchor for turn in turns]
    to = GoingBack(message_id="m2", turn=anchors[1], before=anchors[0], code=False, is_dry_run=True)
    would = await driver.agent.go_back(to)
    assert said(await driver.turn("recall")) == "I remember: say one / say two / say three"
    went = await driver.agent.go_back(GoingBack("m2", anchors[1], anchors[0], code=False, is_dry_run=False))
    assert went == would
    await driver.agent.close()
    again = await codex.open(native_id=went.native_id)
    assert said(await again.turn("recall")) == "I remember: say one"
    with pytest.raises(ProviderFailed, match="Git"):
        await again.agent.go_back(GoingBack("m1", anchors[0], None, code=True, is_dry_run=False))
    assert (
        await again.agent.go_back(GoingBack("m1", anchors[0], None, code=False, is_dry_run=False))
    ).native_id is None
    await again.agent.close()


async def test_a_prompt_is_given_to_the_running_turn(codex: CodexHarness) -> None:
    driver = await codex.open()
    assert not await driver.agent.steer(Prompt(message_id="early", text="say nothing"))
    await driver.prompt("slow 20 0.05")
    await driver.until(Delta)
    assert await driver.agent.steer(Prompt(message_id="late", text="say steered"))
    turn = await driver.rest_of_turn()
    assert of(AgentMessage, turn)[-1].text == "steered"
    assert len(of(TurnEnded, turn)) == 1
    await driver.agent.close()


async def test_pictures_and_files_reach_the_model(codex: CodexHarness) -> None:
    (codex.folder / "bird.txt").write_text("heron")
    driver = await codex.open()
    url = f"data:image/png;base64,{PICTURE}"
    attachments = (
        Attachment(type="image", name="bird.png", mime="image/png", data_url=url),
        Attachment(type="file", path=str(codex.folder / "bird.txt")),
    )
    await driver.agent.prompt(Prompt(message_id="m1", text="say seen", attachments=attachments))
    assert said(await driver.rest_of_turn()) == "seen"
    sent = str(codex.server.requests[-1].body["input"])
    assert "input_image" in sent
    assert "data:image/png;base64," in sent
    await driver.agent.close()


async def test_a_large_answer_comes_in_parts(codex: CodexHarness) -> None:
    driver = await codex.open()
    turn = await driver.turn("big 5000")
    messages = of(AgentMessage, turn)
    assert len("".join(message.text for message in messages)) == 5000 * 1024
    assert [message.part for message in messages] == list(range(len(messages)))
    assert len({message.message_id for message in messages}) == 1
    await driver.agent.close()


async def test_text_of_an_attempt_that_broke_off_is_overwritten(codex: CodexHarness) -> None:
    driver = await codex.open()
    turn = await driver.turn("drop\nsay whole")
    (message,) = of(AgentMessage, turn)
    assert message.text == "whole"
    assert {delta.message_id for delta in of(Delta, turn)} == {message.message_id}
    assert [delta.offset for delta in of(Delta, turn)] == [0, 0]
    assert [notice.code for notice in of(Notice, turn)] == ["api_retry"]
    await driver.agent.close()


async def test_tokens_and_the_size_of_the_context_are_told(codex: CodexHarness) -> None:
    driver = await codex.open()
    usage = of(Usage, await driver.turn("say hello"))[-1]
    assert usage.output_tokens == 10
    assert usage.input_tokens > 0
    assert (usage.context_used or 0) > 0
    assert (usage.context_size or 0) > 100_000
    await driver.agent.close()


async def test_the_conversation_is_summarised_on_command(codex: CodexHarness) -> None:
    driver = await codex.open()
    await driver.turn("say hello")
    turn = await driver.turn("/compact")
    assert ended(turn).stop_reason == "end_turn"
    assert [notice.code for notice in of(Notice, turn)] == ["compacted"]
    await driver.agent.close()


async def test_what_a_sub_agent_does_is_shown_below_its_call(codex: CodexHarness) -> None:
    codex.model = "gpt-5.6-sol"
    driver = await codex.open(mode="ask")
    await driver.prompt("agent run echo heron; say the part is done\nsay I go on")
    asked = await driver.until(ApprovalRequested)
    await driver.choose(asked, "allow_once")
    await driver.until(AgentMessage, lambda message: message.text == "the part is done")
    await _settled(driver)
    calls = {call.tool_call_id: call for call in of(ToolCall, driver.events)}
    agent = next(call for call in calls.values() if call.name == "agent")
    inner = next(call for call in calls.values() if call.name == "shell")
    assert (agent.parent, inner.parent) == (None, agent.tool_call_id)
    assert asked.tool_call_id == inner.tool_call_id
    part = next(message for message in of(AgentMessage, driver.events) if message.text == "the part is done")
    assert part.parent == agent.tool_call_id
    last = {update.tool_call_id: update.status for update in of(ToolCallUpdate, driver.events)}
    assert last == {agent.tool_call_id: "completed", inner.tool_call_id: "completed"}
    await driver.agent.close()


async def test_what_a_sub_agent_asks_is_asked_again_after_the_turn_that_it_outlives(codex: CodexHarness) -> None:
    codex.model = "gpt-5.6-sol"
    driver = await codex.open(mode="ask")
    await driver.prompt("agent run echo heron; say the part is done\nslow 30 0.05")
    first = await driver.until(ApprovalRequested)
    await driver.until(TurnEnded)
    withdrawn = of(ApprovalResolved, driver.events)[-1]
    assert (withdrawn.approval, withdrawn.outcome) == (first.approval, "withdrawn")
    again = await driver.until(ApprovalRequested)
    assert isinstance(driver.events[-2], TurnStarted)
    assert (again.input, again.options) == (first.input, first.options)
    assert again.approval != first.approval
    await driver.choose(again, "allow_once")
    await driver.until(AgentMessage, lambda message: message.text == "the part is done")
    await _settled(driver)
    await driver.agent.close()


async def test_an_interrupt_ends_a_sub_agent_that_goes_on(codex: CodexHarness) -> None:
    codex.model = "gpt-5.6-sol"
    driver = await codex.open(mode="ask")
    await driver.prompt("agent run echo heron; say the part is done\nsay I go on")
    await driver.until(TurnEnded)
    await driver.until(ApprovalRequested)
    await driver.agent.interrupt()
    assert (await driver.until(TurnEnded)).stop_reason == "cancelled"
    assert said(await driver.turn("say again")) == "again"
    await driver.agent.close()


async def _settled(driver: Driver) -> None:
    """Until every turn that began has ended: the one of the prompt, and those that the agent began by itself."""
    while len(of(TurnEnded, driver.events)) < 1 + len(of(TurnStarted, driver.events)):
        await driver.next()


async def test_several_approvals_are_open_at_once(codex: CodexHarness) -> None:
    driver = await codex.open(mode="ask")
    await driver.prompt("par 2\nrun touch one\nrun touch two\nsay done")
    asked = [await driver.until(ApprovalRequested) for _ in range(2)]
    by_command = {request.input["command"]: request for request in asked}
    await driver.choose(by_command["touch two"], "reject_once")
    await driver.choose(by_command["touch one"], "allow_once")
    assert said(await driver.rest_of_turn()) == "done"
    assert (codex.folder / "one").exists()
    assert not (codex.folder / "two").exists()
    await driver.agent.close()


async def test_always_is_for_ever_and_in_every_session(codex: CodexHarness) -> None:
    driver = await codex.open(mode="ask")
    await driver.prompt("run touch one\nsay done")
    asked = await driver.until(ApprovalRequested)
    names = {option.kind: option.name for option in asked.options}
    assert names["allow_session"] == "Allow `touch one` for this session"
    assert names["allow_always"] == ("Always allow commands that begin with `touch one`, for ever, in every session")
    await driver.choose(asked, "allow_always")
    await driver.rest_of_turn()
    assert "touch" in (codex.home / ".codex" / "rules" / "default.rules").read_text()
    await driver.agent.close()
    other = await codex.open(mode="ask")
    assert not of(ApprovalRequested, await other.turn("run touch one\nsay done"))
    await other.agent.close()


async def test_a_rejected_plan_is_worked_on_with_what_the_user_said(codex: CodexHarness) -> None:
    driver = await codex.open(mode="plan")
    await driver.prompt("plan Watch the heron")
    asked = await driver.until(ApprovalRequested)
    option = next(option.id for option in asked.options if option.kind == "reject_once")
    await driver.agent.answer(asked.approval, Decision(option=option, message="say I think again"))
    turn = await driver.rest_of_turn()
    assert said(turn) == "I think again"
    assert len(of(TurnEnded, turn)) == 1
    await driver.agent.close()


async def test_an_interrupt_while_a_plan_waits_ends_the_turn(codex: CodexHarness) -> None:
    driver = await codex.open(mode="plan")
    await driver.prompt("plan Watch the heron")
    await driver.until(ApprovalRequested)
    await driver.agent.interrupt()
    assert ended(await driver.rest_of_turn()).stop_reason == "cancelled"
    assert said(await driver.turn("say again")) == "again"
    await driver.agent.close()


async def test_no_model_chosen_is_the_configured_one_again(codex: CodexHarness) -> None:
    codex.model = "gpt-5.2"
    driver = await codex.open()
    await driver.turn("say one")
    await driver.agent.set_model("default", "low")
    await driver.turn("say two")
    assert [request.model for request in codex.server.requests] == ["gpt-5.2", "gpt-5.5"]
    assert codex.server.requests[-1].body["reasoning"]["effort"] == "low"
    await driver.agent.close()


async def test_a_mode_that_is_changed_in_a_turn_says_when_it_holds(codex: CodexHarness) -> None:
    driver = await codex.open(mode="full-access")
    await driver.prompt("slow 10 0.05\nrun touch one\nsay done")
    await driver.until(Delta)
    await driver.agent.set_mode("ask")
    turn = await driver.rest_of_turn()
    assert [notice.code for notice in of(Notice, turn)] == ["mode_from_next_turn"]
    assert len(of(ApprovalRequested, await driver.turn("run touch two\nsay done"))) == 1
    await driver.agent.close()


async def test_a_mode_that_does_not_exist_is_refused(codex: CodexHarness) -> None:
    with pytest.raises(ProviderFailed, match="read-only"):
        await codex.open_as(SessionSpec(path=codex.folder, mode="yolo"))


async def test_reading_only_writes_nothing(codex: CodexHarness) -> None:
    driver = await codex.open(mode="read-only")
    turn = await driver.turn("run touch one\nsay done")
    assert not of(ApprovalRequested, turn)
    assert not (codex.folder / "one").exists()
    await driver.agent.close()
