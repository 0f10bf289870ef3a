"""A node that cannot be linked says why, in its log once and in /health, and goes on trying where that helps."""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.support.certificates import tls_contexts
from tests.support.client import Client
from tests.support.processes import Program, free_port, main_settings, node_settings, running, start_program
from tests.support.waiting import eventually

TOKEN = "a-register-token-of-the-tests"


@pytest.fixture
async def main(tmp_path: Path) -> AsyncIterator[Program]:
    """Without a node of its own, with one user."""
    settings = main_settings(**{"main.local_node": False, "main.node_register_tokens": [TOKEN]})
    async with running("main_server.py", tmp_path / "main", settings) as main, Client(main.url) as client:
        await client.register()
        yield main


def dialling(url: str, **more: Any) -> dict[str, Any]:
    return {
        "server.port": free_port(),
        "node.id": "laptop",
        "node.main_server_url": url,
        "node.register_token": TOKEN,
        **more,
    }


async def told(node: Program, part: str) -> dict[str, Any]:
    """What /health says once it says `part` of the link."""

    async def says() -> dict[str, Any] | None:
        health = await node.health()
        return health if health is not None and part in health.get("link_detail", "") else None

    return await eventually(says, what=f"the node to say {part!r}, its log: {node.text}")


async def online(node: Program) -> None:
    async def is_online() -> bool:
        health = await node.health()
        return health is not None and health["link"] == "online"

    await eventually(is_online, what="the node to be online", deadline_s=30)


@contextlib.asynccontextmanager
async def serving(handler: Any) -> AsyncIterator[str]:
    """Some web server that is no Main; its address."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def missing(_: web.Request) -> web.Response:
    page = "<html><head><title>404 Not Found</title></head><body><center>nginx</center></body></html>"
    return web.Response(status=404, text=page, content_type="text/html", headers={"Server": "nginx"})


async def front_page(_: web.Request) -> web.Response:
    return web.Response(text="<!doctype html><title>Welcome</title>", content_type="text/html")


async def elsewhere(_: web.Request) -> web.Response:
    return web.Response(status=302, headers={"Location": "https://login.example/"})


async def newer_main(_: web.Request) -> web.Response:
    detail = "This node speaks protocol version 1, Main needs 2 or newer: update Switchyard on the node."
    return web.json_response(
        {"code": "unsupported", "detail": detail},
        status=426,
        content_type="application/problem+json",
        headers={"Switchyard-Protocol": "2"},
    )


async def mute_socket(request: web.Request) -> web.WebSocketResponse:
    """A WebSocket that is somebody else's: whatever comes, it says hello."""
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for _ in socket:
        await socket.send_str("hello")
    return socket


@pytest.mark.parametrize(
    ("handler", "parts"),
    [
        (missing, ["404", "check the address"]),
        (front_page, ["200", "check the address"]),
        (elsewhere, ["302", "check the address"]),
        (newer_main, ["update Switchyard on the node"]),
    ],
    ids=["not found", "a page", "a redirect", "another version"],
)
async def test_what_is_no_main_is_named_and_tried_again(tmp_path: Path, handler: Any, parts: list[str]) -> None:
    async with serving(handler) as url, running("app.py", tmp_path, dialling(url)) as node:
        health = await told(node, parts[0])
        assert all(part in health["link_detail"] for part in [url.removeprefix("http://"), *parts]), health
        assert health["link"] == "connecting"
        assert "Traceback" not in node.text
        assert node.text.count("link_down") == 1


async def test_a_socket_that_is_not_mains_is_named(tmp_path: Path) -> None:
    async with serving(mute_socket) as url, running("app.py", tmp_path, dialling(url)) as node:
        health = await told(node, "did not answer")
        assert health["link"] == "connecting"


async def test_tls_to_a_plain_port_is_named(tmp_path: Path, main: Program) -> None:
    async with running("app.py", tmp_path, dialling(main.url.replace("http:", "https:"))) as node:
        health = await told(node, f"127.0.0.1:{main.port} cannot be reached over TLS")
        assert "http://" in health["link_detail"], "the remedy"
        assert health["link"] == "connecting"
    assert "Traceback" not in main.text


async def test_plain_to_a_tls_port_is_named(tmp_path: Path) -> None:
    (tmp_path / "tls").mkdir()
    tls_contexts(tmp_path / "tls")
    settings = main_settings(
        **{
            "main.local_node": False,
            "server.tls_cert": str(tmp_path / "tls" / "certificate.pem"),
            "server.tls_key": str(tmp_path / "tls" / "key.pem"),
        }
    )
    main_url = f"http://127.0.0.1:{settings['server.port']}"
    async with started_tls_main(tmp_path / "main", settings) as main:
        async with running("app.py", tmp_path / "node", dialling(main_url)) as node:
            await told(node, "https://")
        async with running("app.py", tmp_path / "other", dialling(main_url.replace("http:", "https:"))) as node:
            health = await told(node, "certificate")
            assert health["link"] == "connecting"
        assert "Traceback" not in main.text


@contextlib.asynccontextmanager
async def started_tls_main(home: Path, settings: dict[str, Any]) -> AsyncIterator[Program]:
    main = await start_program("main_server.py", home, settings)
    try:
        await eventually(lambda: "open https://" in main.text, what="Main to greet", deadline_s=30)
        yield main
    finally:
        await main.stop()


async def test_nobody_there_is_named(tmp_path: Path) -> None:
    port = free_port()
    async with running("app.py", tmp_path, dialling(f"http://127.0.0.1:{port}")) as node:
        assert (await told(node, f"127.0.0.1:{port} cannot be reached"))["link"] == "connecting"


async def test_of_two_with_one_id_the_first_stays_and_the_second_takes_over_when_it_is_gone(
    tmp_path: Path, main: Program
) -> None:
    settings = node_settings(main, TOKEN, **{"node.id": "laptop"})
    async with running("app.py", tmp_path / "first", settings) as node:  # once before: the identity is settled
        await online(node)
    copy = tmp_path / "second" / ".switchyard"
    copy.parent.mkdir()
    await asyncio.to_thread(shutil.copytree, tmp_path / "first" / ".switchyard", copy)
    async with running("app.py", tmp_path / "second", {**settings, "server.port": free_port()}) as second:
        await online(second)
        async with running("app.py", tmp_path / "first", settings) as first:
            health = await told(first, "online already")
            assert health["link"] == "connecting"
            assert "stop that one" in health["link_detail"]
            assert "node.id" in health["link_detail"]
            await online(second)
            assert await second.stop() == 0
            await online(first)
            assert "link_down" not in second.text
            assert first.text.count("link_down") == 1
