"""A session of the real Claude Code through Main and node, with a scripted model behind it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support.client import Client, Subscription
from tests.support.model_server import ModelServer
from tests.support.processes import Program, main_settings, node_settings, running, start_program
from tests.support.waiting import eventually

pytestmark = [pytest.mark.cli, pytest.mark.timeout(180)]

TOKEN = "a-register-token-of-the-tests"
DEADLINE_S = 60.0


@dataclass
class Claude:
    """Main, a signed-in client, and a model that plays each prompt."""

    main: Program
    client: Client
    model: ModelServer
    home: Path

    @property
    def project(self) -> Path:
        folder = self.home / "project"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    @property
    def settings(self) -> dict[str, Any]:
        return node_settings(self.main, TOKEN, **{"node.id": "laptop"})

    @property
    def environment(self) -> dict[str, str]:
        return {
            "ANTHROPIC_BASE_URL": self.model.url,
            "ANTHROPIC_API_KEY": "sk-ant-of-the-tests",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "CLAUDE_CODE_MAX_RETRIES": "1",
        }

    async def node(self) -> Program:
        return await start_program("app.py", self.home, self.settings, self.environment)

    async def op(self, name: str, **params: Any) -> dict[str, Any]:
        return await self.client.op(name, node="laptop", **params)

    @asynccontextmanager
    async def watching(self, session: str) -> AsyncIterator[Subscription]:
        async with self.client.socket() as socket:
            yield await socket.subscribe("session.watch", {"node": "laptop", "session": session})


@pytest.fixture
async def claude(tmp_path: Path) -> AsyncIterator[Claude]:
    settings = main_settings(**{"main.local_node": False, "main.node_register_tokens": [TOKEN]})
    async with (
        ModelServer() as model,
        running("main_server.py", tmp_path / "main", settings) as main,
        Client(main.url) as client,
    ):
        await client.register()
        yield Claude(main, client, model, tmp_path / "home")


async def _until(watch: Subscription, kind: str) -> list[dict[str, Any]]:
    seen: list[dict[str, Any]] = []
    async with asyncio.timeout(DEADLINE_S):
        while not seen or seen[-1]["type"] != kind:
            seen.append(await watch.queue.get())
    return seen


def _clis(project: Path) -> list[int]:
    """Living agent processes that work in the project."""
    living = [process.info for process in psutil.process_iter(["pid", "cwd", "status"])]
    return [each["pid"] for each in living if each["cwd"] == str(project) and each["status"] != psutil.STATUS_ZOMBIE]


async def test_a_turn_with_an_approval_a_kill_of_the_node_and_a_turn_that_remembers(claude: Claude) -> None:
    project = claude.project
    node = await claude.node()
    await claude.client.online_node("laptop")
    made = await claude.op("session.create", path=str(project), provider="claude")
    session = made["session"]["id"]
    async with claude.watching(session) as watch:
        script = "say First a file.\nwrite made.txt content\nsay Done."
        await claude.op("session.send", session=session, message_id="m1", text=script)
        asked = (await _until(watch, "approval_requested"))[-1]
        assert not (project / "made.txt").exists()
        allow = next(option["id"] for option in asked["options"] if option["kind"] == "allow_once")
        await claude.op("session.answer", session=session, approval=asked["approval"], option=allow)
        events = await _until(watch, "turn_ended")
        assert events[-1]["stop_reason"] == "end_turn"
        assert (project / "made.txt").read_text() == "content"
        assert any(event["type"] == "delta" for event in events)
        await claude.op("session.send", session=session, message_id="m2", text="say Wait.\nhang")
        await _until(watch, "user_message")
        await claude.model.wait_for(lambda request: "hang" in str(request), DEADLINE_S)
    left = await asyncio.to_thread(_clis, project)
    assert left
    await node.kill()
    again = await claude.node()
    try:
        await claude.client.online_node("laptop")
        assert not set(left) & set(await asyncio.to_thread(_clis, project)), "an agent of the killed node lives on"
        state = await claude.op("session.get", session=session)
        assert state["turn"] is None
        async with claude.watching(session) as watch:
            await _until(watch, "live")
            await claude.op("session.send", session=session, message_id="m3", text="recall")
            events = await _until(watch, "turn_ended")
            said = " ".join(event["text"] for event in events if event["type"] == "agent_message")
            assert "First a file." in said
    finally:
        await again.stop()
    await eventually(lambda: not _clis(project), what="all agents to be gone")
