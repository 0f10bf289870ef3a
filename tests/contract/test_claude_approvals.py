"""What Claude asks, with the real CLI: each rule is a choice of its own, and only what was chosen is granted."""

import asyncio
import json
import os
from typing import Any

import pytest

from providers.base import Decision
from tests.contract.driver import Driver, ended, of, said
from tests.contract.harness import ClaudeHarness
from ws.protocol.events import ApprovalRequested, ApprovalResolved, ToolCall, ToolCallUpdate, TurnStarted

pytestmark = pytest.mark.cli


async def asked(driver: Driver, prompt: str) -> ApprovalRequested:
    await driver.prompt(prompt)
    return await driver.until(ApprovalRequested)


async def answer(driver: Driver, request: ApprovalRequested, name: str, **changes: Any) -> None:
    option = next(option.id for option in request.options if option.name == name)
    await driver.agent.answer(request.approval, Decision(option=option, **changes))


async def test_every_suggestion_is_a_choice_with_its_rule_written_out(claude: ClaudeHarness) -> None:
    driver = await claude.open()
    target = claude.folder / "x"
    request = await asked(driver, f"run touch {target}\nsay done")
    assert [(option.name, option.kind) for option in request.options] == [
        ("Allow once", "allow_once"),
        (f"Allow Bash(touch {target}) for this session", "allow_session"),
        (f"Allow Bash(touch {target}) always in this project, for you (.claude/settings.local.json)", "allow_always"),
        (f"Allow work in {claude.folder} for this session", "allow_session"),
        ("Allow all edits for this session", "allow_session"),
        ("Reject", "reject_once"),
    ]
    await driver.choose(request, "reject_once")
    await driver.rest_of_turn()
    await driver.agent.close()


async def test_an_always_rule_is_stored_and_in_force_and_grants_nothing_else(claude: ClaudeHarness) -> None:
    git = await asyncio.create_subprocess_exec("git", "init", "--quiet", str(claude.folder))
    assert await git.wait() == 0
    claude.folder = claude.folder / "part"
    claude.folder.mkdir()
    driver = await claude.open()
    target = claude.folder / "x"
    request = await asked(driver, f"run touch {target}\nsay done")
    await driver.choose(request, "allow_always")
    await driver.rest_of_turn()
    stored = json.loads((claude.folder.parent / ".claude" / "settings.local.json").read_text())
    assert stored["permissions"]["allow"] == [f"Bash(touch {target})"]
    target.unlink()
    turn = await driver.turn(f"run touch {target}\nsay again")
    assert not of(ApprovalRequested, turn)
    assert target.exists()
    request = await asked(driver, f"write {claude.folder}/y text\nsay wrote")
    await driver.choose(request, "reject_once")
    await driver.rest_of_turn()
    assert not (claude.folder / "y").exists()
    await driver.agent.close()
    target.unlink()
    another = await claude.open()
    assert not of(ApprovalRequested, await another.turn(f"run touch {target}\nsay for good"))
    assert target.exists()
    await another.agent.close()


async def test_a_session_rule_is_not_stored(claude: ClaudeHarness) -> None:
    driver = await claude.open()
    target = claude.folder / "x"
    await driver.turn(f"run touch {target}\nsay done", answer="allow_session")
    assert not (claude.folder / ".claude").exists()
    assert not of(ApprovalRequested, await driver.turn(f"run touch {target}\nsay again"))
    await driver.agent.close()


async def test_a_changed_input_is_what_runs(claude: ClaudeHarness) -> None:
    driver = await claude.open()
    request = await asked(driver, f"write {claude.folder}/x mine\nsay done")
    await answer(driver, request, "Allow once", updated_input={**request.input, "content": "yours"})
    await driver.rest_of_turn()
    assert (claude.folder / "x").read_text() == "yours"
    await driver.agent.close()


async def test_a_change_to_a_shortened_input_keeps_what_was_not_shown(claude: ClaudeHarness) -> None:
    driver = await claude.open()
    long_text = "heron " * 20_000
    request = await asked(driver, f"write {claude.folder}/x {long_text}\nsay done")
    assert len(request.input["content"]) < len(long_text)
    moved = str(claude.folder / "elsewhere")
    await answer(driver, request, "Allow once", updated_input={**request.input, "file_path": moved})
    await driver.rest_of_turn()
    assert (claude.folder / "elsewhere").read_text() == long_text.strip()
    await driver.agent.close()


async def test_the_model_is_told_why_it_was_rejected(claude: ClaudeHarness) -> None:
    driver = await claude.open()
    request = await asked(driver, f"write {claude.folder}/x text\nsay done")
    await answer(driver, request, "Reject", message="Use another folder, please.")
    await driver.rest_of_turn()
    assert "Use another folder, please." in json.dumps(claude.server.requests[-1].body["messages"])
    await driver.agent.close()


async def test_an_edit_of_an_existing_file_is_asked_with_its_whole_text(claude: ClaudeHarness) -> None:
    (claude.folder / "x").write_text("one\ntwo\n")
    driver = await claude.open()
    request = await asked(driver, f"read {claude.folder}/x\nedit {claude.folder}/x two three\nsay done")
    shown = of(ToolCallUpdate, driver.events)[-1].content[0]
    assert (getattr(shown, "old_text", None), getattr(shown, "new_text", None)) == ("one\ntwo\n", "one\nthree\n")
    await driver.choose(request, "allow_once")
    turn = await driver.rest_of_turn()
    assert of(ToolCallUpdate, turn)[-1].content == [shown]
    assert (claude.folder / "x").read_text() == "one\nthree\n"
    await driver.agent.close()


async def test_calls_made_together_are_asked_one_by_one(claude: ClaudeHarness) -> None:
    driver = await claude.open()
    turn = await driver.turn(f"par 2\nwrite {claude.folder}/x 1\nwrite {claude.folder}/y 2\nsay both")
    assert [request.tool_call_id for request in of(ApprovalRequested, turn)] == [
        call.tool_call_id for call in of(ToolCall, turn)
    ]
    assert said(turn) == "both"
    await driver.agent.close()


async def test_a_skipped_question_lets_the_turn_go_on(claude: ClaudeHarness) -> None:
    driver = await claude.open()
    turn = await driver.turn("ask Which bird? Heron|Stork\nsay then not", answer="reject_once")
    assert said(turn) == "then not"
    assert ended(turn).stop_reason == "end_turn"
    await driver.agent.close()


async def test_a_plan_may_be_kept_open(claude: ClaudeHarness) -> None:
    driver = await claude.open(mode="plan")
    turn = await driver.turn("plan Watch the heron\nsay still planning", answer="reject_once")
    assert said(turn) == "still planning"
    turn = await driver.turn(f"write {claude.folder}/x text\nsay no", answer="reject_once")
    assert not (claude.folder / "x").exists()
    await driver.agent.close()


async def test_a_background_agent_that_asks_between_turns_begins_a_turn(claude: ClaudeHarness) -> None:
    gate = claude.folder / "gate"
    os.mkfifo(gate)
    driver = await claude.open()
    turn = await driver.turn(f"agent run cat {gate}; write {claude.folder}/x inner\nsay outer")
    assert not of(ApprovalRequested, turn)
    await asyncio.to_thread(gate.write_text, "")
    await driver.until(TurnStarted)
    call = await driver.until(ToolCall)
    request = await driver.until(ApprovalRequested)
    assert request.tool_call_id == call.tool_call_id
    assert call.parent is not None
    await driver.choose(request, "allow_once")
    turn = await driver.rest_of_turn()
    assert (claude.folder / "x").read_text() == "inner"
    assert [(update.tool_call_id, update.status) for update in of(ToolCallUpdate, turn)] == [
        (call.tool_call_id, "completed")
    ]
    assert ended(turn).stop_reason == "end_turn"
    assert not of(ApprovalResolved, turn)
    await driver.agent.close()
