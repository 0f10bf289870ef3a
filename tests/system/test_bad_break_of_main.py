"""Main is killed in the middle of something: its node works on, and who comes back misses and doubles nothing."""

import asyncio
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


async def test_what_waits_for_people_and_what_they_keep_outlive_a_killed_main(tmp_path: Path) -> None:
    settings = main_settings(**scripted(tmp_path))
    async with running("main_server.py", tmp_path, settings) as main, Client(main.url) as client:
        await client.register()
        yard = Installation(main, client, tmp_path, await client.online_node())
        sessions = [(await yard.session())["id"] for _ in range(3)]
        async with client.socket() as socket:
            inbox = await socket.subscribe("inbox.watch")
            for session in sessions:
                await yard.send(session, "ask", f"m-{session}")
            asked = [await inbox.until("approval") for _ in sessions]
        assert {each[-1]["session"]["id"] for each in asked} == set(sessions)
        await yard.op("my.mark", session=sessions[0], seq=asked[0][-1]["session"]["news"])
        await client.op("my.draft", key=f"{yard.node}/{sessions[1]}", text="half")
        await client.op("my.setting", name="page.keys", value="{}")
        await main.kill()
        async with running("main_server.py", tmp_path, settings) as again:
            yard = Installation(again, client, tmp_path, await client.online_node(yard.node))
            async with client.socket() as socket:
                inbox = await socket.subscribe("inbox.watch")
                items = list(inbox.result["approvals"])
                while len(items) < len(sessions):
                    items.append((await inbox.until("approval"))[-1])
                assert {item["session"]["id"] for item in items} == set(sessions)
                mine = (await socket.subscribe("my.watch")).result
                assert (len(mine["marks"]), mine["drafts"][0]["text"], len(mine["settings"])) == (3, "half", 1)
                async with asyncio.TaskGroup() as answering:
                    for session in sessions:
                        answering.create_task(answer_all(yard, session), name=session)
                gone = [(await inbox.until("resolved"))[-1]["session"] for _ in sessions]
                assert set(gone) == set(sessions)
