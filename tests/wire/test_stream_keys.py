"""Who may dial a stream back, and what comes of a dial that goes wrong."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.support.peers import within
from tests.support.yard import yard
from ws.dial import DialError
from ws.protocol.base import StreamId
from ws.protocol.errors import ErrorCode, WireError
from ws.streams import RawSocket, StreamKeys, dial_raw, handshake

STREAM = StreamId("s1")


@asynccontextmanager
async def _raw() -> AsyncIterator[RawSocket]:
    taken: asyncio.Future[RawSocket] = asyncio.get_running_loop().create_future()

    class Accepting(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            assert isinstance(transport, asyncio.Transport)
            taken.set_result(RawSocket(transport))

    async with await asyncio.get_running_loop().create_server(Accepting, "127.0.0.1", 0) as server:
        _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        raw = await within(taken)
        yield raw
        raw.abort()
        await raw.wait_ended()
        writer.close()
        await writer.wait_closed()


async def test_a_key_opens_its_stream_once() -> None:
    keys = StreamKeys()
    pending, other = keys.offer(STREAM), keys.offer(StreamId("s2"))
    assert len(pending.key) >= 43
    assert keys.accept(pending.key) is pending
    assert keys.accept(pending.key) is None
    assert keys.accept("") is None
    assert keys.accept("\udce4") is None
    assert len(keys) == 1
    other.withdraw()
    pending.withdraw()
    assert len(keys) == 0


async def test_who_waits_gets_the_connection() -> None:
    keys = StreamKeys()
    pending = keys.offer(STREAM)
    async with _raw() as raw:
        pending.deliver(raw)
        assert await within(pending.wait()) is raw
        assert not raw.is_ended


async def test_a_stream_that_does_not_come_is_a_timeout_and_its_key_is_void() -> None:
    keys = StreamKeys()
    pending = keys.offer(STREAM, deadline_s=0.02)
    with pytest.raises(WireError) as caught:
        await within(pending.wait())
    assert (caught.value.code, caught.value.retryable) == (ErrorCode.TIMEOUT, True)
    assert keys.accept(pending.key) is None
    async with _raw() as late:
        pending.deliver(late)
        await within(late.wait_ended())


async def test_a_connection_that_nobody_waits_for_any_more_is_cut() -> None:
    keys = StreamKeys()
    pending = keys.offer(STREAM)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(pending.wait(), 0.01)
    assert keys.accept(pending.key) is None
    async with _raw() as raw:
        pending.deliver(raw)
        await within(raw.wait_ended())


async def test_a_delivered_connection_that_is_withdrawn_is_cut() -> None:
    pending = StreamKeys().offer(STREAM)
    async with _raw() as raw:
        pending.deliver(raw)
        pending.withdraw()
        await within(raw.wait_ended())


async def test_a_dial_with_a_wrong_key_is_refused_for_good() -> None:
    async with yard() as main:
        with pytest.raises(DialError) as caught:
            await dial_raw(main.url("/stream"), {"Authorization": "Bearer wrong"})
    assert (caught.value.status, caught.value.is_final) == (401, True)
    assert "401" in caught.value.detail


HEAD = b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Accept: KEY\r\n"


async def _dial_into(answer: bytes | None, *, deadline_s: float = 5.0) -> RawSocket:
    """Dial a server that says `answer` whatever it is asked; None says nothing. KEY stands for the right accept key."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        if answer is not None:
            key = request.split(b"Sec-WebSocket-Key: ")[1].split(b"\r\n")[0].decode()
            writer.write(answer.replace(b"KEY", handshake.accept_key(key).encode()))
            await writer.drain()
        else:
            await reader.read()
        writer.close()
        await writer.wait_closed()
        over.set()

    over = asyncio.Event()
    async with await asyncio.start_server(talk, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        try:
            return await dial_raw(f"ws://127.0.0.1:{port}/ws/stream?x=1", {}, None, deadline_s)
        finally:
            await within(over.wait())


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (HEAD.replace(b"KEY", b"other") + b"\r\n", "another handshake"),
        (HEAD.replace(b"websocket", b"h2c") + b"\r\n", "another protocol"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\n\r\n", "302 Found"),
        (b"HTTP/1.0 200 OK\r\n\r\n", "not HTTP/1.1"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "not HTTP/1.1"),
        (b"x" * 20_000, "too long"),
        (b"", "closed during the handshake"),
        (b"HTTP/1.1 101 Switch", "closed during the handshake"),
        (HEAD + b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n", "extension"),
    ],
)
async def test_what_is_no_answer_to_the_handshake_is_named(answer: bytes, says: str) -> None:
    with pytest.raises(DialError, match=says) as caught:
        await _dial_into(answer)
    assert caught.value.detail.endswith(".")


async def test_bytes_behind_the_answer_are_kept() -> None:
    raw = await _dial_into(HEAD + b"\r\nfirst bytes")
    assert raw.initial == b"first bytes"
    raw.abort()
    await within(raw.wait_ended())


async def test_a_server_that_never_answers_is_given_up() -> None:
    with pytest.raises(DialError, match="within"):
        await _dial_into(None, deadline_s=0.1)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "ws:///x", "x"])
async def test_what_is_no_ws_address_is_named(url: str) -> None:
    with pytest.raises(DialError):
        await dial_raw(url, {})


async def test_a_header_with_a_line_break_is_not_sent() -> None:
    with pytest.raises(DialError, match="line break"):
        await dial_raw("ws://127.0.0.1:1/", {"Authorization": "Bearer x\r\nHost: evil"})
