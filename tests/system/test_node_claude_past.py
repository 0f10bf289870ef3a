"""Forks, going back, steering and background tasks of the real Claude Code through Main and node."""

import json
from typing import Any

import pytest

from tests.support.client import Subscription
from tests.system.laptop import until
from tests.system.test_node_claude import Claude, claude

__all__ = ["claude"]

pytestmark = [pytest.mark.cli, pytest.mark.timeout(180)]


def heard(claude: Claude) -> str:
    """What the model was sent last."""
    return json.dumps(claude.model.requests[-1].body["messages"])


async def turn(claude: Claude, watch: Subscription, session: str, message_id: str, text: str) -> list[dict[str, Any]]:
    await claude.op("session.send", session=session, message_id=message_id, text=text)
    return await until(watch, "turn_ended")


async def test_fork_go_back_steer_and_stop_a_task(claude: Claude) -> None:
    file = claude.project / "note.txt"
    node = await claude.node()
    try:
        await claude.client.online_node("laptop")
        made = await claude.op("session.create", path=str(claude.project), provider="claude", mode="acceptEdits")
        session = made["session"]["id"]
        async with claude.watching(session) as watch:
            await turn(claude, watch, session, "m1", f"write {file} one\nsay heron")
            await turn(claude, watch, session, "m2", f"write {file} two\nsay stork")

            fork = (await claude.op("session.fork", session=session, before="m2"))["session"]["id"]
            async with claude.watching(fork) as forked:
                await until(forked, "live")
                await turn(claude, forked, fork, "f1", "say crane")
            assert "heron" in heard(claude)
            assert "stork" not in heard(claude)

            preview = await claude.op("session.rewind", session=session, message_id="m2", code=True, dry_run=True)
            assert preview["files"] == [{"path": str(file), "insertions": 1, "deletions": 1}]
            assert file.read_text() == "two"
            await claude.op("session.rewind", session=session, message_id="m2", code=True)
            assert file.read_text() == "one"
            await turn(claude, watch, session, "m3", "say egret")
            assert "heron" in heard(claude)
            assert "stork" not in heard(claude)

            await claude.op("session.send", session=session, message_id="m4", text="slow 20 0.05")
            await until(watch, "delta")
            await claude.op("session.send", session=session, message_id="m5", text="say steered", delivery="steer")
            events = await until(watch, "turn_ended")
            assert [event["message_id"] for event in events if event["type"] == "user_message"] == ["m5"]
            assert [event["text"] for event in events if event["type"] == "agent_message"][-1] == "steered"

            await _stop_a_task(claude, watch, session)
    finally:
        await node.stop()


async def _stop_a_task(claude: Claude, watch: Subscription, session: str) -> None:
    command = {"command": "python3 -c 'import time; time.sleep(60)'", "run_in_background": True, "description": "Wait"}
    await claude.op("session.send", session=session, message_id="m6", text=f"tool Bash {json.dumps(command)}\nsay on")
    asked = (await until(watch, "approval_requested"))[-1]
    allow = next(option["id"] for option in asked["options"] if option["kind"] == "allow_once")
    await claude.op("session.answer", session=session, approval=asked["approval"], option=allow)
    state = next(event for event in await until(watch, "agent_state") if event["type"] == "agent_state")
    (task,) = state["tasks"]
    assert (task["kind"], task["title"]) == ("command", "Wait")
    await claude.op("session.stop_task", session=session, task=task["id"])
    while (await until(watch, "agent_state"))[-1].get("tasks"):
        pass
