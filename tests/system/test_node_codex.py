"""Sessions of the real Codex through Main and node, with a scripted model behind it."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.contract.codex_harness import codex_environment
from tests.support.processes import Program
from tests.support.waiting import eventually
from tests.system.laptop import DEADLINE_S, Laptop, bench, until

pytestmark = [pytest.mark.cli, pytest.mark.timeout(180)]


@dataclass
class Codex(Laptop):
    @property
    def environment(self) -> Mapping[str, str]:
        return codex_environment(self.model, self.home)

    async def node(self, **settings: Any) -> Program:
        """It finds Codex in `.tools`."""
        return await super().node(**{"providers.codex.enabled": True}, **settings)

    async def said(self, session: str, message: str, text: str) -> str:
        """What the agent answers to a prompt."""
        async with self.watching(session) as watch:
            await until(watch, "live")
            await self.op("session.send", session=session, message_id=message, text=text)
            events = await until(watch, "turn_ended")
        return " ".join(event["text"] for event in events if event["type"] == "agent_message")

    def processes(self) -> list[int]:
        """Living app-servers of this node."""
        return [
            each.pid
            for each in psutil.process_iter(["name", "environ", "status"])
            if each.info["name"] == "codex"
            and (each.info["environ"] or {}).get("CODEX_HOME") == str(self.home / ".codex")
            and each.info["status"] != psutil.STATUS_ZOMBIE
        ]


@pytest.fixture
async def codex(tmp_path: Path) -> AsyncIterator[Codex]:
    home = tmp_path / "home"
    home.mkdir()
    async with bench(tmp_path / "main") as made:
        yield Codex(made, home)


async def test_two_sessions_an_approval_a_kill_of_the_node_and_both_remember(codex: Codex) -> None:
    node = await codex.node()
    await codex.client.online_node("laptop")
    made = [await codex.op("session.create", path=str(codex.project), provider="codex") for _ in range(2)]
    first, second = (each["session"]["id"] for each in made)
    assert await codex.said(second, "n1", "say the stork") == "the stork"
    async with codex.watching(first) as watch:
        script = "say First a file.\nwrite made.txt content\nsay Done."
        await codex.op("session.send", session=first, message_id="m1", text=script)
        asked = (await until(watch, "approval_requested"))[-1]
        assert not (codex.project / "made.txt").exists()
        allow = next(option["id"] for option in asked["options"] if option["kind"] == "allow_once")
        await codex.op("session.answer", session=first, approval=asked["approval"], option=allow)
        assert (await until(watch, "turn_ended"))[-1]["stop_reason"] == "end_turn"
        assert (codex.project / "made.txt").read_text() == "content\n"
        await codex.op("session.send", session=first, message_id="m2", text="say Wait.\nhang")
        await until(watch, "user_message")
        await codex.model.wait_for(lambda request: request.at.prompt.endswith("hang"), DEADLINE_S)
    left = await asyncio.to_thread(codex.processes)
    assert len(left) == 1, "one process for both sessions"
    await node.kill()
    again = await codex.node()
    try:
        await codex.client.online_node("laptop")
        await eventually(
            lambda: not set(left) & set(codex.processes()), what="the app-server of the killed node to end"
        )
        assert (await codex.op("session.get", session=first))["turn"] is None
        assert "First a file." in await codex.said(first, "m3", "recall")
        assert "the stork" in await codex.said(second, "n2", "recall")
    finally:
        await again.stop()
    await eventually(lambda: not codex.processes(), what="the app-server to end with its node")
