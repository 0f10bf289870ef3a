"""A disk that fills up while everything runs: what finds no room is refused with a sentence and is not half there."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.client import Client, OpError
from tests.support.disk import SmallDisk, small_disk
from tests.support.installation import scripted
from tests.support.processes import Program, main_settings, node_settings, running

TOKEN = "a-register-token-of-the-tests"
LONG = "x" * (64 << 10)


@dataclass
class Crowded:
    """A Main and a node whose data and work lie on one small disk each."""

    client: Client
    main: Program
    node: Program
    disk: SmallDisk
    mains_disk: SmallDisk

    async def op(self, name: str, /, **params: Any) -> dict[str, Any]:
        return await self.client.op(name, node="laptop", **params)

    async def session(self) -> str:
        made = await self.op("session.create", path=str(self.disk.folder / "work"), provider="scripted")
        return str(made["session"]["id"])

    async def turn(self, session: str, text: str, message_id: str) -> list[dict[str, Any]]:
        """Send a prompt; the events from it on to the end of its turn."""
        sent = await self.op("session.send", session=session, message_id=message_id, text=text)
        async with self.client.socket() as socket:
            params = {"node": "laptop", "session": session, "after": sent["seq"] - 1}
            return await (await socket.subscribe("session.watch", params)).until("turn_ended")

    async def events(self, session: str) -> list[dict[str, Any]]:
        return list((await self.op("session.events", session=session, limit=1000))["events"])


@pytest.fixture
async def crowded(tmp_path: Path) -> AsyncIterator[Crowded]:
    with small_disk(tmp_path / "disk") as disk, small_disk(tmp_path / "mains") as mains_disk:
        work = disk.folder / "work"
        work.mkdir()
        of_main = main_settings(
            **{
                "main.local_node": False,
                "main.node_register_tokens": [TOKEN],
                "database.path": str(mains_disk.folder / "data" / "main.db"),
            }
        )
        async with running("main_server.py", tmp_path / "main", of_main) as main, Client(main.url) as client:
            await client.register()
            of_node = node_settings(
                main,
                TOKEN,
                **scripted(tmp_path / "node"),
                **{
                    "node.id": "laptop",
                    "database.path": str(disk.folder / "data" / "node.db"),
                    "filesystem.roots": [str(work)],
                },
            )
            async with running("app.py", tmp_path / "node", of_node) as node:
                await client.online_node("laptop")
                yield Crowded(client, main, node, disk, mains_disk)


def assert_full(refused: OpError) -> None:
    """409 with a remedy, and no trace of our own doing."""
    assert (refused.status, refused.code) == (409, "conflict")
    assert "disk" in refused.problem["detail"]
    assert "again" in refused.problem["detail"]
    assert "nothing was changed" in refused.problem["detail"]


async def test_a_file_keeps_its_old_text_and_no_temporary_is_left(crowded: Crowded) -> None:
    folder = crowded.disk.folder / "work"
    (folder / "kept.txt").write_text("old")
    crowded.disk.fill(crowded.node.process.pid)
    for path, more in (("kept.txt", {}), ("new.txt", {"create": True})):
        with pytest.raises(OpError) as refused:
            await crowded.op("files.write", path=str(folder / path), content=LONG, **more)
        assert_full(refused.value)
        assert path in refused.value.problem["detail"]
    assert [(each.name, each.read_text()) for each in folder.iterdir()] == [("kept.txt", "old")]
    crowded.disk.free(crowded.node.process.pid)
    await crowded.op("files.write", path=str(folder / "kept.txt"), content=LONG)
    assert (folder / "kept.txt").read_text() == LONG


async def test_a_prompt_that_cannot_be_kept_is_refused_and_can_be_sent_again(crowded: Crowded) -> None:
    session = await crowded.session()
    await crowded.turn(session, "hello", "m1")
    before = await crowded.events(session)
    crowded.disk.fill(crowded.node.process.pid)
    for _ in range(3):
        with pytest.raises(OpError) as refused:
            await crowded.op("session.send", session=session, message_id="m2", text=LONG)
        assert_full(refused.value)
        with pytest.raises(OpError) as refused:
            await crowded.session()
        assert_full(refused.value)
    assert await crowded.events(session) == before
    assert (await crowded.op("session.get", session=session))["status"] == "idle"
    assert len((await crowded.op("session.list"))["sessions"]) == 1
    crowded.disk.free(crowded.node.process.pid)
    assert (await crowded.turn(session, LONG, "m2"))[-1]["stop_reason"] == "end_turn"
    events = await crowded.events(session)
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert [event["message_id"] for event in events if event["type"] == "user_message"] == ["m1", "m2"]
    assert "Traceback" not in crowded.node.text


async def test_a_turn_that_runs_out_of_room_ends_with_the_cause_when_there_is_room_again(crowded: Crowded) -> None:
    session = await crowded.session()
    async with crowded.client.socket() as socket:
        watch = await socket.subscribe("session.watch", {"node": "laptop", "session": session, "after": 0})
        await crowded.op("session.send", session=session, message_id="m1", text="stream")
        await watch.until("delta")
        crowded.disk.fill(crowded.node.process.pid)
        # The words go on as deltas; what cannot be written is the durable block at their end.
        async with asyncio.timeout(20):
            while "turn_end_not_written" not in crowded.node.text:
                await crowded.op("session.get", session=session)
        crowded.disk.free(crowded.node.process.pid)
        ended = (await watch.until("turn_ended"))[-1]
    assert ended["stop_reason"] == "error"
    assert "disk" in ended["error"]
    assert (await crowded.turn(session, "hello", "m2"))[-1]["stop_reason"] == "end_turn"
    events = await crowded.events(session)
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))


async def test_main_says_that_its_disk_is_full_and_what_is_signed_in_works_on(crowded: Crowded) -> None:
    session = await crowded.session()
    crowded.mains_disk.fill(crowded.main.process.pid)
    async with Client(crowded.client.url) as another:
        with pytest.raises(OpError) as refused:
            await another.login()
        assert_full(refused.value)
    assert (await crowded.turn(session, "hello", "m1"))[-1]["stop_reason"] == "end_turn"
    crowded.mains_disk.free(crowded.main.process.pid)
    async with Client(crowded.client.url) as another:
        await another.login()
    assert "Traceback" not in crowded.main.text
