"""What the real Codex leaves of its sessions, used in a terminal, as we list and read it."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from providers.codex import history as history_module
from providers.codex.history import CodexHistory
from providers.codex.locate import find
from providers.codex.rollout import RolloutReader
from tests.contract.codex_harness import NEWEST, OLDER, codex_environment
from tests.support.model_server import ModelServer
from tests.support.waiting import eventually
from ws.protocol.events import (
    AgentMessage,
    AgentThought,
    DiffContent,
    TextContent,
    ToolCall,
    ToolCallUpdate,
    TurnEnded,
    TurnStarted,
    UserMessage,
)

SCRIPT = "think Hmm\nwrite note.txt hello\nrun ls\nsay Done"


class Terminal:
    """`codex exec` as somebody uses it in a terminal."""

    def __init__(self, command: tuple[str, ...], folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self.environment = environment
        found = find(command, environment, None)
        assert found is not None
        self.program = found.command[0]

    async def start(self, *arguments: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            self.program, "exec", *arguments, cwd=self.folder, env=self.environment,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip

    async def run(self, *arguments: str) -> str:
        """The thread's id."""
        told, _ = await (await self.start(*arguments)).communicate()
        return str(json.loads(told.splitlines()[0])["thread_id"])


@pytest.fixture(params=[NEWEST, OLDER], ids=["newest", "older"])
async def terminal(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Terminal]:
    folder, home = tmp_path / "project", tmp_path / "home"
    folder.mkdir()
    home.mkdir()
    async with ModelServer() as server:
        environment = await asyncio.to_thread(codex_environment, server, home)
        yield await asyncio.to_thread(Terminal, request.param, folder, environment)


@pytest.fixture
async def history(terminal: Terminal) -> AsyncIterator[CodexHistory]:
    made = CodexHistory(terminal.environment)
    yield made
    made.close()


GIVEN = ("--json", "--skip-git-repo-check")


async def test_turns_are_listed_and_read_and_grow_at_the_end(terminal: Terminal, history: CodexHistory) -> None:
    native_id = await terminal.run(*GIVEN, "-s", "danger-full-access", SCRIPT)
    (session,) = await history.sessions()
    assert (session.native_id, session.path, session.turns) == (native_id, terminal.folder, 1)
    assert session.title == "think Hmm write note.txt hello run ls say Done"
    events = list(await history.transcript(native_id))
    assert [type(event) for event in events] == [
        TurnStarted, UserMessage, AgentThought, ToolCall, ToolCallUpdate, ToolCall, ToolCallUpdate, AgentMessage,
        TurnEnded,
    ]  # fmt: skip
    assert all(event.ts and not event.seq for event in events)
    assert [event.text for event in events if isinstance(event, UserMessage | AgentMessage)] == [SCRIPT, "Done"]
    contents = [event.content for event in events if isinstance(event, ToolCallUpdate)]
    assert contents == [
        [DiffContent(path=str(terminal.folder / "note.txt"), old_text=None, new_text="hello\n")],
        [TextContent(text="note.txt\n")],
    ]
    ended = events[-1]
    assert isinstance(ended, TurnEnded)
    assert (ended.stop_reason, ended.anchor is not None) == ("end_turn", True)
    assert await terminal.run("resume", *GIVEN, native_id, "say again") == native_id
    grown = list(await history.transcript(native_id))
    assert grown[: len(events)] == events
    assert [type(event) for event in grown[len(events) :]] == [TurnStarted, UserMessage, AgentMessage, TurnEnded]
    assert [each.turns for each in await history.sessions()] == [2]


async def test_a_thread_that_somebody_writes_is_shown_as_such(
    terminal: Terminal, history: CodexHistory, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = await terminal.start(*GIVEN, "hang")
    try:
        (session,) = await eventually(history.sessions, what="the session of the terminal")
        assert not session.is_running, "a child of this process is ours"
        monkeypatch.setattr(history_module, "is_ours", lambda pid: False)
        assert [each.is_running for each in await history.sessions()] == [True]
    finally:
        process.kill()
        await process.wait()
    assert [each.is_running for each in await history.sessions()] == [False]


def test_events_of_older_versions_are_read() -> None:
    reader = RolloutReader(has_items=False)
    payloads = [
        {"type": "user_message", "message": "<environment_context>x"},
        {"type": "user_message", "message": "Do it"},
        {"type": "agent_reasoning", "text": "Hmm"},
        {"type": "agent_message", "message": "Done"},
        {"type": "user_message", "message": "And that"},
        {"type": "turn_aborted"},
        {"type": "of a newer version"},
    ]
    found = [event for each in payloads for event in reader.read({"timestamp": "t", "payload": each})]
    assert [type(event) for event in found] == [
        TurnStarted, UserMessage, AgentThought, AgentMessage, TurnEnded, TurnStarted, UserMessage, TurnEnded,
    ]  # fmt: skip
