"""/ws/terminal: Main asks the node, joins the two connections, and says why when it cannot."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import aiohttp
import msgspec
import pytest

from main.relay import joins, places, streams
from tests.support.client import Client
from tests.support.fake_node import FakeNode
from tests.support.main_app import RunningMain
from tests.support.waiting import eventually
from ws.dial import complete_url
from ws.protocol.errors import ErrorCode, WireError
from ws.protocol.link import StreamParams
from ws.rpc import Answer, IncomingCall
from ws.streams import ServerFrames, StreamClosedError, carried_at_node, dial_raw
from ws.tasks import TaskOwner


class EchoNode(FakeNode):
    """Serves every terminal stream by echoing frames; `asked` is what Main asked for, `closed` how streams ended."""

    def __init__(self, main: RunningMain) -> None:
        super().__init__(main.url, "laptop", main.main.registry.tokens.shown)
        self.behaviours = {"link.stream": self.stream, "link.stream_revoke": self.revoke}
        self.asked: list[StreamParams] = []
        self.frames: list[ServerFrames] = []
        self.is_inspected = False
        """Something in between cuts what is no frame."""
        self.tasks = TaskOwner("echo node")

    async def stream(self, call: IncomingCall) -> Answer:
        params = msgspec.json.decode(call.params, type=StreamParams)
        self.asked.append(params)
        if params.terminal == "missing":
            raise WireError(ErrorCode.NOT_FOUND, "There is no such terminal.")
        if params.terminal != "silent":
            _ = self.tasks.start(self.serve(params), name=params.stream)
        return b"{}"

    async def serve(self, params: StreamParams) -> None:
        raw = await dial_raw(
            complete_url(self.main_url, "/ws/stream"), {"Authorization": f"Bearer {params.key}"}, None, 5
        )
        if self.is_inspected and params.carriage == "probed":
            raw.abort()
            return
        frames = ServerFrames(await carried_at_node(raw, params.carriage))
        self.frames.append(frames)
        with contextlib.suppress(StreamClosedError):
            while True:
                message = await frames.recv()
                if isinstance(message, bytes):
                    frames.send_bytes(message)
                else:
                    frames.send_text(message)

    async def revoke(self, _: IncomingCall) -> Answer:
        await self.frames[-1].close(4401, "access ended")
        return b"{}"


@pytest.fixture
async def node(main: RunningMain) -> AsyncIterator[EchoNode]:
    echo = EchoNode(main)
    async with echo.online():
        yield echo
    await echo.tasks.close()


async def opened(client: Client, query: str) -> aiohttp.ClientWebSocketResponse:
    return await client.http.ws_connect(f"{client.url}/ws/terminal?{query}", headers=client.headers)


async def test_bytes_and_texts_pass_unchanged(main: RunningMain, node: EchoNode) -> None:
    async with main.client() as client:
        socket = await opened(client, "node=laptop&terminal=t1&after=12")
        for sent in (b"\x00\xff\x1b[31m", b"x" * 300_000):
            await socket.send_bytes(sent)
            assert await socket.receive_bytes(timeout=10) == sent
        await socket.send_str('{"type":"ack","offset":5}')
        assert await socket.receive_str(timeout=10) == '{"type":"ack","offset":5}'
        await socket.close()
    asked = node.asked[0]
    assert (asked.terminal, asked.after, asked.may_type, asked.caller.name) == ("t1", 12, True, "ada")
    await eventually(lambda: not main.main.terminals, what="the stream to be forgotten")


async def test_a_viewer_may_look_and_not_type(main: RunningMain, node: EchoNode) -> None:
    async with main.client("vera", "viewer") as client:
        socket = await opened(client, "node=laptop&terminal=t1")
        await socket.close()
    assert node.asked[0].may_type is False


@pytest.mark.parametrize(
    ("query", "code", "close"),
    [
        ("node=laptop&terminal=missing", "not_found", 4404),
        ("node=unknown&terminal=t1", "not_found", 4404),
        ("node=laptop", "invalid", 4400),
        ("node=laptop&terminal=t1&after=-1", "invalid", 4400),
        ("node=laptop&terminal=t1&after=x", "invalid", 4400),
        ("node=laptop&terminal=t1&nope=1", "invalid", 4400),
        ("node=laptop&terminal=../t", "invalid", 4400),
    ],
)
async def test_what_cannot_be_opened_is_a_frame_and_a_close_code(
    main: RunningMain, node: EchoNode, query: str, code: str, close: int
) -> None:
    async with main.client() as client:
        socket = await opened(client, query)
        fault = await socket.receive_json(timeout=10)
        assert (fault["type"], fault["code"]) == ("error", code)
        assert (await socket.receive()).data == close


async def test_a_node_that_does_not_dial_back_is_said(
    main: RunningMain, node: EchoNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer = main.main.door.keys.offer
    monkeypatch.setattr(main.main.door.keys, "offer", lambda stream: offer(stream, 0.2))
    async with main.client() as client:
        socket = await opened(client, "node=laptop&terminal=silent")
        assert (await socket.receive_json(timeout=10))["code"] == "timeout"
        assert (await socket.receive()).data == 4503
    assert len(main.main.door.keys) == 0


async def test_a_link_whose_first_probe_failed_is_probed_again(
    main: RunningMain, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that was busy for two seconds shall not pay for frames until its link breaks."""
    monkeypatch.setattr(streams, "PROBE_AGAIN_S", 0.05)
    echo = EchoNode(main)
    echo.hello = {"has_carriage": True}
    echo.is_inspected = True

    async def travels(client: Client, *carriages: str) -> bool:
        """Whether one more stream is asked for like this."""
        before = len(echo.asked)
        socket = await opened(client, "node=laptop&terminal=t1")
        await socket.send_bytes(b"there")
        assert await socket.receive_bytes(timeout=10) == b"there"
        await socket.close()
        return [asked.carriage for asked in echo.asked[before:]] == [*carriages]

    async with echo.online(), main.client() as client:
        assert await travels(client, "probed", "framed")
        assert b"switchyard_links_framed 1.0" in await main.main.metrics.text()
        await eventually(lambda: travels(client, "probed", "framed"), what="another probe")
        echo.is_inspected = False
        await eventually(lambda: travels(client, "probed"), what="a probe that comes through")
        assert b"switchyard_links_framed 0.0" in await main.main.metrics.text()
        assert await travels(client, "raw")
    await echo.tasks.close()


async def test_one_person_cannot_take_every_stream(
    main: RunningMain, node: EchoNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "MAX_OF_PERSON", 2)
    async with main.client() as client, main.client("vera", "viewer") as other:
        first, second = [await opened(client, "node=laptop&terminal=t1") for _ in range(2)]
        refused = await opened(client, "node=laptop&terminal=t1")
        fault = await refused.receive_json(timeout=10)
        assert (fault["code"], fault["detail"]) == (
            "conflict",
            "You have 2 terminals open on all your pages, which is the limit; close some of them.",
        )
        assert (await refused.receive()).data == 4400
        await (await opened(other, "node=laptop&terminal=t1")).close()
        assert len(node.asked) == 3, "the node was not asked for the one that was refused"
        await first.close()
        await eventually(lambda: len(main.main.terminals) == 1, what="a place to be free")
        await (await opened(client, "node=laptop&terminal=t1")).close()
        await second.close()


@pytest.mark.parametrize("bound", ["MAX_OPENING", "MAX_OPENING_OF_PERSON"])
async def test_so_many_are_opened_at_once_and_no_more(
    main: RunningMain, node: EchoNode, monkeypatch: pytest.MonkeyPatch, bound: str
) -> None:
    """What a machine does not answer yet costs Main a place, so those are few."""
    monkeypatch.setattr(places, bound, 2)
    async with main.client() as client, asyncio.TaskGroup() as group:
        slow = [group.create_task(opened(client, "node=laptop&terminal=silent")) for _ in range(2)]
        await eventually(lambda: len(node.asked) == 2, what="both to be asked for")
        address = f"{client.url}/ws/terminal?node=laptop&terminal=t1"
        handshake = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
        key = {"Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="}
        async with client.http.get(address, headers={**client.headers, **handshake, **key}) as answer:
            assert (answer.status, answer.headers["Retry-After"]) == (429, "1")
            assert (await answer.json())["detail"].startswith("Too many terminals are being opened at once")
        for each in slow:
            _ = each.cancel()
        await eventually(lambda: not len(main.main.door.keys), what="places of those who have gone")
        await (await opened(client, "node=laptop&terminal=t1")).close()


def test_probes_become_rare_where_frames_are_read() -> None:
    way = streams.Way()
    assert [way.next(0.0), way.next(0.0)] == ["probed", "probed"]
    way.failed(1.0)
    way.failed(2.0)
    assert [way.next(30.9), way.next(31.0), way.next(31.0)] == ["framed", "probed", "framed"]
    way.failed(33.0)
    assert [way.next(90.9), way.next(91.0)] == ["framed", "probed"]
    way.passed()
    assert way.next(91.0) == "raw"


async def test_when_the_node_goes_its_streams_go(main: RunningMain, node: EchoNode) -> None:
    async with main.client() as client:
        socket = await opened(client, "node=laptop&terminal=t1")
        assert node.peer is not None
        await node.peer.close()
        assert (await socket.receive(timeout=5)).type in {aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.CLOSE}


async def test_when_access_ends_the_stream_ends_with_its_code(main: RunningMain, node: EchoNode) -> None:
    async with main.client() as client:
        socket = await opened(client, "node=laptop&terminal=t1")
        await client.post("/api/auth/logout", {})
        async with asyncio.timeout(1):
            assert (await socket.receive()).data == 4401


async def test_a_node_that_ignores_the_end_of_access_is_cut(main: RunningMain, node: EchoNode) -> None:
    async def ignore(_: IncomingCall) -> Answer:
        await asyncio.Event().wait()
        raise AssertionError

    node.behaviours = {**node.behaviours, "link.stream_revoke": ignore}
    async with main.client() as client:
        socket = await opened(client, "node=laptop&terminal=t1")
        await client.post("/api/auth/logout", {})
        async with asyncio.timeout(1.5):
            assert (await socket.receive()).type in {aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.CLOSE}


async def test_a_key_opens_one_stream_once(main: RunningMain, node: EchoNode) -> None:
    async with main.client() as client:
        socket = await opened(client, "node=laptop&terminal=t1")
        bearer = {"Authorization": f"Bearer {node.asked[0].key}"}
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await client.http.ws_connect(f"{main.url}/ws/stream", headers=bearer)
        assert refused.value.status == 401
        await socket.close()


async def test_neither_cookie_nor_token_reaches_the_node(main: RunningMain, node: EchoNode) -> None:
    async with main.client() as client:
        socket = await opened(client, "node=laptop&terminal=t1")
        await socket.close()
        assert client.token is not None
        told = b"".join(call.params + repr(call.caller).encode() for call in node.calls)
    assert client.token.encode() not in told


async def test_who_looks_at_a_terminal_is_noted_once_an_hour(
    main: RunningMain, node: EchoNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed_s = 0.0
    monkeypatch.setattr(main.main.joins, "_clock", lambda: passed_s)
    async with main.client() as client, main.client("vera", "viewer") as viewer:
        for who, terminal, at_s in (
            (client, "t1", 0.0),
            (client, "t1", 3599.0),
            (client, "t2", 3599.0),
            (viewer, "t1", 3599.0),
            (client, "missing", 3599.0),
            (client, "t1", 3600.0),
        ):
            passed_s = at_s
            await (await opened(who, f"node=laptop&terminal={terminal}")).close()
        rows = (await client.op("audit.list", action="terminal.joined"))["rows"]
    assert [(row["who"], row["node"], row["subject"], row["outcome"]) for row in reversed(rows)] == [
        ("ada", "laptop", "t1", "ok"),
        ("ada", "laptop", "t2", "ok"),
        ("vera", "laptop", "t1", "ok"),
        ("ada", "laptop", "t1", "ok"),
    ]


async def test_no_more_is_remembered_of_who_looked_than_the_bound(
    main: RunningMain, node: EchoNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(joins, "MAX_REMEMBERED", 2)
    async with main.client() as client:
        for terminal in ("t1", "t2", "t3", "t3", "t1"):
            await (await opened(client, f"node=laptop&terminal={terminal}")).close()
        rows = (await client.op("audit.list", action="terminal.joined"))["rows"]
    assert [row["subject"] for row in reversed(rows)] == ["t1", "t2", "t3", "t1"]
    assert len(main.main.joins._noted_s) == 2
