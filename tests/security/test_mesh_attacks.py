"""Attacks on the ways in which Main and nodes find each other."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from main.registry.targets import find_target
from tests.support.dialled_node import DialledNode, dialled_node
from tests.support.fake_node import FakeNode
from tests.support.main_app import RunningMain, running_main
from tests.support.processes import free_port
from tests.support.waiting import eventually
from ws.dial import Backoff
from ws.protocol.base import NodeId
from ws.protocol.errors import WireError
from ws.protocol.link import RegisterParams

TOKEN = "a-register-token-of-the-tests"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Main dials again at once."""
    monkeypatch.setattr("main.registry.dialled.Backoff", lambda: Backoff(first_s=0.02, max_s=0.05))


@asynccontextmanager
async def dialling(folder: Path, *urls: str, **more: Any) -> AsyncIterator[RunningMain]:
    """A Main that dials these addresses."""
    given = {"main.node_addresses": list(urls), "main.node_register_tokens": [TOKEN], **more}
    async with running_main(folder, given) as main:
        yield main


async def problem(main: RunningMain, text: str) -> dict[str, Any]:
    """The node of Main's list whose problem says so."""

    async def look() -> dict[str, Any] | None:
        async with main.client() as client:
            shown = (await client.op("nodes.list"))["nodes"]
        return next((each for each in shown if text in each.get("problem", "")), None)

    return await eventually(look, what=f"a problem with {text!r}")


async def register(main: RunningMain, bearer: str | None = None, **params: Any) -> tuple[int, dict[str, Any]]:
    """Post a registration; the status and the answer."""
    body = {"id": "laptop", "name": "Laptop", "key": secrets.token_urlsafe(32), "protocol": 2, **params}
    headers = {"Authorization": f"Bearer {main.main.registry.tokens.shown if bearer is None else bearer}"}
    async with main.http() as http, http.post("/api/nodes/register", json=body, headers=headers) as answer:
        return answer.status, await answer.json(content_type=None)


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/",
        "http://169.254.169.254:80",
        "http://[fe80::1]:80",
        "http://[::ffff:169.254.169.254]:80",
        "http://10.1.2.3:4456",
        "http://192.0.2.7",
        "http://0.0.0.0:4457",
        "http://224.0.0.1",
    ],
)
async def test_ssrf_by_registration_is_refused(main: RunningMain, url: str) -> None:
    status, answer = await register(main, url=url)
    assert (status, answer["code"]) == (403, "forbidden")
    assert "main.callback_hosts" in answer["detail"]


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "gopher://127.0.0.1:11211/_x",
        "http://127.0.0.1:1/admin",
        "http://127.0.0.1:1/?q=1",
        "http://user:password@127.0.0.1:1",
        "http://127.0.0.1:99999",
        "http://",
        "//127.0.0.1",
        "127.0.0.1:80",
        "http://127.0.0.1:1/#x",
        "http://127.0.0.1:1\r\nX: y",
    ],
)
async def test_a_registration_names_scheme_host_and_port_alone(main: RunningMain, url: str) -> None:
    status, answer = await register(main, url=url)
    assert (status, answer["code"]) == (400, "invalid")


@pytest.mark.parametrize("registrant", ["10.0.0.9", "2001:db8::5"])
@pytest.mark.parametrize("url", ["http://127.0.0.1:22", "http://[::1]:22", "http://localhost:22"])
async def test_loopback_is_no_target_for_a_registrant_elsewhere(registrant: str, url: str) -> None:
    params = RegisterParams(id="x", name="x", url=url)
    with pytest.raises(WireError, match="callback_hosts"):
        await find_target(params, registrant, [])
    # A listed name that leads to loopback does not open it either, unless it was meant.
    if "localhost" not in url:
        with pytest.raises(WireError, match="callback_hosts"):
            await find_target(params, registrant, ["localhost"])


async def test_what_is_listed_may_be_called_and_is_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [["10.9.9.9"], ["169.254.169.254"]]

    async def lookup(*_: Any, **__: Any) -> list[Any]:
        return [(2, 1, 6, "", (each, 0)) for each in answers.pop(0)]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", lookup, raising=False)
    params = RegisterParams(id="x", name="x", url="http://good.example:80")
    target = await find_target(params, "10.0.0.9", ["good.example"])
    assert (target.url, target.address) == ("http://good.example", "10.9.9.9")
    with pytest.raises(WireError, match="callback_hosts"):
        await find_target(params, "10.0.0.9", ["good.example"])


@pytest.mark.parametrize("bearer", ["", "wrong", "Bearer", "x" * 3000])
async def test_a_registration_without_a_good_token_is_refused(main: RunningMain, bearer: str) -> None:
    status, answer = await register(main, bearer, url="http://169.254.169.254")
    assert (status, answer["code"]) == (401, "unauthorized")
    assert "169.254" not in answer["detail"]


async def test_a_users_token_registers_no_node(main: RunningMain) -> None:
    status, _ = await register(main, await main.token())
    assert status == 401


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"\xff\xfe", b'{"id":"../x","name":"x"}', b'{"id":1,"name":"x"}'])
async def test_a_broken_registration_is_one_clear_refusal(main: RunningMain, body: bytes) -> None:
    headers = {"Authorization": f"Bearer {main.main.registry.tokens.shown}"}
    async with main.http() as http, http.post("/api/nodes/register", data=body, headers=headers) as answer:
        assert (answer.status, (await answer.json(content_type=None))["code"]) == (400, "invalid")


async def test_a_registration_that_is_too_long_is_not_read(main: RunningMain) -> None:
    headers = {"Authorization": f"Bearer {main.main.registry.tokens.shown}"}
    async with main.http() as http, http.post("/api/nodes/register", data=b"x" * 100_000, headers=headers) as answer:
        assert answer.status == 413


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "Via", "X-Real-IP"])
async def test_a_proxy_in_between_does_not_make_loopback_a_target(main: RunningMain, header: str) -> None:
    """Behind a proxy on Main's own machine every registrant would look like this machine."""
    bearer = {"Authorization": f"Bearer {main.main.registry.tokens.shown}", header: "203.0.113.9"}
    body = {"id": "laptop", "name": "Laptop", "key": secrets.token_urlsafe(32), "url": "http://127.0.0.1:22"}
    async with main.http() as http, http.post("/api/nodes/register", json=body, headers=bearer) as answer:
        assert answer.status == 403
        assert "server.trusted_proxies" in (await answer.json(content_type=None))["detail"]


async def test_a_trusted_proxy_says_who_registers(tmp_path: Path) -> None:
    async with dialling(tmp_path, **{"server.trusted_proxies": ["127.0.0.1"]}) as main:
        bearer = {"Authorization": f"Bearer {TOKEN}", "X-Forwarded-For": "127.0.0.1, 203.0.113.9"}
        body = {"id": "laptop", "name": "Laptop", "key": secrets.token_urlsafe(32), "url": "http://127.0.0.1:22"}
        async with main.http() as http, http.post("/api/nodes/register", json=body, headers=bearer) as answer:
            assert answer.status == 403
            assert "from 203.0.113.9" in (await answer.json(content_type=None))["detail"]
        async with main.client() as client:
            rows = (await client.op("audit.list"))["rows"]
        assert any(row["action"] == "node.refused" and row["address"] == "203.0.113.9" for row in rows)


@pytest.mark.parametrize("path", ["elsewhere", "metadata"])
async def test_a_redirecting_callback_leads_nowhere(main: RunningMain, path: str) -> None:
    visited = asyncio.Event()

    async def elsewhere(_: web.Request) -> web.StreamResponse:
        visited.set()
        return web.Response()

    async def redirect(_: web.Request) -> web.StreamResponse:
        raise web.HTTPFound(f"{other.url}/secret" if path == "elsewhere" else "http://169.254.169.254/")

    async with (
        dialled_node(DialledNode("other", TOKEN, respond=elsewhere)) as other,
        dialled_node(DialledNode("laptop", TOKEN, respond=redirect)) as node,
    ):
        status, _ = await register(main, url=node.url)
        assert status == 202
        await eventually(lambda: node.authorizations, what="the call")

        async def told() -> str | None:
            return str((await register(main, url=node.url))[1].get("problem") or "")

        assert "302" in await eventually(told, what="the node to be told why")
        assert not visited.is_set()
        assert main.main.registry.links == {}


async def test_a_callback_presents_the_one_time_key_and_no_secret_of_mains(main: RunningMain) -> None:
    token, key = main.main.registry.tokens.shown, secrets.token_urlsafe(32)
    async with dialled_node(DialledNode("laptop", token, key=key)) as node:
        status, _ = await register(main, url=node.url, key=key)
        assert status == 202
        await eventually(lambda: main.main.registry.links, what="the link")
        assert node.authorizations == [f"Bearer {key}"]
        # Registering the same living identity again is a second claim.
        status, answer = await register(main, url=node.url, key=key)
        assert (status, answer["code"]) == (403, "forbidden")
        status, answer = await register(main, node.secret, url=node.url, key=key)
        assert (status, answer["code"]) == (409, "conflict")
        assert len(main.main.registry.links) == 1


async def test_a_registration_with_a_known_id_needs_its_secret(main: RunningMain) -> None:
    async with FakeNode(main.url, "laptop", main.main.registry.tokens.shown).online() as first:
        assert first.peer is not None
        first.peer.notify("link.confirmed", b"{}")
        known = main.main.registry.known("laptop")
        await eventually(lambda: main.main.registry.known("laptop") != known, what="the confirmation")
    await eventually(lambda: not main.main.registry.links, what="the node to be offline")
    status, answer = await register(main, port=free_port())
    assert (status, answer["code"]) == (403, "forbidden")
    assert "remove this node in Main" in answer["detail"]


async def test_who_answers_a_callback_must_be_who_registered(main: RunningMain) -> None:
    """Another program at the address of a node has its one-time key, and neither token nor secret."""
    token, key = main.main.registry.tokens.shown, secrets.token_urlsafe(32)
    async with dialled_node(DialledNode("laptop", token, key=key, proof="0" * 64)) as node:
        await register(main, url=node.url, key=key)
        await eventually(lambda: node.refusals, what="the refusal")
        assert "cannot prove it" in node.refusals[0]
        assert main.main.registry.known("laptop") is None


async def test_the_id_of_hello_is_that_of_the_registration(main: RunningMain) -> None:
    token, key = main.main.registry.tokens.shown, secrets.token_urlsafe(32)
    async with dialled_node(DialledNode("other", token, key=key)) as node:
        await register(main, url=node.url, key=key)
        await eventually(lambda: node.refusals, what="the refusal")
        assert "not the one of the dial" in node.refusals[0]
        assert main.main.registry.links == {}


async def test_a_dialling_main_never_sends_the_register_token(tmp_path: Path) -> None:
    async with dialled_node(DialledNode("worker", TOKEN)) as node, dialling(tmp_path, node.url) as main:
        await eventually(lambda: main.main.registry.links, what="the link")
        await eventually(lambda: node.main_secret, what="the exchange of secrets")
        assert node.authorizations[0] == ""
        assert node.authorizations[1].startswith("HMAC-SHA256 ")
        shown = main.main.registry.tokens.shown
        assert not any(TOKEN in each or shown in each for each in node.authorizations)


async def test_a_machine_that_lies_about_its_id_is_not_let_in(tmp_path: Path) -> None:
    """The node of one address says, later, that it is the one of another."""
    async with dialled_node(DialledNode("worker", TOKEN)) as node:
        async with dialling(tmp_path, node.url) as main:
            known = await eventually(lambda: main.main.registry.known("worker"), what="the node")
            await eventually(lambda: getattr(main.main.registry.known("worker"), "is_confirmed", False), what="it kept")
            assert known.address == node.url
        node.id = "victim"
        async with dialling(tmp_path, node.url) as main:
            shown = await problem(main, "says now that it is victim")
            assert shown["id"] == "worker"
            assert main.main.registry.links == {}
            assert main.main.registry.known("victim") is None


async def test_an_address_whose_machine_has_changed_is_refused_with_the_remedy(tmp_path: Path) -> None:
    async with dialled_node(DialledNode("worker", TOKEN)) as node:
        async with dialling(tmp_path, node.url):
            await eventually(lambda: node.main_secret, what="the exchange of secrets")
        port = int(node.url.rpartition(":")[2])
    impostor = DialledNode("worker", TOKEN)
    async with dialled_node(impostor, port), dialling(tmp_path, impostor.url) as main:
        shown = await problem(main, "take the address out of main.node_addresses")
        assert (shown["id"], shown["status"]) == ("worker", "offline")
        assert main.main.registry.links == {}


async def test_a_register_token_alone_does_not_take_an_id_by_being_dialled(tmp_path: Path) -> None:
    """A machine that is dialled for the first time names the id of a node that dials Main itself."""
    async with (
        dialled_node(DialledNode("laptop", TOKEN)) as node,
        dialling(tmp_path) as main,
        FakeNode(main.url, "laptop", TOKEN).online() as first,
    ):
        assert first.peer is not None
        first.peer.notify("link.confirmed", b"{}")
        await eventually(lambda: getattr(main.main.registry.known("laptop"), "is_confirmed", False), what="it kept")
        main.main.dialled.follow([node.url])
        await problem(main, "remove this node in Main first")
        assert not first.ended.is_set()


async def test_a_machine_without_the_token_cannot_be_a_node(tmp_path: Path) -> None:
    async def lets_in(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.receive(timeout=5)
        return socket

    async with (
        dialled_node(DialledNode("worker", TOKEN, proof="0" * 64)) as liar,
        dialled_node(DialledNode("open", TOKEN, respond=lets_in)) as open_one,
        dialling(tmp_path, liar.url, open_one.url) as main,
    ):
        await problem(main, "cannot prove it")
        await problem(main, "lets anybody in")
        assert main.main.registry.links == {}


@pytest.mark.parametrize("nonce", ["", "short", "node:" + "x" * 43, "x" * 65, "a b" * 20])
async def test_main_answers_no_nonce_that_it_would_not_make_itself(tmp_path: Path, nonce: str) -> None:
    async with dialled_node(DialledNode("worker", TOKEN, nonce=nonce)) as node, dialling(tmp_path, node.url) as main:
        await problem(main, "answer the nonce")
        assert set(node.authorizations) == {""}


async def test_two_addresses_of_one_node_are_one_node(tmp_path: Path) -> None:
    async with dialled_node(DialledNode("worker", TOKEN)) as node:
        other = node.url.replace("127.0.0.1", "localhost")
        async with dialling(tmp_path, node.url) as main:
            await eventually(lambda: main.main.registry.links, what="the link")
            main.main.dialled.follow([node.url, other])
            await problem(main, "remove this node in Main first")
            assert list(main.main.registry.links) == [NodeId("worker")]


@pytest.mark.parametrize(
    "answer", [web.Response(text="<html>hello"), web.Response(status=404), web.Response(status=500)]
)
async def test_an_address_that_is_no_switchyard_is_named(tmp_path: Path, answer: web.Response) -> None:
    async def respond(_: web.Request) -> web.StreamResponse:
        return web.Response(status=answer.status, text=answer.text)

    async with dialled_node(DialledNode("x", TOKEN, respond=respond)) as node, dialling(tmp_path, node.url) as main:
        shown = await problem(main, "check the address")
        async with main.client() as client:
            with pytest.raises(Exception, match=r"main\.node_addresses"):
                await client.op("nodes.remove", node=shown["id"])


async def test_the_node_entry_points_of_main_stay_closed(main: RunningMain) -> None:
    async with main.http() as http:
        async with http.post("/api/nodes/register", json={}) as answer:
            assert answer.status == 401
        for method in ("GET", "PUT", "DELETE"):
            async with http.request(method, "/api/nodes/register") as answer:
                assert answer.status in {401, 405}
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await http.ws_connect("/api/nodes/register")
