"""nodes.* and the way in for machines: a second node as a real program whose settings are in configs/node.toml."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.support.client import Client, OpError
from tests.support.installation import Installation
from tests.support.processes import Program, free_port, start_program
from tests.support.waiting import eventually

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("api nodes")]

MEMBERS = {
    "id", "name", "status", "mode", "labels", "capabilities", "platform", "version", "connected_at", "last_seen",
    "rtt_ms", "clock_offset_ms",
}  # fmt: skip


async def register_token(whole: Installation) -> str:
    return str((await whole.client.op("nodes.join"))["register_token"])


async def node_program(home: Path, url: str, node: str, token: str | None, **more: Any) -> Program:
    """`python app.py --config node.toml`, as on another machine."""
    home.mkdir(parents=True, exist_ok=True)
    port = free_port()
    lines = [
        "[server]",
        f"port = {port}",
        "[node]",
        f'main_server_url = "{url}"',
        f'id = "{node}"',
        'name = "Workshop"',
        'labels = {place = "cellar"}',
        "[providers.claude]",
        "enabled = false",
    ]
    if token is not None:
        lines.insert(3, f'register_token = "{token}"')
    config = home / "node.toml"
    config.write_text("\n".join(lines) + "\n")
    config.chmod(0o600)
    program = await start_program("app.py", home, more, arguments=["--config", str(config)])
    program.port = port
    return program


@contextlib.asynccontextmanager
async def second_node(whole: Installation, home: Path, node: str) -> AsyncIterator[Program]:
    program = await node_program(home, whole.url, node, await register_token(whole))
    try:
        await whole.client.online_node(node)
        yield program
    finally:
        await program.stop()


async def listed(client: Client) -> dict[str, dict[str, Any]]:
    return {each["id"]: each for each in (await client.op("nodes.list"))["nodes"]}


async def test_the_local_node_is_listed_as_the_contract_has_it(whole: Installation) -> None:
    node = (await listed(whole.client))[whole.node]
    assert set(node) >= MEMBERS
    assert (node["status"], node["mode"]) == ("online", "direct")
    measured = await eventually(lambda: measured_node(whole), what="the first probe through the link", deadline_s=15)
    assert 0 < measured["rtt_ms"] < 10_000
    assert abs(measured["clock_offset_ms"]) < 10_000


async def measured_node(whole: Installation) -> dict[str, Any] | None:
    node = (await listed(whole.client))[whole.node]
    return node if node["rtt_ms"] is not None else None


async def test_another_machine_joins_works_goes_and_comes_back(whole: Installation, tmp_path: Path) -> None:
    async with whole.client.socket() as socket:
        watch = await socket.subscribe("nodes.watch")
        assert watch.result["nodes"]
        async with second_node(whole, tmp_path, "joins") as program:
            shown = (await watch.until("node"))[-1]["node"]
            assert shown["id"] == "joins"
            node = (await listed(whole.client))["joins"]
            assert (node["name"], node["labels"], node["mode"]) == ("Workshop", {"place": "cellar"}, "direct")
            health = await eventually(lambda: linked(program), what="the node to have heard that it is online")
            assert set(health) == {"status", "role", "version", "uptime_s", "link"}
            assert (health["status"], health["role"]) == ("ok", "node")
            path = str(tmp_path)
            assert (await whole.client.op("files.list", node="joins", path=path))["path"] == path
            renamed = await whole.client.op("nodes.rename", node="joins", name="Cellar")
            assert renamed["node"]["name"] == "Cellar"
        await eventually(lambda: offline(whole, "joins"), what="the node to be shown as offline")
        with pytest.raises(OpError) as refused:
            await whole.client.op("files.list", node="joins", path=path)
        assert (refused.value.status, refused.value.code) == (503, "node_offline")
        assert refused.value.problem["retryable"] is True
    again = await node_program(tmp_path, whole.url, "joins", None)
    try:
        assert await whole.client.online_node("joins") == "joins", "its own secret is enough now"
        assert (await listed(whole.client))["joins"]["name"] == "Cellar"
    finally:
        await again.stop()


async def test_an_offline_node_is_shown_from_memory_and_refuses_at_once(whole: Installation, tmp_path: Path) -> None:
    token = await register_token(whole)
    scripted_too = {"providers.scripted.enabled": True}
    program = await node_program(tmp_path, whole.url, "away", token, **scripted_too)
    await whole.client.online_node("away")
    params = {"node": "away", "path": str(tmp_path), "provider": "scripted", "title": "Far"}
    session = (await whole.client.op("session.create", **params))["session"]["id"]
    fresh = await whole.client.op("session.list", node="away")
    assert [(each["id"], each.get("stale", False)) for each in fresh["sessions"]] == [(session, False)]
    async with whole.client.socket() as socket:
        watch = await socket.subscribe("session.watch", {"node": "away", "session": session, "after": 0})
        await watch.until("live")
        await program.stop(signal.SIGTERM)
        ended = (await watch.until("ended"))[-1]
        assert (ended["error"]["code"], ended["error"]["retryable"]) == ("node_offline", True)
        with pytest.raises(OpError) as refused:
            await socket.call("session.watch", {"node": "away", "session": session, "after": 0})
        assert refused.value.code == "node_offline"
    for given in ({}, {"node": "away"}):
        listed_then = await whole.client.op("session.list", **given)
        assert "away" in listed_then["offline"]
        assert whole.node not in listed_then["offline"]
        assert [(each["id"], each["stale"]) for each in listed_then["sessions"]] == [(session, True)]
    query = "node=away&terminal=x"
    async with whole.client.http.ws_connect(
        f"{whole.url}/ws/terminal?{query}", headers=whole.client.headers
    ) as socket_:
        assert (await socket_.receive_json(timeout=5))["code"] == "node_offline"
        await socket_.receive(timeout=5)
        assert socket_.close_code == 4503


async def linked(program: Program) -> dict[str, Any] | None:
    health = await program.healthy()
    return health if health["link"] == "online" else None


async def offline(whole: Installation, node: str) -> bool:
    status: str = (await listed(whole.client))[node]["status"]
    return status == "offline"


async def test_a_removed_node_is_cut_within_a_second_and_says_so(whole: Installation, tmp_path: Path) -> None:
    async with second_node(whole, tmp_path, "removed") as program, whole.client.socket() as socket:
        watch = await socket.subscribe("nodes.watch")
        await whole.client.op("nodes.remove", node="removed")
        async with asyncio.timeout(1):
            assert (await watch.until("removed"))[-1]["id"] == "removed"
        assert "removed" not in await listed(whole.client)
        await eventually(lambda: "removed" in program.text, what="the node to say that it was removed")
        assert (await program.healthy())["link"] == "offline"
        with pytest.raises(OpError) as refused:
            await whole.client.op("nodes.remove", node="removed")
        assert refused.value.code == "not_found"
    back = await node_program(tmp_path, whole.url, "removed", await register_token(whole))
    try:
        assert await whole.client.online_node("removed") == "removed", "a register token lets it in anew"
    finally:
        await back.stop()


async def test_the_local_node_cannot_be_removed(whole: Installation) -> None:
    with pytest.raises(OpError) as refused:
        await whole.client.op("nodes.remove", node=whole.node)
    assert refused.value.status == 409
    assert "main.local_node" in refused.value.problem["detail"]


async def test_a_second_machine_of_the_same_id_is_refused_and_the_first_stays(
    whole: Installation, tmp_path: Path
) -> None:
    async with second_node(whole, tmp_path / "first", "twin"):
        other = await node_program(tmp_path / "second", whole.url, "twin", await register_token(whole))
        try:
            await eventually(
                lambda: "remove this node in Main first" in other.text or "online already" in other.text,
                what="the second to be told",
            )
            assert (await other.healthy())["link"] != "online"
            folder = str(tmp_path / "first")
            assert (await whole.client.op("files.list", node="twin", path=folder))["path"] == folder
        finally:
            await other.stop()


async def test_a_wrong_register_token_is_said_and_the_node_stays_up(whole: Installation, tmp_path: Path) -> None:
    program = await node_program(tmp_path, whole.url, "stranger", "not-the-token-of-this-main")
    try:
        await eventually(lambda: "register token" in program.text, what="the node to say what is wrong")
        assert (await program.healthy())["link"] == "offline"
        assert "not-the-token-of-this-main" not in program.text
        assert "stranger" not in await listed(whole.client)
    finally:
        assert await program.stop(signal.SIGTERM) == 0


DIALS = {
    "no credentials": ({}, 401),
    "another scheme": ({"Authorization": "Basic eA==", "Switchyard-Node": "x"}, 401),
    "no id": ({"Authorization": "Bearer TOKEN", "Switchyard-Protocol": "1"}, 401),
    "an id that is none": ({"Authorization": "Bearer TOKEN", "Switchyard-Node": "../x"}, 401),
    "a wrong token": ({"Authorization": "Bearer wrong", "Switchyard-Node": "x", "Switchyard-Protocol": "1"}, 401),
    "a user's token": ({"Authorization": "Bearer USER", "Switchyard-Node": "x", "Switchyard-Protocol": "1"}, 401),
    "a newer protocol": ({"Authorization": "Bearer TOKEN", "Switchyard-Node": "x", "Switchyard-Protocol": "99"}, 426),
    "an older protocol": ({"Authorization": "Bearer TOKEN", "Switchyard-Node": "x", "Switchyard-Protocol": "0"}, 426),
    "a known id": ({"Authorization": "Bearer TOKEN", "Switchyard-Node": "NODE", "Switchyard-Protocol": "1"}, 403),
}


@pytest.mark.parametrize("name", DIALS)
async def test_a_bad_dial_is_refused_before_the_upgrade_with_a_problem(whole: Installation, name: str) -> None:
    given, status = DIALS[name]
    token = await register_token(whole)
    headers = {
        key: value.replace("TOKEN", token).replace("USER", whole.client.token or "").replace("NODE", whole.node)
        for key, value in given.items()
    }
    handshake = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    async with whole.client.http.get(f"{whole.url}/ws/node", headers={**handshake, **headers}) as answer:
        assert answer.status == status
        assert answer.content_type == "application/problem+json"
        problem = await answer.json(content_type=None)
    assert problem["status"] == status
    assert problem["detail"].endswith(".")
    if name == "a known id":
        assert "remove this node in Main first" in problem["detail"]
    if status == 426:
        assert "update Switchyard on" in problem["detail"]


async def test_the_nodes_own_port_answers_health_and_nothing_else(whole: Installation, tmp_path: Path) -> None:
    async with second_node(whole, tmp_path, "quiet") as program:
        for path in ("/", "/api/ops/files.list", "/ws", "/ws/terminal", "/metrics", "/api/auth/status", "/nothing"):
            async with whole.client.http.get(program.url + path, headers=whole.client.headers) as answer:
                assert answer.status in {401, 404}, path
        for path in ("/ws/main", "/ws/stream", "/ws"):
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await whole.client.http.ws_connect(program.url + path, headers=whole.client.headers)
            assert refused.value.status in {401, 404}
