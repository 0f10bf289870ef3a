"""Breaks that are aimed: at what chance seldom hits, always in the same way."""

import asyncio
import contextlib
import os
import random
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
import pytest_asyncio

from tests.chaos.counting import Pace
from tests.chaos.grounds import NODE, TOKEN, Grounds, grounds
from tests.chaos.reader import Reader
from tests.chaos.watcher import BREAKS, PAUSE_S, Watcher
from tests.support.client import OpError
from tests.support.disk import SmallDisk, small_disk
from tests.support.installation import scripted
from tests.support.processes import Program, free_port, start_program
from tests.support.waiting import eventually
from ws.tasks import TaskOwner

pytestmark = [
    pytest.mark.cli,
    pytest.mark.alone,
    pytest.mark.timeout(180),
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("chaos scenarios"),
]

OTHER = "desk"
WATCHERS = 20
REST_S = 60.0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def made(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Grounds]:
    async with grounds(tmp_path_factory.mktemp("grounds")) as made:
        yield made


@dataclass
class Other:
    """A second node: the same agents with the same past, a journal of its own on a small disk."""

    made: Grounds
    disk: SmallDisk
    program: Program

    async def op(self, name: str, /, **params: Any) -> dict[str, Any]:
        return await self.made.client.op(name, node=OTHER, **params)

    async def kill(self) -> None:
        """``kill -9``, and start it again."""
        await self.program.kill()
        self.program = await start_other(self.made, self.disk, self.program.port)
        await self.program.healthy()


async def start_other(made: Grounds, disk: SmallDisk, port: int) -> Program:
    home = made.folder / OTHER
    settings = {
        "server.port": port,
        "node.main_server_url": made.network_url,
        "node.register_token": TOKEN,
        "node.id": OTHER,
        **scripted(home),
        "database.path": str(disk.folder / "data" / "node.db"),
        "filesystem.roots": [str(made.work)],
        "providers.claude.enabled": "true",
        "providers.codex.enabled": "true",
    }
    return await start_program("app.py", home, settings, made.environ)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def other(made: Grounds, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Other]:
    with small_disk(tmp_path_factory.mktemp("small") / "disk") as disk:
        other = Other(made, disk, await start_other(made, disk, free_port()))
        try:
            await made.client.online_node(OTHER, deadline_s=30)
            yield other
        finally:
            await other.program.stop()


@pytest_asyncio.fixture(loop_scope="module")
async def owner() -> AsyncIterator[TaskOwner]:
    owner = TaskOwner("scenario")
    yield owner
    await owner.close()


async def session(made: Grounds, provider: str, node: str = NODE) -> str:
    created = await made.client.op("session.create", node=node, path=str(made.work), provider=provider)
    return str(created["session"]["id"])


async def events_of(made: Grounds, session: str, node: str = NODE) -> list[dict[str, Any]]:
    events = (await made.client.op("session.events", node=node, session=session, limit=1000))["events"]
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1)), "dense"
    return list(events)


async def sent(made: Grounds, session: str, message: str, text: str, node: str = NODE) -> None:
    """As a page sends: with one message id, until there is an answer."""
    async with asyncio.timeout(REST_S):
        while True:
            with contextlib.suppress(*BREAKS):
                await made.client.op("session.send", node=node, session=session, message_id=message, text=text)
                return
            await asyncio.sleep(PAUSE_S)


async def at_rest(made: Grounds, session: str, node: str = NODE) -> list[dict[str, Any]]:
    """The events, once nothing runs and nothing waits."""

    async def rests() -> bool:
        with contextlib.suppress(*BREAKS):
            state = await made.client.op("session.get", node=node, session=session)
            return state["turn"] is None and not state["queue"]
        return False

    await eventually(rests, what=f"{session} to rest", deadline_s=REST_S)
    return await events_of(made, session, node)


async def has(made: Grounds, session: str, kind: str) -> bool:
    return any(event["type"] == kind for event in await events_of(made, session))


def has_seen(watcher: Watcher, count: int) -> bool:
    return watcher.cursor == count


def all_watch(watchers: list[Watcher], kills: int) -> bool:
    return all(watcher.connections > kills for watcher in watchers)


def of(events: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [event for event in events if event["type"] == kind]


def said(events: list[dict[str, Any]]) -> str:
    return "\n".join(event["text"] for event in of(events, "agent_message"))


async def test_main_is_killed_under_twenty_watchers(made: Grounds, owner: TaskOwner) -> None:
    watched = await session(made, "scripted")
    watchers = [Watcher(made, watched) for _ in range(WATCHERS)]
    for watcher in watchers:
        _ = owner.start(watcher.run(), name="watcher")
    for number in range(2):
        await eventually(partial(all_watch, watchers, number), what="all to watch")
        await sent(made, watched, f"m{number}", "stream")
        await made.kill_main()
    await sent(made, watched, "m2", "hello")
    await eventually(partial(all_watch, watchers, 2), what="all to watch")
    await made.client.online_node(NODE, deadline_s=40)
    events = await at_rest(made, watched)
    assert [event["stop_reason"] for event in of(events, "turn_ended")] == ["end_turn"] * 3
    for watcher in watchers:
        await eventually(partial(has_seen, watcher, len(events)), what=f"{watcher} to see all")
        assert watcher.seen == events
        assert not watcher.faults
        assert watcher.connections == 3, "each came back once from each kill"


async def test_codex_is_killed_while_three_threads_work(made: Grounds) -> None:
    threads = [await session(made, "codex") for _ in range(3)]
    for number, thread in enumerate(threads):
        await sent(made, thread, "m0", f"say stork-{number}")
        await at_rest(made, thread)
    works = (("hang", "turn_started"), ("slow 400 0.05", "turn_started"), ("run sleep 600", "approval_requested"))
    for thread, (text, _) in zip(threads, works, strict=True):
        await sent(made, thread, "m1", text)
        await sent(made, thread, "m2", "recall")
    for thread, (_, kind) in zip(threads, works, strict=True):
        await eventually(partial(has, made, thread, kind), what=f"{thread} to work")
    servers = [pid for pid, command in await made.children() if b"app-server" in command]
    assert servers
    for pid in servers:
        with contextlib.suppress(ProcessLookupError):  # one is the other's wrapper
            os.kill(pid, signal.SIGKILL)
    for number, thread in enumerate(threads):
        events = await at_rest(made, thread)
        first, killed, next_one = of(events, "turn_ended")
        assert (first["stop_reason"], killed["stop_reason"], next_one["stop_reason"]) == (
            "end_turn",
            "error",
            "end_turn",
        )
        assert "was ended by signal 9" in killed["error"]
        assert f"say stork-{number}" in said(events[killed["seq"] :]), "it goes on with what it knew"
        assert len(of(events, "approval_resolved")) == len(of(events, "approval_requested"))


async def native(other: Other, provider: str) -> dict[str, str]:
    """Sessions that the agent has by itself here, once nobody has them open: native ids, and ours."""

    async def rows() -> dict[str, str]:
        listed = (await other.op("session.list"))["sessions"]
        found = [row for row in listed if row["status"] == "native" and row["provider"] == provider]
        if any(row.get("is_running_elsewhere") for row in found):
            return {}
        return {row["native_id"]: row["id"] for row in found}

    return await eventually(rows, what=f"sessions of {provider}'s own")


@pytest.mark.parametrize("provider", ["claude", "codex"])
async def test_kills_and_a_full_disk_while_an_agents_own_session_becomes_ours(
    made: Grounds, other: Other, provider: str
) -> None:
    """To each node what the other one had done is a session of the agent's own."""
    made_here = [await session(made, provider) for _ in range(2)]
    for number, each in enumerate(made_here):
        await sent(made, each, "m0", f"say heron-{number}")
    for each in made_here:
        await at_rest(made, each)
    known = [(await made.op("session.get", session=each))["native_id"] for each in made_here]
    await made.kill_node()  # its agents, which have these sessions open, end with it
    await made.client.online_node(NODE, deadline_s=40)
    taken = await native(other, provider)
    assert set(known) <= set(taken)
    other.disk.fill(other.program.process.pid)
    try:
        with pytest.raises(OpError, match="disk is full"):
            await other.op("session.send", session=taken[known[0]], message_id="m1", text="recall")
        assert set(known) <= set(await native(other, provider)), "it is the agent's own as before"
    finally:
        other.disk.free(other.program.process.pid)
    for delay_s, native_id in zip((0.0, 0.3), known, strict=True):
        async with asyncio.TaskGroup() as group:
            _ = group.create_task(sent(made, taken[native_id], "m1", "recall", OTHER), name="send")
            await asyncio.sleep(delay_s)  # the act is somewhere
            _ = group.create_task(other.kill(), name="kill")
    await made.client.online_node(OTHER, deadline_s=40)
    rows = [row for row in (await other.op("session.list"))["sessions"] if row["native_id"] in known]
    assert sorted((row["native_id"], row["id"]) for row in rows) == sorted((each, taken[each]) for each in known)
    for number, native_id in enumerate(known):
        await sent(made, taken[native_id], "m2", "recall", OTHER)
        events = await at_rest(made, taken[native_id], OTHER)
        prompts = [event["text"] for event in of(events, "user_message")]
        assert prompts == [f"say heron-{number}", "recall", "recall"], "what was before, once, and both of ours"
        assert f"say heron-{number}" in of(events, "agent_message")[-1]["text"]


async def test_a_node_is_killed_beside_another(made: Grounds, other: Other, owner: TaskOwner) -> None:
    """Who watches a session and a terminal of one machine notices nothing of the other's end."""
    watched = await session(made, "scripted", OTHER)
    watcher = Watcher(made, watched, node=OTHER)
    _ = owner.start(watcher.run(), name="watcher")
    command = Pace(lines=100, pause_s=0.01).command
    opened = await other.op("terminal.open", path=str(made.work), cols=80, rows=24, command=command)
    reader = Reader(made, opened["terminal"], "fast", random.Random(1), node=OTHER)
    _ = owner.start(reader.run(), name="reader")
    await eventually(lambda: watcher.connections and reader.position, what="both to watch")
    await sent(made, watched, "m0", "stream", OTHER)
    for _ in range(2):
        await made.kill_node()
        await made.client.online_node(NODE, deadline_s=40)
    events = await at_rest(made, watched, OTHER)
    await eventually(lambda: watcher.cursor == len(events), what="all to be seen")
    assert watcher.seen == events
    assert (watcher.connections, reader.connections) == (1, 1)
    assert [*watcher.faults, *reader.faults, *reader.skipped] == []
    goal = reader.position + 100_000
    await eventually(lambda: reader.position > goal, what="the counter to go on")
    await other.op("terminal.close", terminal=opened["terminal"])
