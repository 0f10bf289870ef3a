"""What the real Qwen Code leaves of its sessions, used in a terminal, as we list and read it."""

import asyncio
import json
import os
import shutil
import signal
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from providers.acp import qwen_history as history_module
from providers.acp.qwen_history import QwenHistory
from providers.acp.qwen_transcript import QwenReader, standing
from providers.base import NativeSession
from tests.support.model_server import ModelServer
from tests.support.waiting import eventually
from ws.protocol.events import (
    AgentMessage,
    AgentThought,
    DiffContent,
    JournalEvent,
    Plan,
    TextContent,
    ToolCall,
    ToolCallUpdate,
    TurnEnded,
    TurnStarted,
    UserMessage,
)

QWEN = Path(__file__).parents[3] / ".tools/qwen/node_modules/.bin/qwen"
pytestmark = [
    pytest.mark.cli,
    pytest.mark.timeout(180),
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("qwen"),
]


class Terminal:
    """`qwen` as somebody uses it in a terminal."""

    def __init__(self, folder: Path, home: Path, model: ModelServer) -> None:
        self.folder = folder
        self.own: set[str] = set()
        self.script = f"think Hmm\nwrite {folder}/note.txt hello\nrun ls\ntodo look|wait\nsay Done"
        settings = {"security": {"auth": {"selectedType": "openai"}}, "general": {"disableAutoUpdate": True}}
        (home / ".qwen").mkdir(parents=True)
        (home / ".qwen" / "settings.json").write_text(json.dumps(settings))
        self.environment = {
            "PATH": f"{Path(shutil.which('node') or '').parent}:{os.defpath}",
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "OPENAI_API_KEY": "sk-scripted",
            "OPENAI_BASE_URL": f"{model.url}/v1",
            "OPENAI_MODEL": "scripted-model",
        }
        assert QWEN.exists(), "`make agents` installs it"

    async def start(self, *arguments: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            QWEN, "--yolo", *arguments, cwd=self.folder, env=self.environment,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip

    async def run(self, *arguments: str) -> None:
        process = await self.start(*arguments)
        assert await process.wait() == 0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def terminal(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Terminal]:
    folder, home = tmp_path_factory.mktemp("project"), tmp_path_factory.mktemp("home")
    (folder / ".git").mkdir()
    (folder / ".git" / "HEAD").write_text("ref: refs/heads/heron\n")
    async with ModelServer() as model:
        made = await asyncio.to_thread(Terminal, folder, home / "own", model)
        await made.run("-p", made.script)
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def history(terminal: Terminal) -> AsyncIterator[QwenHistory]:
    made = QwenHistory(terminal.environment, terminal.own.__contains__)
    yield made
    made.close()


def kinds(events: Sequence[JournalEvent]) -> list[type]:
    return [type(event) for event in events]


async def test_turns_are_listed_and_read_and_grow_at_the_end(terminal: Terminal, history: QwenHistory) -> None:
    (session,) = await history.sessions()
    assert (session.path, session.turns, session.is_running) == (terminal.folder, 1, False)
    assert session.title.startswith(f"think Hmm write {terminal.folder}/note.txt hello run ls")
    events = list(await history.transcript(session.native_id))
    assert kinds(events) == [
        TurnStarted, UserMessage, AgentThought, ToolCall, ToolCallUpdate, ToolCall, ToolCallUpdate, Plan, Plan,
        AgentMessage, TurnEnded,
    ]  # fmt: skip
    assert all(event.ts and not event.seq for event in events)
    assert [event.text for event in events if isinstance(event, UserMessage | AgentMessage)] == [
        terminal.script,
        "Done",
    ]
    assert [call.title for call in events if isinstance(call, ToolCall)][1] == "ls"
    contents = [event.content for event in events if isinstance(event, ToolCallUpdate)]
    assert contents == [
        [DiffContent(path=str(terminal.folder / "note.txt"), old_text=None, new_text="hello")],
        [TextContent(text="note.txt")],
    ]
    plan = next(event for event in reversed(events) if isinstance(event, Plan))
    assert [entry.content for entry in plan.entries] == ["look", "wait"]
    ended = events[-1]
    assert isinstance(ended, TurnEnded)
    assert (ended.stop_reason, ended.anchor is not None) == ("end_turn", True)
    await terminal.run("--resume", session.native_id, "-p", "say again")
    grown = list(await history.transcript(session.native_id))
    assert grown[: len(events)] == events
    assert kinds(grown[len(events) :]) == [TurnStarted, UserMessage, AgentMessage, TurnEnded]
    (session,) = await history.sessions()
    assert session.turns == 2


async def test_a_session_that_somebody_uses_is_shown_as_such(
    terminal: Terminal, history: QwenHistory, monkeypatch: pytest.MonkeyPatch
) -> None:
    (before,) = await history.sessions()
    process = await terminal.start("-p", "hang")
    try:

        async def has_begun() -> bool:
            return len(await history.sessions()) == 2

        await eventually(has_begun, what="the prompt in a transcript", deadline_s=40)
        begun = next(each for each in await history.sessions() if each.native_id != before.native_id)
        assert not begun.is_running, "a child of this process is ours"
        monkeypatch.setattr(history_module, "is_ours", lambda pid: False)
        running = {each.native_id for each in await history.sessions() if each.is_running}
        assert running == {begun.native_id}, "the other one began before the program"
        found = await history.session(begun.native_id)
        assert found is not None
        assert found.is_running
        terminal.own.add(begun.native_id)
        assert not any(each.is_running for each in await history.sessions())
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # it starts itself once more with more memory
        await process.wait()
    terminal.own.clear()
    assert not any(each.is_running for each in await history.sessions())
    assert kinds(list(await history.transcript(begun.native_id))) == [TurnStarted, UserMessage], "it has no end"


async def test_a_session_that_a_program_was_told_to_resume_is_open_in_it(tmp_path: Path) -> None:
    history = QwenHistory({"HOME": str(tmp_path)}, lambda native_id: True)
    session = NativeSession(native_id="s1", path=Path("/w"), title="T", updated="2026-11-21T18:00:00.000Z")
    told = history_module._Program(Path("/elsewhere"), 0.0, frozenset({"node", "/bin/qwen", "--resume", "s1"}))
    assert history._is_open(session, [told])
    assert not history._is_open(session, [replace(told, words=frozenset({"node", "/bin/qwen"}))])


def record(name: str, before: str | None, kind: str, **more: Any) -> dict[str, Any]:
    """As 0.15.10 writes one."""
    return {
        "uuid": name,
        "parentUuid": before,
        "timestamp": f"2026-11-21T18:00:{int(name):02}.000Z",
        "type": kind,
    } | more


def prompt(name: str, before: str | None, text: str, **more: Any) -> dict[str, Any]:
    return record(name, before, "user", message={"role": "user", "parts": [{"text": text}]}, **more)


def answer(name: str, before: str | None, *parts: dict[str, Any]) -> dict[str, Any]:
    return record(name, before, "assistant", message={"role": "model", "parts": list(parts)})


def read(*records: dict[str, Any]) -> list[JournalEvent]:
    reader = QwenReader()
    return [event for each in standing(records) for event in reader.read(each)]


async def test_what_was_undone_by_going_back_is_not_shown() -> None:
    events = read(
        prompt("1", None, "first"),
        answer("2", "1", {"text": "one"}),
        prompt("3", "2", "second"),
        answer("4", "3", {"text": "two"}),
        record("5", "2", "system", subtype="rewind"),
        prompt("6", "5", "third"),
    )
    assert [event.text for event in events if isinstance(event, UserMessage)] == ["first", "third"]
    assert not [event for event in events if isinstance(event, AgentMessage) and event.text == "two"]


async def test_a_turn_that_failed_or_was_cut_off_is_ended_by_the_next_prompt() -> None:
    failed = {"uiEvent": {"event.name": "qwen-code.api_error", "error_message": "401 no"}}
    call = {"functionCall": {"id": "c1", "name": "run_shell_command", "args": {"command": "make"}}}
    events = read(
        prompt("1", None, "first"),
        record("2", "1", "system", subtype="ui_telemetry", systemPayload=failed),
        prompt("3", "2", "second"),
        answer("4", "3", call),
        prompt("5", "4", "noted by the CLI itself", subtype="notification"),
        prompt("6", "5", "third"),
    )
    ends = [(event.stop_reason, event.error) for event in events if isinstance(event, TurnEnded)]
    assert ends == [("error", "401 no"), ("cancelled", None)]
    (update,) = [event for event in events if isinstance(event, ToolCallUpdate)]
    assert (update.tool_call_id, update.status) == ("c1", "failed")
    assert [event.text for event in events if isinstance(event, UserMessage)] == ["first", "second", "third"]


async def test_a_picture_and_a_shortened_diff_are_shown_as_what_they_are() -> None:
    picture = {"inlineData": {"mimeType": "image/png", "data": "aGk="}}
    display = {
        "fileDiff": "--- a",
        "fileName": "a",
        "originalContent": "x",
        "newContent": "y",
        "truncatedForSession": 1,
    }
    response = {"functionResponse": {"id": "c1", "name": "edit", "response": {"output": "done"}}}
    asked = prompt("1", None, "look")
    asked["message"]["parts"].append(picture)
    events = read(
        asked,
        answer("2", "1", {"functionCall": {"id": "c1", "name": "edit", "args": {"file_path": "/w/a"}}}),
        record(
            "3", "2", "tool_result", message={"role": "user", "parts": [response]},
            toolCallResult={"callId": "c1", "status": "success", "resultDisplay": display},
        ),
    )  # fmt: skip
    assert [event.attachments[0].mime for event in events if isinstance(event, UserMessage)] == ["image/png"]
    (update,) = [event for event in events if isinstance(event, ToolCallUpdate)]
    assert update.content == [TextContent(text="--- a")]
    assert not [event for event in events if isinstance(event, TurnEnded)]
