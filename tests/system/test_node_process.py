"""The node as a process: its starts, bad ones included, its stops, and what survives a kill."""

import asyncio
import contextlib
import signal
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.support.client import Client, Subscription
from tests.support.processes import (
    Program,
    free_port,
    main_settings,
    node_settings,
    running,
    start_program,
)
from tests.support.waiting import eventually

TOKEN = "a-register-token-of-the-tests"
STOP_PROMISE_S = 5.0


@dataclass
class Pair:
    """A Main, a client that is signed in, and how to start its node."""

    main: Program
    client: Client
    folder: Path

    def node(self, **more: Any) -> contextlib.AbstractAsyncContextManager[Program]:
        settings = node_settings(self.main, TOKEN, **{"node.id": "laptop", "providers.scripted.enabled": True, **more})
        return running("app.py", self.folder / "node", settings)

    async def session(self) -> str:
        (self.folder / "node" / "project").mkdir(exist_ok=True)
        made = await self.client.op(
            "session.create", node="laptop", path=str(self.folder / "node" / "project"), provider="scripted"
        )
        return str(made["session"]["id"])

    async def op(self, name: str, session: str, **params: Any) -> dict[str, Any]:
        return await self.client.op(name, node="laptop", session=session, **params)


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    settings = main_settings(**{"main.local_node": False, "main.node_register_tokens": [TOKEN]})
    async with running("main_server.py", tmp_path / "main", settings) as main, Client(main.url) as client:
        await client.register()
        yield Pair(main, client, tmp_path)


async def _link(node: Program, phase: str) -> dict[str, Any]:
    async def has_phase() -> dict[str, Any] | None:
        health = await node.health()
        return health if health is not None and health["link"] == phase else None

    return await eventually(has_phase, what=f"the link to be {phase}")


async def _asked(watch: Subscription) -> dict[str, Any]:
    async with asyncio.timeout(20):
        while (event := await watch.queue.get())["type"] != "approval_requested":
            pass
    return dict(event)


async def _ended(watch: Subscription) -> list[dict[str, Any]]:
    seen: list[dict[str, Any]] = []
    async with asyncio.timeout(20):
        while not seen or seen[-1]["type"] != "turn_ended":
            seen.append(await watch.queue.get())
    return seen


async def test_a_node_joins_and_its_port_answers_health_and_nothing_else(pair: Pair) -> None:
    async with pair.node() as node:
        await pair.client.online_node("laptop")
        health = await _link(node, "online")
        assert (health["status"], health["role"]) == ("ok", "node")
        paths = (
            "/",
            "/ws",
            "/ws/main",
            "/ws/stream",
            "/api/ops/files.list",
            "/metrics",
            "/health/x",
            "/..//etc/passwd",
        )
        async with aiohttp.ClientSession() as http:
            for path in paths:
                async with http.get(node.url + path, headers={"Authorization": f"Bearer {TOKEN}"}) as answer:
                    assert answer.status == 404, path
                    assert answer.content_type == "application/problem+json"
                    assert "Access-Control-Allow-Origin" not in answer.headers
            async with http.post(f"{node.url}/health", data=b"x" * 100_000) as answer:
                assert answer.status == 405
        (node_row,) = (await pair.client.op("nodes.list"))["nodes"]
        assert node_row["capabilities"]["providers"] == ["claude", "scripted"]
        assert node_row["platform"]


async def test_a_killed_node_comes_back_ends_the_turn_and_goes_on(pair: Pair) -> None:
    node = await start_program(
        "app.py",
        pair.folder / "node",
        node_settings(pair.main, TOKEN, **{"node.id": "laptop", "providers.scripted.enabled": True}),
    )
    await pair.client.online_node("laptop")
    session = await pair.session()
    async with pair.client.socket() as socket:
        watch = await socket.subscribe("session.watch", {"node": "laptop", "session": session})
        sent = await pair.op("session.send", session, message_id="m1", text="Show me")
        await pair.op("session.send", session, message_id="m2", text="Once more")
        await _asked(watch)
    await node.kill()
    async with pair.node() as again:
        await pair.client.online_node("laptop")
        await _link(again, "online")
        assert (await pair.op("session.send", session, message_id="m1", text="Show me")) == {
            "seq": sent["seq"],
            "state": "running",
            "duplicate": True,
        }
        async with pair.client.socket() as socket:
            watch = await socket.subscribe("session.watch", {"node": "laptop", "session": session})
            events = await _ended(watch)
            assert events[-1]["stop_reason"] == "node_restarted"
            assert events[-2]["type"] == "approval_resolved"
            assert events[-2]["outcome"] == "withdrawn"
            ask = await _asked(watch)
            await pair.op("session.answer", session, approval=ask["approval"], option=ask["options"][0]["id"])
            ask = await _asked(watch)
            await pair.op("session.answer", session, approval=ask["approval"], option=ask["options"][0]["id"])
            assert (await _ended(watch))[-1]["stop_reason"] == "end_turn"
        events = (await pair.op("session.events", session, limit=1000))["events"]
        assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
        ran = [event["message_id"] for event in events if event["type"] == "user_message"]
        assert ran == ["m1", "m2"]


async def test_a_restarted_main_finds_its_node_again(tmp_path: Path) -> None:
    settings = main_settings(**{"main.local_node": False, "main.node_register_tokens": [TOKEN]})
    main = await start_program("main_server.py", tmp_path / "main", settings)
    await main.healthy()
    async with Client(main.url) as client:
        await client.register()
        async with running("app.py", tmp_path / "node", node_settings(main, TOKEN, **{"node.id": "laptop"})) as node:
            await _link(node, "online")
            await main.kill()
            health = await _link(node, "connecting")
            assert "cannot be reached" in health["link_detail"] or "ended" in health["link_detail"]
            async with running("main_server.py", tmp_path / "main", settings):
                await _link(node, "online")
                await client.online_node("laptop")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_stop_ends_the_running_turn_within_five_seconds(pair: Pair, number: signal.Signals) -> None:
    async with pair.node() as node:
        await pair.client.online_node("laptop")
        session = await pair.session()
        async with pair.client.socket() as socket:
            watch = await socket.subscribe("session.watch", {"node": "laptop", "session": session})
            await pair.op("session.send", session, message_id="m1", text="Show me")
            await _asked(watch)
        begun = time.monotonic()
        assert await node.stop(number) == 0
        assert time.monotonic() - begun < STOP_PROMISE_S
        assert "Traceback" not in node.text, node.text
    async with pair.node():
        await pair.client.online_node("laptop")
        events = (await pair.op("session.events", session, limit=1000))["events"]
        assert events[-1]["type"] == "turn_ended"


async def test_a_wrong_register_token_is_said_and_the_node_lives(pair: Pair) -> None:
    async with pair.node(**{"node.register_token": "not-the-token-of-this-main"}) as node:
        health = await _link(node, "offline")
        assert "no valid register token" in health["link_detail"]
        assert node.text.count("link_refused") == 1
        assert "not-the-token-of-this-main" not in node.text


async def test_the_id_of_a_known_node_cannot_be_taken_with_a_register_token(pair: Pair) -> None:
    for _ in range(2):  # an identity is settled once it has been used after first contact
        async with pair.node() as node:
            await _link(node, "online")
    settings = node_settings(pair.main, TOKEN, **{"node.id": "laptop"})
    async with running("app.py", pair.folder / "thief", settings) as thief:
        health = await _link(thief, "offline")
        assert "remove this node in Main first" in health["link_detail"]


async def test_a_node_removed_in_main_stops_dialling(pair: Pair) -> None:
    async with pair.node() as node:
        await pair.client.online_node("laptop")
        await pair.client.op("nodes.remove", node="laptop")
        health = await _link(node, "offline")
        assert "removed" in health["link_detail"]
    async with pair.node():
        await pair.client.online_node("laptop")


async def test_a_node_without_a_main_is_healthy_and_says_what_it_needs(tmp_path: Path) -> None:
    async with running("app.py", tmp_path, {"server.port": free_port(), "server.host": "127.0.0.1"}) as node:
        health = await _link(node, "offline")
        assert "node.main_server_url" in health["link_detail"]


async def _sentence(home: Path, settings: dict[str, Any]) -> str:
    """What a start that fails prints: one line, exit code 2."""
    program = await start_program("app.py", home, settings)
    assert await program.wait(30) == 2, program.text
    lines = [line for line in program.text.splitlines() if line]
    assert len(lines) == 1, program.text
    return lines[0]


async def test_a_bad_start_is_one_sentence(pair: Pair) -> None:
    async with pair.node() as node:
        home = pair.folder / "node"
        free = node_settings(pair.main, TOKEN)
        assert "in use by another process (pid " in await _sentence(home, free)
        taken = {**free, "server.port": node.port, "database.path": str(home / "other.db")}
        assert f"Port {node.port} is in use" in await _sentence(home, taken)
    wrong = {**free, "database.path": str(pair.folder / "main" / ".switchyard" / "main.db")}
    assert "in use by another process" in await _sentence(home, wrong)
    (home / "damaged.db").write_bytes(b"nonsense" * 1000)
    assert "damaged" in await _sentence(home, {**free, "database.path": str(home / "damaged.db")})
    (home / "blocked").touch()
    assert "data folder" in await _sentence(home, {**free, "database.path": str(home / "blocked" / "node.db")})
