"""What Claude says, with the real CLI: long, broken off, unknown, from the background."""

import asyncio
import base64
import json
import sys
from itertools import accumulate
from pathlib import Path
from typing import Any

import msgspec
import pytest

from providers.base import Prompt, ProviderFailed
from providers.claude.locate import find_command
from tests.contract.driver import ended, of, said
from tests.contract.harness import ClaudeHarness
from ws.protocol.events import (
    MAX_EVENT_BYTES,
    AgentMessage,
    Attachment,
    Delta,
    NativeIdKnown,
    Notice,
    Plan,
    TextContent,
    ToolCall,
    ToolCallUpdate,
    TurnStarted,
    Usage,
)

pytestmark = pytest.mark.cli

PIXEL = base64.b64encode(
    bytes.fromhex(
        "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d4944415478da63"
        "fcffff3f030005fe02fea72d65c00000000049454e44ae426082"
    )
).decode()

NEWER_CLI = """
import subprocess, sys
child = subprocess.Popen(sys.argv[2:], stdin=sys.stdin, stdout=subprocess.PIPE)
is_told = False
for line in child.stdout:
    sys.stdout.buffer.write(line)
    if b'"stream_event"' in line and not is_told:
        is_told = True
        sys.stdout.buffer.write(open(sys.argv[1], "rb").read())
    sys.stdout.buffer.flush()
sys.exit(child.wait())
"""
"""The real CLI with the lines of a file among its own."""

_STREAM: dict[str, Any] = {"type": "stream_event", "uuid": "1", "session_id": "s"}
_SYSTEM: dict[str, Any] = {"type": "system", "uuid": "1", "session_id": "s"}
NEWS: list[Any] = [
    {"type": "hologram", "uuid": "1"},
    {"type": "hologram", "uuid": "2"},
    {"type": "assistant", "message": {"content": [{"type": "smell", "smell": "reeds"}], "model": "m"}},
    {"type": "user", "message": {"content": [{"type": "taste"}]}},
    {**_SYSTEM, "subtype": "hologram_status", "light": "on"},
    {**_STREAM, "event": {"type": "hologram_delta", "delta": {"light": 1}}},
    {**_STREAM, "event": {"type": "content_block_start", "content_block": {"type": "hologram"}}},
    {**_STREAM, "event": {"type": "content_block_delta", "delta": {"type": "hologram_delta"}}},
    {"type": "control_request", "request_id": "x", "request": {"subtype": "hologram"}},
    {"type": "control_response", "response": {"subtype": "success", "request_id": "nobody"}},
]
"""What a newer CLI might say; three kinds of it nobody knows how to show."""

BROKEN: list[Any] = [
    7,
    {},
    {"type": 7},
    {"type": "assistant", "message": {}},
    {"type": "assistant", "message": "odd"},
    {"type": "assistant", "message": {"content": ["odd"], "model": "m"}},
    {"type": "user", "message": {"content": [7]}},
    {"type": "user"},
    {"type": "system"},
    {"type": "result"},
    {**_STREAM, "event": "odd"},
    {**_STREAM, "event": {"type": "content_block_start", "content_block": None}},
    {**_STREAM, "event": {"type": "content_block_delta", "delta": 7}},
    {**_SYSTEM, "subtype": "task_started"},
    {**_SYSTEM, "subtype": "background_tasks_changed", "tasks": "odd"},
    {**_SYSTEM, "subtype": "background_tasks_changed", "tasks": [7, {}]},
    {**_SYSTEM, "subtype": "background_tasks_changed", "tasks": []},
    {**_SYSTEM, "subtype": "init", "mcp_servers": {"odd": 7}, "session_id": None},
    {**_SYSTEM, "subtype": "api_retry", "retry_delay_ms": "soon"},
    {"type": "rate_limit_event", "rate_limit_info": 7},
    {"type": "conversation_reset"},
    {"type": "command_lifecycle"},
    {"type": "control_request"},
    {"type": "control_request", "request_id": "y", "request": 7},
    {"type": "control_request", "request_id": "z", "request": {"subtype": "can_use_tool"}},
    {"type": "control_response"},
    {"type": "control_response", "response": 7},
    {"type": "control_cancel_request"},
]


def saying(claude: ClaudeHarness, tmp_path: Path, lines: list[bytes]) -> None:
    """Let the CLI say these too, after the first words of its first answer."""
    wrapper, news = tmp_path / "newer_cli.py", tmp_path / "news.jsonl"
    wrapper.write_text(NEWER_CLI)
    news.write_bytes(b"".join(line + b"\n" for line in lines))
    claude.command = (sys.executable, str(wrapper), str(news), *(find_command((), {}) or ()))


async def test_an_answer_of_five_megabytes_comes_whole_in_events_that_fit(claude: ClaudeHarness) -> None:
    driver = await claude.open()
    turn = await driver.turn("big 5120")
    messages = of(AgentMessage, turn)
    assert len(said(turn)) == 5120 * 1024
    assert [message.part for message in messages] == list(range(len(messages)))
    assert len({message.message_id for message in messages}) == 1
    assert all(len(msgspec.json.encode(event)) <= MAX_EVENT_BYTES for event in turn)
    await driver.agent.close()


async def test_a_dropped_connection_overwrites_what_it_had_streamed(claude: ClaudeHarness) -> None:
    driver = await claude.open()
    turn = await driver.turn("drop\nsay whole")
    deltas = of(Delta, turn)
    (message,) = of(AgentMessage, turn)
    assert deltas[0].text == "broken off "
    assert {delta.message_id for delta in deltas} == {message.message_id}
    assert message.text == "whole"
    await driver.agent.close()


async def test_five_hundred_deltas_come_each_in_its_place(claude: ClaudeHarness) -> None:
    driver = await claude.open()
    turn = await driver.turn("slow 500 0.001")
    (message,) = of(AgentMessage, turn)
    deltas = of(Delta, turn)
    assert "".join(delta.text for delta in deltas) == message.text == said(turn)
    assert len(deltas) == 500
    assert [delta.offset for delta in deltas] == list(accumulate((len(delta.text) for delta in deltas[:-1]), initial=0))
    await driver.agent.close()


async def test_what_a_newer_cli_sends_is_told_and_survived(claude: ClaudeHarness, tmp_path: Path) -> None:
    await asyncio.to_thread(saying, claude, tmp_path, [json.dumps(news).encode() for news in NEWS])
    driver = await claude.open()
    turn = await driver.turn("say hello")
    told = {notice.text for notice in of(Notice, turn) if notice.code == "unknown_event"}
    assert told == {f"Claude Code sent something new: {what}." for what in ("hologram", "smell", "taste")}
    assert len(of(Notice, turn)) == len(told), "each kind is told once"
    assert said(turn) == "hello"
    assert said(await driver.turn("say again")) == "again"
    await driver.agent.close()


async def test_what_no_cli_should_send_is_survived(claude: ClaudeHarness, tmp_path: Path) -> None:
    lines = [json.dumps(broken).encode() for broken in BROKEN]
    await asyncio.to_thread(saying, claude, tmp_path, [b"no json at all", b"\xff\xfe", *lines])
    driver = await claude.open()
    turn = await driver.turn("say hello")
    assert {notice.code for notice in of(Notice, turn)} == {"unknown_event"}
    assert said(turn) == "hello"
    assert ended(turn).stop_reason == "end_turn"
    assert said(await driver.turn("say again")) == "again"
    assert not driver.states[-1].tasks
    await driver.agent.close()


async def test_a_background_agent_reports_in_a_turn_of_its_own(claude: ClaudeHarness) -> None:
    driver = await claude.open()
    turn = await driver.turn("agent slow 10 0.1; run echo inner\nsay outer")
    assert "outer" in said(turn)
    assert [TextContent(text="Works in the background.")] in [update.content for update in of(ToolCallUpdate, turn)]
    closed = {update.tool_call_id for update in of(ToolCallUpdate, turn) if update.status != "in_progress"}
    assert {call.tool_call_id for call in of(ToolCall, turn)} == closed
    await driver.until(TurnStarted)
    own = await driver.rest_of_turn()
    assert ended(own).stop_reason == "end_turn"
    assert said(await driver.turn("say hello")) == "hello"
    await driver.agent.close()


async def test_a_slash_command_is_answered(claude: ClaudeHarness) -> None:
    driver = await claude.open()
    turn = await driver.turn("/context")
    assert "Context Usage" in said(turn)
    assert ended(turn).stop_reason == "end_turn"
    assert not any(request.at.prompt for request in claude.server.requests)
    await driver.agent.close()


async def test_pictures_and_files_reach_the_model(claude: ClaudeHarness) -> None:
    (claude.folder / "my note.txt").write_text("a heron in the reeds")
    driver = await claude.open()
    picture = Attachment(type="image", name="p.png", mime="image/png", data_url=f"data:image/png;base64,{PIXEL}")
    file = Attachment(type="file", name="my note.txt", path=str(claude.folder / "my note.txt"))
    await driver.agent.prompt(Prompt(message_id="m", text="say seen", attachments=(picture, file)))
    turn = await driver.rest_of_turn()
    assert said(turn).startswith("seen")
    sent = json.dumps(claude.server.requests[-1].body["messages"])
    assert '"media_type": "image/png"' in sent
    assert "a heron in the reeds" in sent
    await driver.agent.close()


async def test_model_and_effort_are_asked_of_the_model(claude: ClaudeHarness) -> None:
    driver = await claude.open()
    await driver.turn("say hello")
    await driver.agent.set_model("claude-opus-5-5", "low")
    await driver.turn("say hello")
    request = claude.server.requests[-1]
    assert request.model == "claude-opus-5-5"
    assert request.body["output_config"]["effort"] == "low"
    await driver.agent.set_model("claude-opus-5-5", "max")
    await driver.turn("say hello")
    assert claude.server.requests[-1].body["output_config"]["effort"] == "max"
    await driver.agent.close()


async def test_usage_counts_the_whole_session(claude: ClaudeHarness) -> None:
    driver = await claude.open()
    first = of(Usage, await driver.turn("say hello"))[-1]
    second = of(Usage, await driver.turn("say hello"))[-1]
    assert first.output_tokens == 10
    assert second.output_tokens == 20
    assert second.input_tokens > first.input_tokens
    assert first.context_used == first.input_tokens + first.output_tokens
    assert first.context_size == 200_000
    await driver.agent.close()


async def test_the_list_of_tasks_goes_on_in_the_next_process(claude: ClaudeHarness) -> None:
    driver = await claude.open()
    turn = await driver.turn("todo look|wait\nsay noted")
    native_id = of(NativeIdKnown, turn)[0].native_id
    await driver.agent.close()
    resumed = await claude.open(native_id=native_id)
    turn = await resumed.turn('tool TaskUpdate {"taskId":"1","status":"completed"}\ntool TaskList {}\nsay looked')
    (plan,) = of(Plan, turn)
    assert [(entry.content, entry.status) for entry in plan.entries] == [("look", "completed"), ("wait", "pending")]
    await resumed.agent.close()


async def test_a_message_beyond_the_limit_ends_the_turn_with_the_remedy(
    claude: ClaudeHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("providers.pipes.MAX_LINE_BYTES", 1024 * 1024)
    driver = await claude.open()
    await driver.prompt("big 2048")
    with pytest.raises(ProviderFailed, match="more than 1 MiB: the next prompt starts it again"):
        await driver.rest()
    assert ended(driver.events).stop_reason == "error"
    await driver.agent.close()
    assert claude.ended == claude.started


async def test_forgetting_goes_on_under_another_id(claude: ClaudeHarness) -> None:
    driver = await claude.open()
    first = of(NativeIdKnown, await driver.turn("say heron"))[0].native_id
    await driver.turn("/clear")
    await driver.turn("say stork")
    second = of(NativeIdKnown, driver.events)[-1].native_id
    assert second != first
    assert "heron" not in json.dumps(claude.server.requests[-1].body["messages"])
    with pytest.raises(ProviderFailed, match="open already"):
        await claude.open(native_id=second)
    await driver.agent.close()
    resumed = await claude.open(native_id=second)
    assert "say stork" in said(await resumed.turn("recall"))
    await resumed.agent.close()
