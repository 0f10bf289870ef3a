"""Main is killed in the middle of something: its node works on, and who comes back misses and doubles nothing."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.client import Client
from tests.support.installation import Installation, scripted
from tests.support.processes import main_settings, running


async def answer_all(yard: Installation, session: str) -> None:
    """Allow what is asked, as a page does that finds it in the state."""
    for asked in (await yard.op("session.get", session=session))["approvals"]:
        answer = {"approval": asked["approval"], "option": asked["options"][0]["id"]}
        await yard.op("session.answer", session=session, **answer)


@pytest.mark.parametrize(
    ("prompt", "point"),
    [("hello", "turn_ended"), ("stream", "delta"), ("write", "approval_requested"), ("stream", "prompt_queued")],
    ids=["idle", "streaming", "asking", "just sent"],
)
async def test_a_killed_main_costs_nothing(tmp_path: Path, prompt: str, point: str) -> None:
    settings = main_settings(**scripted(tmp_path))
    seen: list[dict[str, Any]] = []
    async with running("main_server.py", tmp_path, settings) as main, Client(main.url) as client:
        await client.register()
        yard = Installation(main, client, tmp_path, await client.online_node())
        session = (await yard.session())["id"]
        async with yard.watching(session) as watch:
            await yard.send(session, prompt, "m1")
            seen += await watch.until(point)
            await main.kill()
        async with running("main_server.py", tmp_path, settings) as again:
            yard = Installation(again, client, tmp_path, await client.online_node(yard.node))
            assert (await yard.send(session, prompt, "m1"))["duplicate"], "sent again, for want of an answer"
            cursor = max(event.get("seq", 0) for event in seen)
            async with yard.watching(session, after=cursor) as watch:
                while "turn_ended" not in {event["type"] for event in seen}:
                    seen.append(await watch.next())
                    if seen[-1]["type"] == "live":
                        await answer_all(yard, session)
            durable = [event for event in seen if "seq" in event]
            assert [event["seq"] for event in durable] == list(range(1, len(durable) + 1))
            assert durable[-1]["stop_reason"] == "end_turn", "the node has worked on"
            kept = (await yard.op("session.events", session=session, limit=1000))["events"]
            assert kept[: len(durable)] == durable
            assert [event["message_id"] for event in kept if event["type"] == "user_message"] == ["m1"]
            assert "Traceback" not in again.text
