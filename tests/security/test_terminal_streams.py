"""Terminal streams between a hostile node and Main: keys that are guessed, replayed or late, and bytes that lie."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import msgspec
import pytest

from tests.support.fake_node import FakeNode
from tests.support.main_app import RunningMain
from tests.support.waiting import eventually
from ws.dial import DialError
from ws.protocol.errors import ErrorCode, WireError
from ws.protocol.link import StreamParams
from ws.rpc import Answer, IncomingCall
from ws.streams import RawSocket, dial_raw

Opening = asyncio.Task[aiohttp.ClientWebSocketResponse]
LIE = b"HTTP/1.1 200 OK\r\nSet-Cookie: switchyard=stolen\r\nContent-Type: text/html\r\n\r\n<script>1</script>"


@asynccontextmanager
async def hostile(main: RunningMain, name: str = "hostile") -> AsyncIterator[list[StreamParams]]:
    """A node that says yes to every stream and dials none; what it was asked is noted."""
    asked: list[StreamParams] = []

    async def stream(call: IncomingCall) -> Answer:
        asked.append(msgspec.json.decode(call.params, type=StreamParams))
        return b"{}"

    node = FakeNode(main.url, name, main.main.registry.tokens.shown, behaviours={"link.stream": stream})
    async with node.online():
        yield asked


async def dial(main: RunningMain, key: str) -> RawSocket:
    url = main.url.replace("http://", "ws://") + "/ws/stream"
    return await dial_raw(url, {"Authorization": f"Bearer {key}"})


@asynccontextmanager
async def page(
    main: RunningMain, node: str = "hostile"
) -> AsyncIterator[asyncio.Task[aiohttp.ClientWebSocketResponse]]:
    """A page that asks for a terminal and waits until the node has dialled."""
    headers = {"Authorization": f"Bearer {await main.token()}"}
    async with main.http() as http:
        opening = asyncio.get_running_loop().create_task(
            http.ws_connect(f"/ws/terminal?node={node}&terminal=t", headers=headers), name="page"
        )
        try:
            yield opening
        finally:
            opening.cancel()
            await asyncio.wait([opening])


async def refused(main: RunningMain, key: str) -> int:
    with pytest.raises(DialError) as caught:
        await dial(main, key)
    assert caught.value.status is not None
    return caught.value.status


async def test_a_key_opens_one_stream_and_only_one_that_was_asked_for(main: RunningMain) -> None:
    async with hostile(main) as asked, page(main) as opening:
        await eventually(lambda: asked, what="the question for a stream")
        key = asked[0].key
        for guess in ("", "x" * 43, key[:-1], key + "x", key.swapcase(), asked[0].stream, f"{key} {key}"):
            assert await refused(main, guess) == 401, guess
        first = await dial(main, key)
        assert await refused(main, key) == 401, "replayed"
        socket = await opening
        await socket.close()
        first.abort()


async def test_a_key_counts_in_its_header_alone(main: RunningMain) -> None:
    async with hostile(main) as asked, page(main), main.http() as http:
        await eventually(lambda: asked, what="the question for a stream")
        key = asked[0].key
        for target in (f"/ws/stream?key={key}", f"/ws/stream?token={key}", f"/ws/stream/{key}"):
            with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
                await http.ws_connect(target, headers={"Cookie": f"key={key}", "Sec-WebSocket-Protocol": key})
            assert caught.value.status == 401
        (await dial(main, key)).abort()


async def test_a_key_is_void_once_the_page_has_gone(main: RunningMain) -> None:
    async with hostile(main) as asked:
        async with page(main):
            await eventually(lambda: asked, what="the question for a stream")
        door = main.main.door.keys
        await eventually(lambda: not len(door), what="the key to be withdrawn")
        assert await refused(main, asked[0].key) == 401


async def test_the_stream_of_one_node_is_no_stream_of_another(main: RunningMain) -> None:
    """Both are asked at once; each page gets what its own node sends."""
    async with (
        hostile(main, "mine") as mine,
        hostile(main, "hers") as hers,
        page(main, "mine") as my_page,
        page(main, "hers") as her_page,
    ):
        await eventually(lambda: mine and hers, what="both questions")
        raws = [await dial(main, asked[0].key) for asked in (hers, mine)]
        for raw, text in zip(raws, (b"hers", b"mine"), strict=True):
            raw.transport.write(b"\x82\x04" + text)
        for opening, text in ((my_page, b"mine"), (her_page, b"hers")):
            assert await (await opening).receive_bytes(timeout=10) == text
        for raw in raws:
            raw.abort()


@pytest.mark.parametrize("lie", [LIE, b"\xff" * 1000, b"\x82\xff" + b"\x7f" * 8, b"\xc2\x05hello"])
async def test_what_a_node_sends_is_never_http_to_the_page(main: RunningMain, lie: bytes) -> None:
    """Main has answered the handshake itself: no header, cookie or page of a node reaches Main's origin."""
    async with hostile(main) as asked, page(main) as opening:
        await eventually(lambda: asked, what="the question for a stream")
        raw = await dial(main, asked[0].key)
        raw.transport.write(lie)
        socket = await opening
        assert "Set-Cookie" not in socket._response.headers
        told = await socket.receive(timeout=10)
        assert told.type in {aiohttp.WSMsgType.ERROR, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.CLOSE}
        raw.abort()
    async with main.client() as client:
        assert "nodes" in await client.op("nodes.list")


async def test_a_refusal_of_a_node_is_a_text_in_a_frame_of_main(main: RunningMain) -> None:
    """Whatever the node says: the close code is Main's, and the log takes no escape sequence."""

    async def refuse(call: IncomingCall) -> Answer:
        raise WireError(ErrorCode.CONFLICT, "\x1b]0;owned\x07\r\n\x9b2J")

    node = FakeNode(main.url, "hostile", main.main.registry.tokens.shown, behaviours={"link.stream": refuse})
    async with node.online(), page(main) as opening:
        socket = await opening
        fault = await socket.receive_json(timeout=10)
        assert (fault["type"], fault["code"]) == ("error", "conflict")
        await socket.receive(timeout=10)
        assert socket.close_code == 4400
