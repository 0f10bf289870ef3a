"""What somebody without an account can make Main hold: little, and not for long."""

import asyncio
import contextlib
import json

import pytest

from routes.main import server
from tests.support.main_app import RunningMain
from tests.support.waiting import eventually

MIB = 1024 * 1024


async def exchange(main: RunningMain, *parts: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", main.port)
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
        async with asyncio.timeout(20):
            return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


def head(main: RunningMain, path: str, *more: str, method: str = "POST") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{main.port}", "Connection: close", *more]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def problem(answer: bytes) -> dict[str, object]:
    return dict(json.loads(answer.partition(b"\r\n\r\n")[2]))


@pytest.mark.parametrize("path", ["/api/auth/login", "/api/auth/register"])
async def test_an_announced_long_body_is_refused_unread(main: RunningMain, path: str) -> None:
    answer = await exchange(main, head(main, path, f"Content-Length: {10 * MIB}"))
    assert answer.startswith(b"HTTP/1.1 413")
    assert problem(answer)["code"] == "too_large"


async def test_a_long_body_in_chunks_is_refused_where_the_limit_is(main: RunningMain) -> None:
    chunk = b"4000\r\n" + b"x" * 0x4000 + b"\r\n"
    answer = await exchange(main, head(main, "/api/auth/login", "Transfer-Encoding: chunked"), chunk, chunk)
    assert answer.startswith(b"HTTP/1.1 413")


async def test_a_body_without_credentials_is_not_read(main: RunningMain) -> None:
    answer = await exchange(main, head(main, "/api/ops/files.write", f"Content-Length: {100 * MIB}"))
    assert answer.startswith(b"HTTP/1.1 401")


@pytest.mark.parametrize(
    "request_head",
    [
        b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"a" * 9000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n" + b"A: b\r\n" * 20_000 + b"\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nBad Header: x\r\n\r\n",
    ],
    ids=["address", "header", "headers", "tls", "smuggling", "name"],
)
async def test_a_head_beyond_the_limits_is_a_problem_document(main: RunningMain, request_head: bytes) -> None:
    answer = await exchange(main, request_head)
    assert answer.split(b" ", 2)[1] == b"400"
    assert b"application/problem+json" in answer
    assert problem(answer)["status"] == 400


async def test_main_lives_on_after_garbage(main: RunningMain) -> None:
    for garbage in (b"\x00" * 5000, b"GET\r\n\r\n", b"A" * 20_000):
        await exchange(main, garbage, b"\r\n\r\n")
    async with main.http() as http, http.get("/health") as answer:
        assert answer.status == 200


async def test_who_opens_connections_and_asks_nothing_keeps_nobody_out(
    main: RunningMain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "MAX_CONNECTIONS", 20)
    opened = [await asyncio.open_connection("127.0.0.1", main.port) for _ in range(20)]
    try:
        for number, (_, writer) in enumerate(opened):
            writer.write(head(main, "/health", method="GET")[: number * 2])
        for _ in range(3):
            assert await exchange(main, head(main, "/health", method="GET"))
        assert await opened[0][0].read() == b"", "the oldest gives way"
        async with main.client() as client, client.socket() as socket:
            opened += [await asyncio.open_connection("127.0.0.1", main.port) for _ in range(30)]
            assert await socket.call("nodes.list") == {"nodes": []}, "who is served stays"
    finally:
        for _, writer in opened:
            writer.close()


async def test_connections_beyond_the_bound_are_cut(main: RunningMain, monkeypatch: pytest.MonkeyPatch) -> None:
    """All are at work, so the newcomer goes."""
    async with contextlib.AsyncExitStack() as held:
        client = await held.enter_async_context(main.client())
        sockets = [await held.enter_async_context(client.socket()) for _ in range(5)]
        monkeypatch.setattr(server, "MAX_CONNECTIONS", len(sockets))
        assert await exchange(main, head(main, "/health", method="GET")) == b""
        await sockets.pop().close()

        async def answered() -> bool:
            return bool(await exchange(main, head(main, "/health", method="GET")))

        assert await eventually(answered, what="an answer once there is room")
        for each in sockets:
            assert await each.call("nodes.list") == {"nodes": []}


async def test_a_signed_in_body_has_a_bound_too(main: RunningMain) -> None:
    bearer = f"Authorization: Bearer {await main.token()}"
    answer = await exchange(main, head(main, "/api/ops/files.write", f"Content-Length: {100 * MIB}", bearer))
    assert answer.startswith(b"HTTP/1.1 413")


async def test_an_oversized_frame_closes_its_own_socket_only(main: RunningMain) -> None:
    async with main.client() as client, client.socket() as other:
        raw = await client.http.ws_connect(f"{main.url}/ws", headers=client.headers)
        await raw.send_str("x" * (2 * MIB))
        assert (await raw.receive()).data == 1009
        assert await other.call("nodes.list") == {"nodes": []}


@pytest.mark.parametrize(
    "frame", ["garbage", "[", "[]", "1", "null", '{"id":1}', '{"jsonrpc":"2.0","id":{},"method":1}']
)
async def test_a_garbage_frame_is_answered_and_the_socket_lives(main: RunningMain, frame: str) -> None:
    async with main.client() as client:
        raw = await client.http.ws_connect(f"{main.url}/ws", headers=client.headers)
        await raw.send_str(frame)
        assert (await raw.receive_json())["error"]["code"] < 0
        await raw.send_json({"jsonrpc": "2.0", "id": 7, "method": "nodes.list"})
        assert (await raw.receive_json())["result"] == {"nodes": []}
        await raw.close()
