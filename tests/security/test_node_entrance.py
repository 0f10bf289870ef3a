"""The node's own port when Main dials: closed to everybody who is not its Main."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from node.link.callback import Advertised, CallbackLink
from node.link.conversation import About
from node.link.credentials import Credentials
from node.link.dialled import DialledLink
from node.link.door import Entrance
from node.link.status import LinkStatus
from node.store import Store, open_store
from routes.node.application import build_app
from routes.node.server import Runner
from tests.support.waiting import eventually
from ws.dial import Backoff
from ws.proof import new_nonce, proof_of_main
from ws.protocol.base import NodeId
from ws.protocol.nodes import Capabilities
from ws.rpc import Answer, IncomingCall

TOKEN = "a-register-token-of-the-tests"
MAIN_SECRET = "M" * 43
ABOUT = About(
    id=NodeId("worker"),
    name="Worker",
    platform="linux",
    labels={},
    capabilities=Capabilities(terminal=True, providers=[], features=[]),
    home="/",
)


@dataclass
class Running:
    """A node's port and what is behind it."""

    http: aiohttp.ClientSession
    entrance: Entrance
    status: LinkStatus
    store: Store
    app: web.Application

    async def call(self, authorization: str | None, path: str = "/ws/main") -> tuple[int, dict[str, str]]:
        """A handshake with that header: the status and the headers of the answer."""
        headers = {"Switchyard-Nonce": new_nonce()} | (
            {} if authorization is None else {"Authorization": authorization}
        )
        try:
            async with self.http.ws_connect(path, headers=headers):
                return 101, {}
        except aiohttp.WSServerHandshakeError as refused:
            return refused.status, dict(refused.headers or {})


async def unheard(_: IncomingCall) -> Answer:
    raise AssertionError("nobody may call this node")


@asynccontextmanager
async def port_of(
    folder: Path, *, token: str | None = TOKEN, register_url: str | None = None
) -> AsyncIterator[Running]:
    """A node that waits to be dialled, or that registers at `register_url`."""
    store, status, entrance = await open_store(folder / "node.db"), LinkStatus(), Entrance()
    credentials = Credentials(store.identity, register_token=token, is_local=False)
    link: DialledLink | CallbackLink
    if register_url is None:
        link = DialledLink(ABOUT, credentials, entrance=entrance, status=status)
    else:
        link = CallbackLink(
            register_url,
            ABOUT,
            credentials,
            entrance=entrance,
            advertised=Advertised(None, 1, is_tls=False),
            tls=None,
            status=status,
            backoff=lambda: Backoff(first_s=0.01, max_s=0.02),
        )
    app = build_app(lambda: status.facts, entrance)
    runner = Runner(app, shutdown_timeout_s=0.5)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    link.start(unheard)
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{runner.addresses[0][1]}") as http:
            yield Running(http, entrance, status, store, app)
    finally:
        await link.stop()
        await runner.cleanup()
        await store.close()


async def test_every_route_but_health_is_closed(tmp_path: Path) -> None:
    async with port_of(tmp_path) as node:
        routes = {
            (route.method, route.resource.canonical) for route in node.app.router.routes() if route.resource is not None
        }
        assert routes == {("GET", "/health"), ("HEAD", "/health"), ("GET", "/ws/main"), ("GET", "/ws/stream")}
        for path in ("/ws/main", "/ws/stream"):
            for authorization in (None, "", "Bearer", "Bearer x", f"Bearer {TOKEN}", "Basic YTpi", "HMAC-SHA256 a:b"):
                assert (await node.call(authorization, path))[0] == 401, (path, authorization)
            async with node.http.get(path) as answer:
                assert answer.status == 401
                assert "Access-Control-Allow-Origin" not in answer.headers
        for path in ("/", "/ws", "/ws/node", "/api/ops/files.list", "/metrics", "/ws/main/"):
            async with node.http.get(path) as answer:
                assert answer.status == 404, path


async def test_a_node_that_dials_main_has_no_such_routes() -> None:
    app = build_app(dict)
    assert {route.resource.canonical for route in app.router.routes() if route.resource is not None} == {"/health"}


async def test_the_node_does_not_say_who_it_is(tmp_path: Path) -> None:
    async with port_of(tmp_path) as node:
        _, headers = await node.call(None)
        assert "worker" not in str(headers)
        async with node.http.get("/health") as answer:
            assert "worker" not in (await answer.text()).lower().replace("this node waits", "")


async def test_a_nonce_is_answered_once(tmp_path: Path) -> None:
    async with port_of(tmp_path) as node:
        nonce = (await node.call(None))[1]["Switchyard-Nonce"]
        answer = f"HMAC-SHA256 {nonce}:{proof_of_main(TOKEN, nonce)}"
        assert (await node.call(answer))[0] == 101
        assert (await node.call(answer))[0] == 401, "a replay"


@pytest.mark.parametrize("made", ["made up", "of another node", "late"])
async def test_a_nonce_that_the_node_did_not_make_a_moment_ago_counts_for_nothing(
    tmp_path: Path, made: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if made == "late":
        monkeypatch.setattr("node.link.dialled.NONCE_LIFE_S", 0.0)
    (tmp_path / "other").mkdir()
    async with port_of(tmp_path) as node, port_of(tmp_path / "other") as other:
        fresh = (await (other if made == "of another node" else node).call(None))[1]["Switchyard-Nonce"]
        nonce = new_nonce() if made == "made up" else fresh
        assert (await node.call(f"HMAC-SHA256 {nonce}:{proof_of_main(TOKEN, nonce)}"))[0] == 401


async def test_a_main_that_is_not_main_is_refused_and_said(tmp_path: Path) -> None:
    async with port_of(tmp_path) as node:
        nonce = (await node.call(None))[1]["Switchyard-Nonce"]
        status, _ = await node.call(f"HMAC-SHA256 {nonce}:{proof_of_main('another token', nonce)}")
        assert status == 401
        assert "does not know node.register_token" in node.status.detail


async def test_a_node_with_a_main_makes_no_other_first_contact(tmp_path: Path) -> None:
    async with port_of(tmp_path) as node:
        await node.store.identity.save(node_secret="N" * 43, main_secret=MAIN_SECRET, main_id="m", register_token=TOKEN)
        status, headers = await node.call(None)
        assert (status, headers.get("Switchyard-Nonce")) == (401, None)
        nonce = new_nonce()
        assert (await node.call(f"HMAC-SHA256 {nonce}:{proof_of_main(TOKEN, nonce)}"))[0] == 401
        assert (await node.call(f"Bearer {MAIN_SECRET}"))[0] == 101
        await node.store.identity.revoke()
        assert (await node.call(f"Bearer {MAIN_SECRET}"))[0] == 401


async def test_another_register_token_lets_a_node_be_added_anew(tmp_path: Path) -> None:
    async with port_of(tmp_path) as node:
        await node.store.identity.save(node_secret="N" * 43, main_secret=MAIN_SECRET, main_id="m", register_token=TOKEN)
    async with port_of(tmp_path, token="another-token-of-the-tests") as node:
        nonce = (await node.call(None))[1]["Switchyard-Nonce"]
        assert (await node.call(f"HMAC-SHA256 {nonce}:{proof_of_main(TOKEN, nonce)}"))[0] == 401
        nonce = (await node.call(None))[1]["Switchyard-Nonce"]
        proof = proof_of_main("another-token-of-the-tests", nonce)
        assert (await node.call(f"HMAC-SHA256 {nonce}:{proof}"))[0] == 101


async def test_a_flood_of_calls_keeps_few_nonces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.link.dialled.MAX_NONCES", 8)
    async with port_of(tmp_path) as node:
        first = (await node.call(None))[1]["Switchyard-Nonce"]
        last = first
        for _ in range(20):
            last = (await node.call(None))[1]["Switchyard-Nonce"]
        door = node.entrance.door
        assert isinstance(door, DialledLink)
        assert len(door._nonces) == 8
        assert (await node.call(f"HMAC-SHA256 {first}:{proof_of_main(TOKEN, first)}"))[0] == 401
        assert (await node.call(f"HMAC-SHA256 {last}:{proof_of_main(TOKEN, last)}"))[0] == 101


@pytest.mark.parametrize(
    "header", ["HMAC-SHA256", "HMAC-SHA256 :", "HMAC-SHA256 ,,,:,,", "Bearer \xff\xfe", "HMAC-SHA256 a:\xff"]
)
async def test_garbage_in_the_header_is_401(tmp_path: Path, header: str) -> None:
    async with port_of(tmp_path) as node:
        assert (await node.call(header))[0] == 401


async def test_a_one_time_key_opens_one_link(tmp_path: Path) -> None:
    keys: list[str] = []

    async def registered(request: web.Request) -> web.Response:
        keys.append((await request.json())["key"])
        assert re.fullmatch(r"[A-Za-z0-9_-]{43}", keys[-1])
        return web.json_response({"url": "http://127.0.0.1:1"}, status=202)

    app = web.Application()
    app.router.add_post("/api/nodes/register", registered)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    main = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        async with port_of(tmp_path, register_url=main) as node:
            await eventually(lambda: keys, what="the registration")
            for wrong in (TOKEN, "x" * 43, keys[0][:-1], keys[0] + "x"):
                assert (await node.call(f"Bearer {wrong}"))[0] == 401
            used = keys[0]
            assert (await node.call(f"Bearer {used}"))[0] == 101
            assert (await node.call(f"Bearer {used}"))[0] == 401, "a replay"
            await eventually(lambda: len(keys) > 1, what="the next registration")
            assert (await node.call(f"Bearer {used}"))[0] == 401, "the key of an earlier registration"
    finally:
        await runner.cleanup()


async def test_a_stream_key_opens_one_stream(tmp_path: Path) -> None:
    async with port_of(tmp_path) as node:
        key = "k" * 43
        taking = asyncio.get_running_loop().create_task(node.entrance.take_stream(key), name="stream")
        await eventually(lambda: len(node.entrance.keys), what="the stream to be waited for")
        assert (await node.call("Bearer " + "x" * 43, "/ws/stream"))[0] == 401
        async with node.http.ws_connect("/ws/stream", headers={"Authorization": f"Bearer {key}"}):
            raw = await taking
            assert (await node.call(f"Bearer {key}", "/ws/stream"))[0] == 401, "a replay"
            raw.abort()


async def test_a_flood_of_connections_is_bounded_and_drips_are_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("routes.node.server.MAX_CONNECTIONS", 6)
    monkeypatch.setattr("routes.node.server.IDLE_S", 1)
    async with port_of(tmp_path) as node:
        port = node.http._base_url.port if node.http._base_url is not None else 0
        opened = [await asyncio.open_connection("127.0.0.1", port) for _ in range(12)]
        try:
            for _, writer in opened:
                writer.write(b"GET /ws/main HTTP/1.1\r\nX: ")
            ends = [await asyncio.wait_for(end_of(reader), 10) for reader, _ in opened]
            assert len(ends) == 12, "those beyond the bound at once, the others when their time was over"
        finally:
            for _, writer in opened:
                writer.close()
        assert (await node.call(None))[0] == 401


async def test_who_opens_connections_and_asks_nothing_does_not_keep_main_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("routes.node.server.MAX_CONNECTIONS", 6)
    async with port_of(tmp_path) as node:
        port = node.http._base_url.port if node.http._base_url is not None else 0
        opened = [await asyncio.open_connection("127.0.0.1", port) for _ in range(6)]
        try:
            for _ in range(3):
                assert (await node.call(None))[0] == 401
            assert await asyncio.wait_for(end_of(opened[0][0]), 10), "the oldest gives way"
        finally:
            for _, writer in opened:
                writer.close()


async def end_of(reader: asyncio.StreamReader) -> bool:
    """Wait until the other side has cut the connection."""
    with suppress(ConnectionError):
        while await reader.read(4096):
            pass
    return True


async def test_a_head_beyond_the_limits_is_refused(tmp_path: Path) -> None:
    async with port_of(tmp_path) as node, node.http.get("/ws/main", headers={"X": "x" * 20_000}) as answer:
        assert answer.status in {400, 431}
