"""What ACP agents do that the contract does not name, each as a scripted agent in a process of its own."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from providers.base import Decision, ForkOf, ProcessRecorder, Prompt, ProviderFailed, SessionSpec
from providers.process import identify, is_alive
from tests.contract.acp_harness import AcpHarness
from tests.contract.driver import ended, of, said
from tests.support.waiting import eventually
from ws.protocol.events import (
    AgentMessage,
    AgentThought,
    ApprovalRequested,
    ApprovalResolved,
    Attachment,
    Delta,
    ModeChanged,
    NativeIdKnown,
    Notice,
    Plan,
    TextContent,
    TitleChanged,
    ToolCall,
    ToolCallUpdate,
    TurnStarted,
    Usage,
)
from ws.tasks import TaskOwner

Make = Callable[..., AcpHarness]


@pytest.fixture
def agent(folder: Path, tmp_path: Path, owner: TaskOwner) -> Make:
    def make(*variants: str) -> AcpHarness:
        return AcpHarness(folder, tmp_path / "acp", owner.start, variants)

    return make


def steps(*scripted: dict[str, Any]) -> str:
    return json.dumps(scripted)


def raw(kind: str, /, **fields: Any) -> dict[str, Any]:
    return {"do": "raw", "update": {"sessionUpdate": kind, **fields}}


SAY = {"do": "say", "text": "done", "pieces": 1}


async def test_what_is_not_known_is_told_once_and_harms_nothing(agent: Make) -> None:
    odd = [
        raw("hologram", size=3),
        raw("hologram", size=4),
        raw("tool_call"),
        raw("tool_call_update", toolCallId=7, content="text"),
        raw("plan", entries="none"),
        raw("available_commands_update", availableCommands=[{"name": 3}, "x"]),
        raw("agent_message_chunk", content={"type": "hologram"}),
        raw("usage_update", used="many", size=None),
        {"do": "line", "text": "this is no message"},
        {"do": "line", "text": "[1, 2]"},
        {"do": "line", "text": "[" * 5000 + "]" * 5000},
        {"do": "line", "text": '{"jsonrpc": "2.0", "id": 99, "result": {}}'},
        {"do": "line", "text": '{"jsonrpc": "2.0", "method": "session/update", "params": 3}'},
    ]
    driver = await agent().open()
    turn = await driver.turn(steps(*odd, SAY))
    notices = [notice.text for notice in of(Notice, turn) if notice.code == "unknown_event"]
    assert len([text for text in notices if "hologram" in text]) == 1
    assert len([text for text in notices if "no message" in text]) == 1
    assert said(turn).endswith("done")
    assert ended(turn).stop_reason == "end_turn"
    assert said(await driver.turn(steps(SAY))) == "done"
    await driver.agent.close()


async def test_a_request_that_is_not_offered_is_refused(agent: Make) -> None:
    driver = await agent().open()
    request = {"do": "ask_client", "method": "fs/read_text_file", "params": {"path": "/etc/passwd"}}
    assert "-32601" in said(await driver.turn(steps(request)))
    await driver.agent.close()


async def test_calls_of_one_answer_are_told_apart_and_all_closed(agent: Make) -> None:
    calls = [
        raw("tool_call", toolCallId="a", title="Read", kind="read", status="pending"),
        raw("tool_call", toolCallId="b", title="Search", kind="search", status="in_progress"),
        raw("tool_call_update", toolCallId="a", status="completed", rawOutput="the text"),
        raw("tool_call_update", toolCallId="a", status="failed"),
    ]
    driver = await agent().open()
    turn = await driver.turn(steps(*calls, SAY))
    assert [(call.tool_call_id, call.kind) for call in of(ToolCall, turn)] == [("a", "read"), ("b", "search")]
    updates = [(update.tool_call_id, update.status, update.content) for update in of(ToolCallUpdate, turn)]
    assert updates == [("a", "completed", [TextContent(text="the text")]), ("b", "failed", [])]
    await driver.agent.close()


async def test_a_call_is_told_when_it_says_what_it_does(agent: Make) -> None:
    calls = [
        raw("tool_call", toolCallId="a", title="bash", kind="execute", status="pending", rawInput={"cwd": "/"}),
        raw("tool_call_update", toolCallId="a", status="in_progress", title="ls", rawInput={"command": "ls"}),
    ]
    driver = await agent().open()
    (call,) = of(ToolCall, await driver.turn(steps(*calls)))
    assert (call.title, call.input) == ("ls", {"command": "ls"})
    await driver.agent.close()


async def test_the_call_of_a_sub_agent_names_its_parent(agent: Make) -> None:
    meta = {"claudeCode": {"parentToolUseId": "outer", "toolName": "Bash"}}
    call = raw("tool_call", toolCallId="inner", title="ls", kind="execute", rawInput={"command": "ls"}, _meta=meta)
    driver = await agent().open()
    turn = await driver.turn(steps(call))
    (shown,) = of(ToolCall, turn)
    assert (shown.parent, shown.name) == ("outer", "Bash")
    await driver.agent.close()


async def test_blocks_end_where_something_else_begins(agent: Make) -> None:
    chunk = {"type": "text", "text": "x"}
    chunks = [
        raw("agent_message_chunk", content=chunk, messageId="1"),
        raw("agent_message_chunk", content=chunk, messageId="1"),
        raw("agent_message_chunk", content=chunk, messageId="2"),
        raw("agent_thought_chunk", content=chunk),
        raw("agent_message_chunk", content=chunk),
    ]
    driver = await agent().open()
    turn = await driver.turn(steps(*chunks))
    assert [message.text for message in of(AgentMessage, turn)] == ["xx", "x", "x"]
    assert [thought.text for thought in of(AgentThought, turn)] == ["x"]
    assert len({delta.message_id for delta in of(Delta, turn)}) == 4
    await driver.agent.close()


async def test_titles_plans_and_use_are_told(agent: Make) -> None:
    told = [
        raw("session_info_update", title="About\n herons"),
        raw("plan_update", plan={"type": "items", "planId": "p", "entries": [{"content": "look", "status": "done"}]}),
        raw("usage_update", used=500, size=1000, cost={"amount": 0.5, "currency": "USD"}),
    ]
    driver = await agent().open()
    turn = await driver.turn(steps(*told))
    assert [title.title for title in of(TitleChanged, turn)] == ["About herons"]
    assert [(entry.content, entry.status) for entry in of(Plan, turn)[0].entries] == [("look", "pending")]
    usage = of(Usage, turn)[-1]
    assert (usage.context_used, usage.context_size, usage.cost_usd) == (500, 1000, 0.5)
    assert (usage.input_tokens, usage.output_tokens) == (100, 10)
    await driver.agent.close()


async def test_a_form_is_asked_as_questions_and_answered_in_its_types(agent: Make) -> None:
    properties = {
        "bird": {"type": "string", "title": "Bird", "oneOf": [{"const": "h", "title": "Heron"}]},
        "many": {"type": "integer", "description": "How many?"},
        "sure": {"type": "boolean"},
        "where": {"type": "array", "items": {"enum": ["river", "lake"]}},
        "note": {"type": "string"},
    }
    schema = {"type": "object", "properties": properties}
    form = {"mode": "form", "message": "About the bird", "requestedSchema": schema}
    driver = await agent().open()
    await driver.prompt(steps({"do": "ask_client", "method": "elicitation/create", "params": form}))
    request = await driver.until(ApprovalRequested)
    assert (request.kind, request.title) == ("question", "About the bird")
    asked = {question.id: question for question in request.questions or []}
    assert [option.label for option in asked["bird"].options] == ["Heron"]
    assert (asked["many"].question, asked["where"].multiple) == ("How many?", True)
    answers: dict[str, str | list[str]] = {"bird": "Heron", "many": "3", "sure": "Yes", "where": ["lake"]}
    await driver.agent.answer(request.approval, Decision(option="submit", answers=answers))
    answer = json.loads(said(await driver.rest_of_turn()))
    content = {"bird": "h", "many": 3, "sure": True, "where": ["lake"]}
    assert answer == {"action": "accept", "content": content}
    await driver.agent.close()


async def test_what_comes_between_turns_is_a_turn_of_its_own(agent: Make) -> None:
    driver = await agent().open()
    await driver.turn(steps({"do": "later", "text": "by the way"}))
    await driver.until(TurnStarted)
    turn = await driver.rest_of_turn()
    assert said(turn) == "by the way"
    assert ended(turn).stop_reason == "end_turn"
    await driver.agent.close()


async def test_a_prompt_ends_a_turn_of_the_agents_own(agent: Make) -> None:
    driver = await agent().open()
    await driver.turn(steps({"do": "later", "text": "by the way"}))
    await driver.until(Delta)
    await driver.prompt(steps(SAY))
    assert said(await driver.rest_of_turn()) == "by the way"
    assert said(await driver.rest_of_turn()) == "done"
    await driver.agent.close()


async def test_what_is_asked_in_a_turn_of_the_agents_own_is_withdrawn_before_its_end(agent: Make) -> None:
    form = {"mode": "form", "message": "Why?", "requestedSchema": {"properties": {"why": {"type": "string"}}}}
    driver = await agent().open()
    await driver.turn(steps({"do": "later", "asks": {"method": "elicitation/create", "params": form}}))
    request = await driver.until(ApprovalRequested)
    await driver.agent.interrupt()
    turn = await driver.rest_of_turn()
    assert ended(turn).stop_reason == "cancelled"
    assert of(ApprovalResolved, turn) == [ApprovalResolved(approval=request.approval, outcome="withdrawn")]
    await driver.agent.close()


async def test_config_options_serve_as_modes_and_models(agent: Make) -> None:
    harness = agent("options")
    info = await harness.provider.describe(is_awaited=True)
    assert [mode.id for mode in info.modes] == ["plan", "ask", "accept-edits", "yolo"]
    assert [(model.id, model.is_default) for model in info.models] == [("steady", True), ("brisk", False)]
    driver = await harness.open(mode="accept-edits")
    await driver.agent.set_model("brisk", None)
    turn = await driver.turn(steps({"do": "write", "path": "x", "text": "heron"}, SAY))
    assert not of(ApprovalRequested, turn)
    assert not of(ModeChanged, turn)
    with pytest.raises(ProviderFailed, match="has no model slow"):
        await driver.agent.set_model("slow", None)
    with pytest.raises(ProviderFailed, match="has no effort high"):
        await driver.agent.set_model("brisk", "high")
    await driver.agent.close()


async def test_an_agent_without_modes_and_models_is_served(agent: Make) -> None:
    harness = agent("bare")
    info = await harness.provider.describe(is_awaited=True)
    assert (info.available, info.modes, info.models) == (True, [], [])
    assert [command.name for command in info.commands] == ["tidy"]
    driver = await harness.open()
    assert said(await driver.turn(steps(SAY))) == "done"
    with pytest.raises(ProviderFailed, match="it has no modes"):
        await driver.agent.set_mode("ask")
    await driver.agent.close()


async def test_an_agent_that_cannot_resume_says_so_and_goes_on_anew(agent: Make) -> None:
    harness = agent("no-load")
    assert "resume" not in (await harness.provider.describe(is_awaited=True)).features
    driver = await harness.open()
    (known,) = of(NativeIdKnown, await driver.turn(steps(SAY)))
    harness.kill()
    with pytest.raises(ProviderFailed, match="without memory of this session"):
        await driver.rest()
    again = await harness.open(native_id=known.native_id)
    turn = await again.turn(steps({"do": "recall"}))
    assert [notice.code for notice in of(Notice, turn)] == ["memory_lost"]
    assert of(NativeIdKnown, turn)[0].native_id != known.native_id
    await again.agent.close()


async def test_an_agent_that_lost_a_session_is_not_believed_to_have_it(agent: Make) -> None:
    driver = await agent("forgets").open(native_id="gone")
    turn = await driver.turn(steps(SAY))
    assert [notice.code for notice in of(Notice, turn)] == ["memory_lost"]
    await driver.agent.close()


async def test_a_fork_begins_with_the_memory_of_the_first(agent: Make) -> None:
    harness = agent("fork")
    assert "fork" in (await harness.provider.describe(is_awaited=True)).features
    driver = await harness.open()
    (known,) = of(NativeIdKnown, await driver.turn(steps(SAY)))
    forked = await harness.open(fork_of=known.native_id)
    turn = await forked.turn(steps({"do": "recall"}))
    assert "done" in said(turn)
    assert of(NativeIdKnown, turn)[0].native_id != known.native_id
    await driver.agent.close()
    await forked.agent.close()
    spec = SessionSpec(path=harness.folder, fork_of=ForkOf(known.native_id, "somewhere"))
    with pytest.raises(ProviderFailed, match="cannot fork a session there"):
        await harness.provider.open(spec, ProcessRecorder())


async def test_one_native_session_is_open_once(agent: Make) -> None:
    harness = agent()
    driver = await harness.open()
    (known,) = of(NativeIdKnown, await driver.turn(steps(SAY)))
    with pytest.raises(ProviderFailed, match="open already"):
        await harness.open(native_id=known.native_id)
    await driver.agent.close()
    await (await harness.open(native_id=known.native_id)).agent.close()


async def test_pictures_only_go_to_agents_that_take_them(agent: Make) -> None:
    picture = Attachment(type="image", mime="image/png", data_url="data:image/png;base64,AAAA")
    file = Attachment(type="file", path="/tmp/a note.txt")
    driver = await agent().open()
    with pytest.raises(ProviderFailed, match="takes no pictures"):
        await driver.agent.prompt(Prompt(message_id="p", text=steps(SAY), attachments=(picture,)))
    await driver.agent.prompt(Prompt(message_id="q", text=steps(SAY), attachments=(file,)))
    assert "file:///tmp/a%20note.txt" in said(await driver.rest_of_turn())
    await driver.agent.close()
    seeing = await agent("images").open()
    await seeing.agent.prompt(Prompt(message_id="r", text=steps(SAY), attachments=(picture,)))
    assert '"mimeType": "image/png", "data": "AAAA"' in said(await seeing.rest_of_turn())
    await seeing.agent.close()


@pytest.mark.parametrize(
    ("variant", "reason"),
    [
        ("signed-out", r"Heron is not signed in: run `\S+ login` on this machine"),
        ("version-9", "speaks version 9 of the Agent Client Protocol, this node version 1"),
    ],
)
async def test_an_agent_that_cannot_serve_says_what_to_do(agent: Make, variant: str, reason: str) -> None:
    harness = agent(variant)
    info = await harness.provider.describe(is_awaited=True)
    assert not info.available
    with pytest.raises(ProviderFailed, match=reason):
        await harness.open()
    assert harness.started == harness.ended, "nothing of it is left"


async def test_a_program_that_ends_at_once_is_named_with_its_last_words(agent: Make, folder: Path) -> None:
    harness = agent()
    driver = await harness.open()
    await driver.prompt(steps({"do": "exit", "code": 3}))
    with pytest.raises(ProviderFailed, match=r"exit code 3 \(the scripted agent gives up\): the next prompt"):
        await driver.rest()
    assert ended(driver.events).stop_reason == "error"


async def test_a_turn_whose_agent_ignores_the_interrupt_is_ended_with_it(
    agent: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("providers.acp.adapter.OBEY_S", 0.2)
    harness = agent("stubborn")
    driver = await harness.open()
    await driver.prompt(steps(SAY, {"do": "hold"}))
    await driver.until(Delta)
    await driver.agent.interrupt()
    with pytest.raises(ProviderFailed):
        await driver.rest()
    assert ended(driver.events).stop_reason == "cancelled"


async def test_large_and_many_pieces_arrive_whole(agent: Make) -> None:
    text = "0123456789abcdef" * 65536 * 5
    driver = await agent().open()
    turn = await driver.turn(steps({"do": "say", "text": text, "pieces": 500}))
    assert said(turn) == text
    assert len(of(Delta, turn)) == 500
    turn = await driver.turn(steps({"do": "say", "text": text, "pieces": 1}))
    assert said(turn) == text
    await driver.agent.close()


@pytest.mark.parametrize("is_detached", [False, True])
async def test_what_the_agent_left_running_ends_with_it(agent: Make, tmp_path: Path, is_detached: bool) -> None:
    child = tmp_path / "child"
    harness = agent()
    driver = await harness.open()
    await driver.prompt(steps({"do": "leave", "mark": str(child), "is_detached": is_detached}, {"do": "hold"}))
    await eventually(lambda: child.exists() and child.read_text(), what="the child to run")
    left = await asyncio.to_thread(identify, int(child.read_text()))
    assert left.start_time
    harness.kill()
    with pytest.raises(ProviderFailed, match="ended by signal 9"):
        await driver.rest()
    await driver.agent.close()

    async def is_gone() -> bool:
        return not await asyncio.to_thread(is_alive, left)

    await eventually(is_gone, what="the child to end")
