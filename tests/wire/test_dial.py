"""One attempt to open a JSON-RPC socket, against real servers good and bad."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest
import uvloop
from aiohttp import web

from tests.support.peers import DEADLINE_S, echo, serve_peers, within
from ws.dial import DialError, dial_socket
from ws.rpc import LINK_LIMITS, Peer
from ws.tasks import TaskOwner


@asynccontextmanager
async def _serve(handler: object) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_get("/", handler)  # type: ignore[arg-type]
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"ws://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


async def _refused(url: str, deadline_s: float = DEADLINE_S) -> DialError:
    with pytest.raises(DialError) as caught:
        await dial_socket(url, headers={}, deadline_s=deadline_s)
    return caught.value


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_dialled_socket_carries_calls_and_ends(loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(_call_and_end())


async def _call_and_end() -> None:
    owner = TaskOwner("dialler")
    async with serve_peers(echo) as server:
        socket = await dial_socket(server.url, headers={"Authorization": "Bearer x"})
        peer = Peer(socket, echo, name="server", limits=LINK_LIMITS)
        run = owner.start(peer.run(), name="peer")
        assert await peer.call("x", b"[1]", deadline_s=5) == b"[1]"
        await server.peers[0].close(4401)
        await within(run)
        assert not peer.is_open
    await owner.close()


@pytest.mark.parametrize(
    ("status", "is_final"), [(401, True), (403, True), (409, False), (426, False), (404, False), (503, False)]
)
async def test_a_refusal_carries_the_sentence_of_the_other_end(status: int, is_final: bool) -> None:
    async def refuse(request: web.Request) -> web.Response:
        problem = {"title": "No", "status": status, "detail": "Remove this node in Main first."}
        return web.json_response(
            problem, status=status, content_type="application/problem+json", headers={"X-Nonce": "n"}
        )

    async with _serve(refuse) as url:
        error = await _refused(url)
    assert error.detail.endswith("Remove this node in Main first.")
    assert (error.status, error.is_final, error.headers["X-Nonce"]) == (status, is_final, "n")


@pytest.mark.parametrize("status", [401, 403, 404, 502])
async def test_a_refusal_of_somebody_else_is_never_final(status: int) -> None:
    async def refuse(request: web.Request) -> web.Response:
        return web.Response(status=status, text="<html>nginx</html>", content_type="text/html")

    async with _serve(refuse) as url:
        error = await _refused(url)
    assert f"answers {status} " in error.detail
    assert "check the address" in error.detail
    assert (error.status, error.is_final) == (status, False)


async def test_redirects_are_not_followed() -> None:
    async def redirect(request: web.Request) -> web.Response:
        raise web.HTTPFound("http://127.0.0.1:1/")

    async with _serve(redirect) as url:
        error = await _refused(url)
    assert (error.status, error.is_final) == (302, False)


async def test_a_page_instead_of_a_socket_is_named_as_such() -> None:
    async def page(request: web.Request) -> web.Response:
        return web.Response(text="<html>" + "x" * 1_000_000)

    async with _serve(page) as url:
        error = await _refused(url)
    assert error.status == 200
    assert len(error.body) <= 65536
    assert not error.is_final


async def test_nobody_there() -> None:
    server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    error = await _refused(f"ws://127.0.0.1:{port}/")
    assert "cannot be reached" in error.detail
    assert not error.is_final


Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def _serve_raw(talk: Talk) -> AsyncIterator[str]:
    """One connection, spoken to by `talk` and over when this is left."""
    over = asyncio.Event()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await talk(reader, writer)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        over.set()

    async with await asyncio.start_server(connected, "127.0.0.1", 0) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        await within(over.wait())


async def test_a_server_that_never_answers() -> None:
    async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with _serve_raw(silence) as url:
        error = await _refused(url, deadline_s=0.2)
    assert "did not answer" in error.detail


async def test_a_server_that_talks_no_http() -> None:
    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")

    async with _serve_raw(babble) as url:
        error = await _refused(url)
    assert not error.is_final
