"""What every agent keeps to, played or real."""

import pytest

from providers.base import Decision, ProviderFailed
from providers.scripted.conversation import (
    Ask,
    Crash,
    Fail,
    Hold,
    Plan,
    Recall,
    Retry,
    Run,
    Say,
    Think,
    Todo,
    Write,
)
from tests.contract.agents import agents_with
from tests.contract.driver import ended, of, said, trimmed
from tests.contract.harness import Harness
from ws.protocol.events import (
    AgentMessage,
    AgentThought,
    ApprovalRequested,
    ApprovalResolved,
    Delta,
    DiffContent,
    ModeChanged,
    NativeIdKnown,
    Notice,
    TextContent,
    ToolCall,
    ToolCallUpdate,
    TurnStarted,
)
from ws.protocol.events import Plan as PlanEvent


async def test_streams_text_that_the_durable_block_repeats(harness: Harness) -> None:
    prompt = harness.script(Say(text="one two three four", pieces=4))
    driver = await harness.open()
    turn = await driver.turn(prompt)
    (message,) = of(AgentMessage, turn)
    deltas = of(Delta, turn)
    assert len(deltas) == 4
    assert {delta.message_id for delta in deltas} == {message.message_id}
    assert "".join(delta.text for delta in deltas) == message.text
    assert [delta.offset for delta in deltas] == [len("".join(d.text for d in deltas[:n])) for n in range(4)]
    assert turn.index(deltas[-1]) < turn.index(message)
    assert ended(turn).stop_reason == "end_turn"
    assert not of(TurnStarted, turn)
    await driver.agent.close()


async def test_thinks_before_it_speaks(harness: Harness) -> None:
    prompt = harness.script(Think(text="a heron stands still"), Say(text="heron", pieces=1))
    driver = await harness.open()
    turn = await driver.turn(prompt)
    (thought,) = of(AgentThought, turn)
    (message,) = of(AgentMessage, turn)
    assert thought.text == "a heron stands still"
    assert any(delta.kind == "thought" and delta.message_id == thought.message_id for delta in of(Delta, turn))
    assert turn.index(thought) < turn.index(message)
    assert thought.message_id != message.message_id
    await driver.agent.close()


async def test_shows_a_tool_call_and_its_result(harness: Harness) -> None:
    prompt = harness.script(Run(command="echo heron", output="heron"), Say(text="done", pieces=1))
    driver = await harness.open(mode=harness.accepts)
    turn = await driver.turn(prompt)
    (call,) = of(ToolCall, turn)
    assert call.kind == "execute"
    assert "echo heron" in call.title
    last = of(ToolCallUpdate, turn)[-1]
    assert (last.tool_call_id, last.status) == (call.tool_call_id, "completed")
    assert last.content == [TextContent(text="heron")]
    assert not of(ApprovalRequested, turn)
    await driver.agent.close()


async def test_an_allowed_edit_is_made_and_shown_as_a_diff(harness: Harness) -> None:
    prompt = harness.script(Write(path="note.txt", text="heron"), Say(text="done", pieces=1))
    driver = await harness.open(mode=harness.asks)
    await driver.prompt(prompt)
    request = await driver.until(ApprovalRequested)
    shown = of(ToolCallUpdate, driver.events)[-1]
    expected = DiffContent(path=str(harness.folder / "note.txt"), old_text=None, new_text="heron")
    assert (shown.status, trimmed(shown.content)) == ("in_progress", [expected])
    assert request.tool_call_id == of(ToolCall, driver.events)[-1].tool_call_id == shown.tool_call_id
    assert request.kind == "tool"
    assert request.expires_at == ""
    assert not (harness.folder / "note.txt").exists()
    await driver.choose(request, "allow_once")
    turn = await driver.rest_of_turn()
    update = of(ToolCallUpdate, turn)[-1]
    assert (update.status, trimmed(update.content)) == ("completed", [expected])
    assert (harness.folder / "note.txt").read_text().rstrip("\n") == "heron"
    assert not of(ApprovalResolved, turn), "the session tells the answer, not the agent"
    await driver.agent.close()


async def test_a_rejected_edit_is_not_made_and_the_turn_goes_on(harness: Harness) -> None:
    prompt = harness.script(Write(path="note.txt", text="heron"), Say(text="as you like", pieces=1))
    driver = await harness.open(mode=harness.asks)
    turn = await driver.turn(prompt, answer="reject_once")
    assert of(ToolCallUpdate, turn)[-1].status == "failed"
    assert said(turn) == "as you like"
    assert ended(turn).stop_reason == "end_turn"
    assert not (harness.folder / "note.txt").exists()
    await driver.agent.close()


async def test_allowed_for_the_session_is_not_asked_again(harness: Harness) -> None:
    first = harness.script(Write(path="one.txt", text="1"), Say(text="first", pieces=1))
    second = harness.script(Write(path="one.txt", text="2"), Say(text="second", pieces=1))
    driver = await harness.open(mode=harness.asks)
    turn = await driver.turn(first, answer="allow_session")
    assert len(of(ApprovalRequested, turn)) == 1
    turn = await driver.turn(second)
    assert not of(ApprovalRequested, turn)
    assert (harness.folder / "one.txt").read_text().rstrip("\n") == "2"
    await driver.agent.close()


async def test_a_question_is_answered(harness: Harness) -> None:
    prompt = harness.script(Ask(question="Which bird?", options=["Heron", "Stork"]), Say(text="thanks", pieces=1))
    driver = await harness.open()
    await driver.prompt(prompt)
    request = await driver.until(ApprovalRequested)
    assert request.kind == "question"
    (question,) = request.questions or []
    assert question.question == "Which bird?"
    assert [option.label for option in question.options] == ["Heron", "Stork"]
    option = next(option.id for option in request.options if option.kind == "allow_once")
    await driver.agent.answer(request.approval, Decision(option=option, answers={question.id: "Stork"}))
    turn = await driver.rest_of_turn()
    assert said(turn) == "thanks"
    await driver.agent.close()


async def test_an_approved_plan_sets_the_mode_that_was_chosen(harness: Harness) -> None:
    prompt = harness.script(
        Plan(text="Watch the heron"), Write(path="bird.txt", text="heron"), Say(text="watched", pieces=1)
    )
    driver = await harness.open(mode=harness.plans)
    await driver.prompt(prompt)
    request = await driver.until(ApprovalRequested)
    assert request.kind == "plan"
    assert request.input["plan"] == "Watch the heron"
    await driver.choose(request, "allow_session")
    turn = await driver.rest_of_turn()
    assert [event.mode for event in of(ModeChanged, turn)] == [harness.accepts]
    assert not of(ApprovalRequested, turn)
    assert (harness.folder / "bird.txt").read_text().rstrip("\n") == "heron"
    await driver.agent.close()


async def test_the_list_of_tasks_is_told_whole(harness: Harness) -> None:
    prompt = harness.script(Todo(entries=["look", "wait"]), Say(text="noted", pieces=1))
    driver = await harness.open()
    turn = await driver.turn(prompt)
    assert [entry.content for entry in of(PlanEvent, turn)[-1].entries] == ["look", "wait"]
    await driver.agent.close()


async def test_interrupt_while_it_speaks(harness: Harness) -> None:
    prompt = harness.script(Say(text="I begin", pieces=1), Hold())
    again = harness.script(Say(text="again", pieces=1))
    driver = await harness.open()
    await driver.prompt(prompt)
    await driver.until(Delta)
    await driver.agent.interrupt()
    turn = await driver.rest_of_turn()
    assert ended(turn).stop_reason == "cancelled"
    assert said(await driver.turn(again)) == "again"
    await driver.agent.close()


async def test_interrupt_while_a_tool_runs_closes_the_call(harness: Harness) -> None:
    prompt = harness.script(Run(command="watch", holds=True, asks=True))
    driver = await harness.open(mode=harness.asks)
    await driver.prompt(prompt)
    request = await driver.until(ApprovalRequested)
    await driver.choose(request, "allow_once")
    await driver.agent.interrupt()
    turn = await driver.rest_of_turn()
    assert ended(turn).stop_reason == "cancelled"
    last = {update.tool_call_id: update for update in of(ToolCallUpdate, driver.events)}
    assert [last[call.tool_call_id].status for call in of(ToolCall, driver.events)] == ["failed"]
    await driver.agent.close()


async def test_interrupt_while_it_asks_withdraws_the_approval(harness: Harness) -> None:
    prompt = harness.script(Write(path="note.txt", text="heron"))
    driver = await harness.open(mode=harness.asks)
    await driver.prompt(prompt)
    request = await driver.until(ApprovalRequested)
    await driver.agent.interrupt()
    turn = await driver.rest_of_turn()
    (resolved,) = of(ApprovalResolved, turn)
    assert (resolved.approval, resolved.outcome) == (request.approval, "withdrawn")
    assert ended(turn).stop_reason == "cancelled"
    assert of(ToolCallUpdate, driver.events)[-1].status == "failed"
    with pytest.raises(KeyError):
        await driver.agent.answer(request.approval, Decision(option=request.options[0].id))
    await driver.agent.close()


async def test_interrupt_without_a_turn_does_nothing(harness: Harness) -> None:
    prompt = harness.script(Say(text="still here", pieces=1))
    driver = await harness.open()
    await driver.agent.interrupt()
    turn = await driver.turn(prompt)
    assert said(turn) == "still here"
    assert ended(turn).stop_reason == "end_turn"
    await driver.agent.close()


async def test_an_answer_must_be_one_of_the_options(harness: Harness) -> None:
    prompt = harness.script(Write(path="note.txt", text="heron"))
    driver = await harness.open(mode=harness.asks)
    await driver.prompt(prompt)
    request = await driver.until(ApprovalRequested)
    with pytest.raises(ValueError, match="no option"):
        await driver.agent.answer(request.approval, Decision(option="anything"))
    await driver.choose(request, "reject_once")
    await driver.rest_of_turn()
    await driver.agent.close()


async def test_a_chosen_mode_holds_from_now_on(harness: Harness) -> None:
    prompt = harness.script(Write(path="note.txt", text="heron"), Say(text="done", pieces=1))
    driver = await harness.open(mode=harness.asks)
    await driver.agent.set_mode(harness.accepts)
    turn = await driver.turn(prompt)
    assert not of(ApprovalRequested, turn)
    assert not of(ModeChanged, turn), "the session knows what its user chose"
    assert (harness.folder / "note.txt").read_text().rstrip("\n") == "heron"
    with pytest.raises(ProviderFailed):
        await driver.agent.set_mode("no such mode")
    await driver.agent.close()


async def test_a_chosen_model_holds_from_the_next_turn_on(harness: Harness) -> None:
    prompt = harness.script(Say(text="hello", pieces=1))
    driver = await harness.open()
    await driver.turn(prompt)
    await driver.agent.set_model(harness.other_model, None)
    assert said(await driver.turn(prompt)) == "hello"
    await driver.agent.close()


async def test_resumes_with_its_memory(harness: Harness) -> None:
    first = harness.script(Say(text="The heron stands in the river", pieces=1))
    second = harness.script(Recall())
    driver = await harness.open()
    turn = await driver.turn(first)
    (known,) = of(NativeIdKnown, turn)
    await driver.agent.close()
    resumed = await harness.open(native_id=known.native_id)
    turn = await resumed.turn(second)
    assert first.splitlines()[0] in said(turn)
    assert not of(NativeIdKnown, turn)
    await resumed.agent.close()


async def test_death_in_a_turn_ends_it_with_the_remedy(harness: Harness) -> None:
    prompt = harness.script(Say(text="I begin", pieces=1), Crash())
    again = harness.script(Say(text="again", pieces=1))
    driver = await harness.open()
    await driver.prompt(prompt)
    await driver.until(Delta)
    harness.kill()
    with pytest.raises(ProviderFailed, match="resumes the session"):
        await driver.rest()
    last = ended(driver.events)
    assert last.stop_reason == "error"
    assert last.error is not None
    with pytest.raises(ProviderFailed):
        await driver.prompt(again)
    resumed = await harness.open(native_id=of(NativeIdKnown, driver.events)[0].native_id)
    assert said(await resumed.turn(again)) == "again"
    await driver.agent.close()
    await resumed.agent.close()


async def test_a_failed_turn_names_the_remedy_and_the_session_goes_on(harness: Harness) -> None:
    prompt = harness.script(Fail(error="Not signed in: run `claude auth login`."))
    again = harness.script(Say(text="again", pieces=1))
    driver = await harness.open()
    turn = await driver.turn(prompt)
    assert ended(turn).stop_reason == "error"
    assert "login" in (ended(turn).error or "")
    assert said(await driver.turn(again)) == "again"
    await driver.agent.close()


@pytest.mark.parametrize("harness", agents_with("retries"), indirect=True)
async def test_a_retry_is_told_and_the_turn_succeeds(harness: Harness) -> None:
    prompt = harness.script(Retry(text="529 (overloaded), attempt 1"), Say(text="after all", pieces=1))
    driver = await harness.open()
    turn = await driver.turn(prompt)
    (notice,) = of(Notice, turn)
    assert notice.code == "api_retry"
    assert "529" in notice.text
    assert said(turn) == "after all"
    assert ended(turn).stop_reason == "end_turn"
    await driver.agent.close()


async def test_nothing_follows_the_end_of_a_turn_and_of_the_agent(harness: Harness) -> None:
    prompt = harness.script(Say(text="hello", pieces=1))
    driver = await harness.open()
    await driver.turn(prompt)
    await driver.agent.close()
    await driver.agent.close()
    assert await driver.rest() == []


async def test_closing_in_a_turn_ends_it(harness: Harness) -> None:
    prompt = harness.script(Say(text="I begin", pieces=1), Hold())
    driver = await harness.open()
    await driver.prompt(prompt)
    await driver.until(Delta)
    await driver.agent.close()
    assert ended(await driver.rest()).stop_reason == "cancelled"


async def test_describes_what_it_can_do(harness: Harness) -> None:
    harness.script(Say(text="hello", pieces=1))
    info = await harness.provider.describe(is_awaited=True)
    assert info.available, info.reason
    assert {harness.asks, harness.accepts, harness.plans} <= {mode.id for mode in info.modes}
    assert [mode.id for mode in info.modes if mode.is_default] == [harness.asks]
    assert sum(model.is_default for model in info.models) == 1
    assert {"interrupt", "resume", "questions"} <= set(info.features)
