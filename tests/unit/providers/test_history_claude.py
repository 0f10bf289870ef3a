"""What the real Claude Code leaves of its sessions, used in a terminal, as we list and read it."""

import asyncio
import json
import os
import select
import time
from collections.abc import AsyncIterator
from pathlib import Path

import ptyprocess
import pytest

from providers.claude import history as history_module
from providers.claude.history import ClaudeHistory
from providers.claude.locate import find_command
from tests.contract.harness import claude_environment
from tests.support.model_server import ModelServer
from tests.support.waiting import eventually
from ws.protocol.events import (
    AgentMessage,
    AgentThought,
    DiffContent,
    JournalEvent,
    TextContent,
    ToolCall,
    ToolCallUpdate,
    TurnEnded,
    TurnStarted,
    UserMessage,
)

SCRIPT = "think Hmm\nwrite note.txt hello\nrun ls\nsay Done"


class Terminal:
    """Claude Code as somebody uses it in a terminal."""

    def __init__(self, folder: Path, home: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self.environment = environment
        (home / ".claude").mkdir(parents=True, exist_ok=True)
        trusted = {"hasTrustDialogAccepted": True, "hasCompletedProjectOnboarding": True}
        key = environment["ANTHROPIC_API_KEY"][-20:]
        settings = {
            "hasCompletedOnboarding": True,
            "theme": "dark",
            "customApiKeyResponses": {"approved": [key], "rejected": []},
            "projects": {str(folder): trusted},
        }
        (home / ".claude" / ".claude.json").write_text(json.dumps(settings))
        found = find_command((), environment)
        assert found is not None
        self.command = found

    async def print(self, prompt: str, *arguments: str) -> str:
        """One prompt with `claude -p`; the session's id."""
        process = await asyncio.create_subprocess_exec(
            *self.command, "-p", prompt, *arguments,
            "--output-format", "json", "--permission-mode", "bypassPermissions",
            cwd=self.folder, env=self.environment, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        told, _ = await process.communicate()
        return str(json.loads(told)["session_id"])


@pytest.fixture
async def terminal(tmp_path: Path) -> AsyncIterator[Terminal]:
    folder, home = tmp_path / "project", tmp_path / "home"
    folder.mkdir()
    home.mkdir()
    async with ModelServer() as server:
        yield await asyncio.to_thread(Terminal, folder, home, claude_environment(server, home))


@pytest.fixture
async def history(terminal: Terminal) -> AsyncIterator[ClaudeHistory]:
    made = ClaudeHistory(terminal.environment)
    yield made
    made.close()


def kinds(events: list[JournalEvent]) -> list[type]:
    return [type(event) for event in events]


async def test_turns_are_listed_and_read_and_grow_at_the_end(terminal: Terminal, history: ClaudeHistory) -> None:
    assert await history.sessions() == []
    native_id = await terminal.print(SCRIPT)
    (session,) = await history.sessions()
    assert (session.native_id, session.path, session.turns) == (native_id, terminal.folder, 1)
    assert session.title == "think Hmm write note.txt hello run ls say Done"
    assert not session.is_running
    events = list(await history.transcript(native_id))
    assert kinds(events) == [
        TurnStarted, UserMessage, AgentThought, ToolCall, ToolCallUpdate, ToolCall, ToolCallUpdate, AgentMessage,
        TurnEnded,
    ]  # fmt: skip
    assert all(event.ts and not event.seq for event in events)
    assert [event.text for event in events if isinstance(event, UserMessage | AgentMessage)] == [SCRIPT, "Done"]
    contents = [event.content for event in events if isinstance(event, ToolCallUpdate)]
    assert contents == [
        [DiffContent(path="note.txt", old_text=None, new_text="hello")],
        [TextContent(text="note.txt")],
    ]
    ended = events[-1]
    assert isinstance(ended, TurnEnded)
    assert ended.anchor is not None
    await terminal.print("say again", "--resume", native_id)
    grown = list(await history.transcript(native_id))
    assert grown[: len(events)] == events
    assert kinds(grown[len(events) :]) == [TurnStarted, UserMessage, AgentMessage, TurnEnded]
    assert [each.turns for each in await history.sessions()] == [2]
    with pytest.raises(KeyError):
        await history.transcript("00000000-0000-0000-0000-000000000000")


async def test_a_session_open_in_a_terminal_is_shown_as_such(
    terminal: Terminal, history: ClaudeHistory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start() -> ptyprocess.PtyProcess:
        return ptyprocess.PtyProcess.spawn(
            list(terminal.command), cwd=str(terminal.folder), env=terminal.environment, dimensions=(40, 120)
        )

    process = await asyncio.to_thread(start)
    try:
        await asyncio.to_thread(_typed, process.fd, b"say hello from here")
        (session,) = await eventually(history.sessions, what="the session of the terminal")
        assert not session.is_running, "a child of this process is ours"
        monkeypatch.setattr(history_module, "is_ours", lambda pid: False)
        assert [each.is_running for each in await history.sessions()] == [True]
        found = await history.session(session.native_id)
        assert found is not None
        assert found.is_running
    finally:
        process.kill(9)
        await asyncio.to_thread(process.wait)
    assert [each.is_running for each in await history.sessions()] == [False], "its note is still there"


def _typed(terminal: int, prompt: bytes) -> None:
    """Type a prompt once the program waits for one, and read until it has answered. Blocks."""
    _until(terminal, "❯".encode())
    os.write(terminal, prompt)
    _until(terminal, prompt.split()[-1])
    os.write(terminal, b"\r")
    _until(terminal, "●".encode())


def _until(terminal: int, mark: bytes) -> None:
    seen, end = b"", time.monotonic() + 30
    while mark not in seen:
        assert time.monotonic() < end, seen[-2000:]
        if select.select([terminal], [], [], 0.2)[0]:
            seen += os.read(terminal, 65536)
