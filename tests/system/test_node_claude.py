"""A session of the real Claude Code through Main and node, with a scripted model behind it."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.support.waiting import eventually
from tests.system.laptop import DEADLINE_S, Laptop, bench, until

pytestmark = [pytest.mark.cli, pytest.mark.timeout(180)]


@dataclass
class Claude(Laptop):
    @property
    def environment(self) -> Mapping[str, str]:
        return {
            "ANTHROPIC_BASE_URL": self.model.url,
            "ANTHROPIC_API_KEY": "sk-ant-of-the-tests",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "CLAUDE_CODE_MAX_RETRIES": "1",
        }


@pytest.fixture
async def claude(tmp_path: Path) -> AsyncIterator[Claude]:
    async with bench(tmp_path / "main") as made:
        yield Claude(made, tmp_path / "home")


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
        asked = (await until(watch, "approval_requested"))[-1]
        assert not (project / "made.txt").exists()
        allow = next(option["id"] for option in asked["options"] if option["kind"] == "allow_once")
        await claude.op("session.answer", session=session, approval=asked["approval"], option=allow)
        events = await until(watch, "turn_ended")
        assert events[-1]["stop_reason"] == "end_turn"
        assert (project / "made.txt").read_text() == "content"
        assert any(event["type"] == "delta" for event in events)
        await claude.op("session.send", session=session, message_id="m2", text="say Wait.\nhang")
        await until(watch, "user_message")
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
            await until(watch, "live")
            await claude.op("session.send", session=session, message_id="m3", text="recall")
            events = await until(watch, "turn_ended")
            said = " ".join(event["text"] for event in events if event["type"] == "agent_message")
            assert "First a file." in said
    finally:
        await again.stop()
    await eventually(lambda: not _clis(project), what="all agents to be gone")
