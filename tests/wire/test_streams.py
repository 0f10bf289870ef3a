"""Streams from page to node through a splice, with real clients on real sockets."""

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
import uvloop
import websockets.frames
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.support.certificates import tls_contexts
from tests.support.faulty import faulty_proxy
from tests.support.peers import until, within
from tests.support.yard import yard
from ws.streams import RawProtocol, RawSocket, ServerFrames, StreamClosedError, handshake
from ws.streams.raw import end_writing

Tls = tuple[ssl.SSLContext, ssl.SSLContext]
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]
LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


def _frame(data: bytes, opcode: int = 2) -> bytes:
    frame = websockets.frames.Frame(websockets.frames.Opcode(opcode), data)
    return frame.serialize(mask=True)


def _request(path: str = "/page", **headers: str) -> bytes:
    key = headers.pop("key", handshake.new_key())
    return handshake.write_request("127.0.0.1", path, key, headers)


@asynccontextmanager
async def _tcp(
    port: int, context: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def _echo_through(tls: Tls | None) -> None:
    async with yard(tls=tls) as main:
        context = None if tls is None else tls[1]
        async with connect(main.url(), ssl=context, max_size=None) as page:
            for message in ("text ü", b"", b"\x00\xff" * 10, b"x" * 1_000_000, "last"):
                await page.send(message)
                assert await within(page.recv()) == message
        end = await within(main.ends.get())
        assert (end.first, end.is_cut) == ("right", False)
        assert end.left_to_right_bytes > 1_000_000


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("is_secure", [False, True])
def test_a_page_talks_to_the_node_through_the_splice(loop: str, is_secure: bool, tmp_path: Path) -> None:
    tls = tls_contexts(tmp_path) if is_secure else None
    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(_echo_through(tls))


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("is_secure", [False, True])
def test_frames_in_one_segment_with_the_handshake_arrive(loop: str, is_secure: bool, tmp_path: Path) -> None:
    tls = tls_contexts(tmp_path) if is_secure else None

    async def scenario() -> None:
        async with yard(tls=tls) as main, _tcp(main.port, None if tls is None else tls[1]) as (reader, writer):
            writer.write(_request() + _frame(b"one") + _frame(b"two"))
            await within(reader.readuntil(b"\r\n\r\n"))
            assert await within(reader.readexactly(10)) == b"\x82\x03one\x82\x03two"

    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(scenario())


async def test_the_answer_names_the_chosen_subprotocol_and_no_extension() -> None:
    key = "dGhlIHNhbXBsZSBub25jZQ=="  # the example of RFC 6455, section 1.3
    request = _request(
        key=key,
        **{
            "Sec-WebSocket-Protocol": "a, switchyard",
            "Sec-WebSocket-Extensions": "permessage-deflate",
            "Cookie": "c=1",
        },
    )
    async with yard(protocol="switchyard") as main, _tcp(main.port) as (reader, writer):
        writer.write(request)
        head = handshake.read_head((await within(reader.readuntil(b"\r\n\r\n"))).removesuffix(b"\r\n\r\n"))
        assert head.status == 101
        assert head.headers == {
            "upgrade": "websocket",
            "connection": "Upgrade",
            "sec-websocket-accept": "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
            "sec-websocket-protocol": "switchyard",
        }


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        pytest.param(b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n", 401, id="no key"),
        pytest.param(b"GET /page HTTP/1.1\r\nHost: x\r\n\r\n", 400, id="no handshake"),
        pytest.param(b"GET /page HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n", 400, id="no connection header"),
        pytest.param(
            b"GET /page HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n", 400, id="another protocol"
        ),
        pytest.param(_request(key="short"), 400, id="short key"),
        pytest.param(_request().replace(b"Version: 13", b"Version: 8"), 426, id="old version"),
        pytest.param(_request().replace(b"GET", b"POST"), 405, id="not a GET"),
    ],
)
async def test_what_is_no_handshake_is_refused_as_http(request_: bytes, status: int) -> None:
    async with yard() as main, _tcp(main.port) as (reader, writer):
        writer.write(request_)
        head = handshake.read_head((await within(reader.readuntil(b"\r\n\r\n"))).removesuffix(b"\r\n\r\n"))
        assert head.status == status


async def test_a_stopped_reader_stops_the_flood_with_little_in_memory() -> None:
    sent = 0
    stalled = asyncio.Event()

    async def flood(raw: RawSocket) -> None:
        nonlocal sent
        frames = ServerFrames(raw)
        chunk = b"y\n" * 8192
        try:
            while True:
                frames.send_bytes(chunk)
                sent += len(chunk)
                if raw.transport.get_write_buffer_size():
                    stalled.set()
                await frames.drain()
        except StreamClosedError:
            pass

    async with yard(flood) as main, _tcp(main.port) as (reader, writer):
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(_request())
        await within(stalled.wait())
        before = -1
        while before != sent:
            before = sent
            await asyncio.sleep(0.1)
        held = [half.raw.transport.get_write_buffer_size() for half in (main.splices[0]._left, main.splices[0]._right)]
        held.append(main.raws[0].transport.get_write_buffer_size())
        assert max(held) < 512 * 1024
        writer.transport.resume_reading()  # type: ignore[attr-defined]
        await within(reader.readuntil(b"\r\n\r\n"))
        remaining = sent + 8_000_000
        async with asyncio.timeout(20):
            while remaining > 0:
                remaining -= len(await reader.read(256 * 1024))


async def _flood(writer: asyncio.StreamWriter) -> None:
    for _ in range(1000):
        writer.write(_frame(b"z" * 100_000))
        await writer.drain()


async def test_a_node_that_takes_nothing_stops_the_page() -> None:
    async def idle(raw: RawSocket) -> None:
        ServerFrames(raw)
        await raw.wait_ended()

    async with yard(idle) as main, _tcp(main.port) as (reader, writer):
        writer.write(_request())
        await within(reader.readuntil(b"\r\n\r\n"))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(_flood(writer), 1)
        splice = main.splices[0]
        assert splice._right.raw.transport.get_write_buffer_size() < 512 * 1024
        assert splice._left.passed_bytes < 64_000_000


async def test_what_the_node_still_sends_arrives_after_the_page_has_ended_its_side() -> None:
    async def answer_at_the_end(raw: RawSocket) -> None:
        reader = _Raw(raw)
        await within(reader.eof.wait())
        raw.transport.write(b"late")
        raw.transport.write_eof()
        await raw.wait_ended()

    async with yard(answer_at_the_end) as main, _tcp(main.port) as (reader, writer):
        writer.write(_request() + b"all there is")
        await within(reader.readuntil(b"\r\n\r\n"))
        writer.write_eof()
        assert await within(reader.read()) == b"late"
        end = await within(main.ends.get())
        assert (end.first, end.is_cut, end.left_to_right_bytes, end.right_to_left_bytes) == ("left", False, 12, 4)


class _Raw(RawProtocol):
    """Takes a raw stream's bytes without looking at them."""

    def __init__(self, raw: RawSocket) -> None:
        super().__init__(raw)
        self.eof = asyncio.Event()
        raw.hand_to(self)

    def eof_received(self) -> bool:
        self.eof.set()
        return True


@pytest.mark.parametrize("loop", LOOPS)
def test_the_end_of_writing_to_a_peer_who_has_reset_ends_the_connection(loop: str) -> None:
    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(_end_writing_to_a_reset_peer())


async def _end_writing_to_a_reset_peer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        peer = socket.create_connection(server.getsockname())
        ours, _ = server.accept()
    transport, _ = await asyncio.get_running_loop().connect_accepted_socket(asyncio.Protocol, ours)
    raw = RawSocket(transport)
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()  # a reset, which nobody has read
    end_writing(raw.transport)
    await within(raw.wait_ended())


async def test_a_side_that_does_not_end_is_cut_after_the_linger(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ws.streams.splicing.LINGER_S", 0.05)

    async def stay(raw: RawSocket) -> None:
        _Raw(raw)
        await raw.wait_ended()

    async with yard(stay) as main, _tcp(main.port) as (reader, writer):
        writer.write(_request())
        await within(reader.readuntil(b"\r\n\r\n"))
        writer.write_eof()
        end = await within(main.ends.get())
        assert (end.first, end.is_cut) == ("left", True)


async def test_abort_ends_both_at_once() -> None:
    async with yard() as main, connect(main.url()) as page:
        await page.send("x")
        await within(page.recv())
        main.splices[0].abort()
        with pytest.raises(ConnectionClosed):
            await within(page.recv())
        await until(lambda: main.raws[0].is_ended, "the node's end has ended")
        assert (await within(main.ends.get())).first == "us"


async def test_a_cut_page_ends_the_node_s_side() -> None:
    async with yard() as main, faulty_proxy(main.port) as proxy:
        page = await connect(proxy.url("/page"))
        await page.send("x")
        await within(page.recv())
        proxy.cut()
        end = await within(main.ends.get())
        assert end.first == "left"
        await until(lambda: main.raws[0].is_ended, "the node's end has ended")
        await page.close()


async def test_bytes_cut_into_odd_pieces_and_delayed_arrive_whole() -> None:
    async with yard() as main, faulty_proxy(main.port) as proxy:
        proxy.delay_s = 0.02
        async with connect(proxy.url("/page")) as page:
            for number in range(5):
                await page.send(bytes([number]) * 30_000)
            assert [await within(page.recv()) for _ in range(5)] == [bytes([number]) * 30_000 for number in range(5)]


async def test_the_access_log_takes_a_stream_for_a_request_like_any_other(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "aiohttp.access")
    async with yard() as main:
        async with connect(main.url()) as page:
            await page.send("x")
            await within(page.recv())
        await within(main.ends.get())
        await until(lambda: len(caplog.records) == 2, "both ends are logged")
    assert sorted(record.getMessage().split('"')[1] for record in caplog.records) == [
        "GET /page HTTP/1.1",
        "GET /stream HTTP/1.1",
    ]
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_the_server_stops_while_streams_are_open() -> None:
    async with yard() as main:
        page = await connect(main.url())
        await page.send("x")
        await within(page.recv())
    with pytest.raises(ConnectionClosed):
        await within(page.recv())
    assert main.raws[0].is_ended
