"""Tools that servers give to Codex: their state, their calls, and what they ask."""

import json
import sys
from pathlib import Path

import pytest

from providers.base import Decision
from tests.contract.codex_harness import CodexHarness
from tests.contract.driver import of, said
from ws.protocol.events import ApprovalRequested, TextContent, ToolCall, ToolCallUpdate

pytestmark = pytest.mark.cli

SERVER = Path(__file__).parents[1] / "support" / "tool_server.py"


@pytest.fixture
def birds(codex: CodexHarness) -> CodexHarness:
    codex.config = (
        f"[mcp_servers.birds]\ncommand = {json.dumps(sys.executable)}\nargs = {json.dumps(['-S', str(SERVER)])}\n"
        '[mcp_servers.fish]\ncommand = "/nonexistent/fish"\n'
    )
    codex.model = "fallback"
    return codex


async def test_their_state_is_told(birds: CodexHarness) -> None:
    driver = await birds.open()
    state = await driver.until_state(lambda state: {each.status for each in state.servers} == {"connected", "failed"})
    problems = {each.name: each.problem for each in state.servers}
    assert problems["birds"] is None
    assert problems["fish"]
    await driver.agent.close()


async def test_a_call_is_allowed_and_its_form_answered(birds: CodexHarness) -> None:
    driver = await birds.open(mode="ask")
    await driver.prompt('tool mcp__birds.find_bird {"where":"river"}\nsay done')
    allowed = await driver.until(ApprovalRequested)
    assert allowed.kind == "tool"
    assert "birds" in allowed.title
    assert {"allow_once", "allow_session", "allow_always", "reject_once"} <= {each.kind for each in allowed.options}
    await driver.choose(allowed, "allow_once")
    form = await driver.until(ApprovalRequested)
    assert form.kind == "question"
    (question,) = form.questions or []
    assert [option.label for option in question.options] == ["heron", "stork"]
    answer = next(option.id for option in form.options if option.kind == "allow_once")
    await driver.agent.answer(form.approval, Decision(option=answer, answers={question.id: "stork"}))
    turn = await driver.rest_of_turn()
    assert said(turn) == "done"
    (call,) = of(ToolCall, driver.events)
    assert (call.name, call.input) == ("birds: find_bird", {"where": "river"})
    assert of(ToolCallUpdate, turn)[-1].content == [TextContent(text="found: stork")]
    await driver.agent.close()


async def test_a_rejected_call_is_not_made(birds: CodexHarness) -> None:
    driver = await birds.open(mode="ask")
    turn = await driver.turn('tool mcp__birds.find_bird {"where":"river"}\nsay done', answer="reject_once")
    assert of(ToolCallUpdate, turn)[-1].status == "failed"
    assert said(turn) == "done"
    await driver.agent.close()
