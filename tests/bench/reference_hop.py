"""The reference of the relay's benchmarks: one plain aiohttp server that echoes, or sends one message to everybody.

Run as a program by the benchmarks: prints its port, ends with its standard input.
"""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator

from aiohttp import WSMsgType, web

from tests.support.processes import ROOT


def application() -> web.Application:
    """`/echo` answers each frame with itself; what comes on `/all` is sent to everybody there in a plain loop."""
    everybody: set[web.WebSocketResponse] = set()

    async def echo(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                await socket.send_str(message.data)
        return socket

    async def to_all(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        everybody.add(socket)
        async for message in socket:
            for each in everybody:
                await each.send_str(message.data)
        everybody.discard(socket)
        return socket

    app = web.Application()
    app.router.add_get("/echo", echo)
    app.router.add_get("/all", to_all)
    return app


async def main() -> None:
    """Serve until standard input ends."""
    runner = web.AppRunner(application(), access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, backlog=4096)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await runner.cleanup()


@contextlib.asynccontextmanager
async def reference() -> AsyncIterator[tuple[str, int]]:
    """Its address and its process id."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.bench.reference_hop",
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        port = int(await process.stdout.readline())
        yield f"http://127.0.0.1:{port}", process.pid
    finally:
        process.stdin.close()
        await process.wait()


if __name__ == "__main__":
    import uvloop

    uvloop.run(main())
