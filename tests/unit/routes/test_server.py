"""Who gives way when there are more connections than are taken."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from routes.main import server
from routes.main.server import Runner

LENGTH = 16 * 1024 * 1024
"""More than the kernel takes for who does not read."""

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def serving() -> AsyncIterator[int]:
    """The port of a server of `/long` and `/short`."""

    async def long(_: web.Request) -> web.Response:
        return web.Response(body=bytes(LENGTH))

    async def short(_: web.Request) -> web.Response:
        return web.Response(body=b"short")

    app = web.Application()
    app.router.add_get("/long", long)
    app.router.add_get("/short", short)
    runner = Runner(app, shutdown_timeout_s=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def connected(port: int, path: str | None = None) -> Connection:
    """Opened, and with a path its answer has begun."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    if path is not None:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
    return reader, writer


async def test_an_answer_that_is_being_read_is_not_cut_while_others_ask_for_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server, "MAX_CONNECTIONS", 3)
    async with serving() as port, asyncio.timeout(20):
        reading = await connected(port, "/long")
        idle = [await connected(port) for _ in range(2)]
        for _ in range(5):
            idle.append(await connected(port))
            gone, writer = idle.pop(0)
            assert await gone.read() == b"", "the oldest that asks for nothing"
            writer.close()
        assert len(await reading[0].read()) == LENGTH
        for _, writer in (reading, *idle):
            writer.close()


async def test_who_does_not_take_an_answer_gives_way_when_nobody_is_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MAX_CONNECTIONS", 1)
    async with serving() as port, asyncio.timeout(20):
        _, stalled = await connected(port, "/long")
        reader, writer = await connected(port, "/short")
        assert await reader.read() == b"short"
        writer.close()
        stalled.close()
