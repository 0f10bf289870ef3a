"""A TCP proxy in front of a real server that can delay, stall, half-close and cut: the network of a bad day."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from ws.tasks import TaskOwner

CHUNK_BYTES = 64 * 1024


class FaultyProxy:
    """Forwards connections to `host`:`port` from a port of its own. What is set counts for the next bytes on."""

    def __init__(self, host: str, port: int) -> None:
        self.port = 0
        """Where to connect instead of the server; known once it is served."""
        self.delay_s = 0.0
        """How long each chunk waits, each way."""
        self.is_refusing = False
        """New connections are cut at once."""
        self.connections = 0
        """How many have been made so far."""
        self.forwarded_bytes = 0
        self._target = (host, port)
        self._owner = TaskOwner("faulty proxy")
        self._writers: set[asyncio.StreamWriter] = set()
        self._clients: set[asyncio.StreamWriter] = set()
        self._up, self._down = asyncio.Event(), asyncio.Event()
        self.resume()

    def stall(self) -> None:
        """Forward nothing any more, as if a cable were pulled: no error, no end."""
        self._up.clear()
        self._down.clear()

    def mute(self) -> None:
        """Forward nothing to the clients any more, while the server still hears them."""
        self._down.clear()

    def deafen(self) -> None:
        """Forward nothing to the server any more, while the clients still hear it."""
        self._up.clear()

    def resume(self) -> None:
        """Forward what waits, and everything from now on."""
        self._up.set()
        self._down.set()

    def cut(self) -> None:
        """Reset every connection, both sides."""
        for writer in list(self._writers):
            writer.transport.abort()

    def half_close(self) -> None:
        """End the direction to the clients; bytes of the clients still reach the server."""
        for writer in self._clients:
            with suppress(OSError):  # gone already
                writer.write_eof()

    def url(self, path: str = "/") -> str:
        return f"ws://127.0.0.1:{self.port}{path}"

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """For the server: a client has come."""
        await self._owner.start(self._forward(reader, writer), name="connection")

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if self.is_refusing:
            writer.transport.abort()
            return
        try:
            server_reader, server_writer = await asyncio.open_connection(*self._target)
        except OSError:
            writer.transport.abort()
            return
        self._clients.add(writer)
        self._writers |= {writer, server_writer}
        try:
            async with asyncio.TaskGroup() as pumps:
                _ = pumps.create_task(self._pump(reader, server_writer, self._up), name="up")
                _ = pumps.create_task(self._pump(server_reader, writer, self._down), name="down")
        except* OSError:
            # A side was reset, or is gone: the other one is told so.
            for side in (writer, server_writer):
                side.transport.abort()
        finally:
            for side in (writer, server_writer):
                self._writers.discard(side)
                self._clients.discard(side)
                side.close()
                with suppress(OSError):
                    await side.wait_closed()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, flow: asyncio.Event) -> None:
        """One direction to its end. RuntimeError: it was half-closed meanwhile, and takes nothing more."""
        with suppress(RuntimeError):
            while chunk := await reader.read(CHUNK_BYTES):
                if self.delay_s:
                    await asyncio.sleep(self.delay_s)
                await flow.wait()
                writer.write(chunk)
                await writer.drain()
                self.forwarded_bytes += len(chunk)
            await flow.wait()
            writer.write_eof()

    async def close(self) -> None:
        self.resume()
        self.cut()
        await self._owner.close()


@asynccontextmanager
async def faulty_proxy(port: int, host: str = "127.0.0.1") -> AsyncIterator[FaultyProxy]:
    """A running proxy in front of `host`:`port`."""
    proxy = FaultyProxy(host, port)
    server = await asyncio.start_server(proxy.connected, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    async with server:
        yield proxy
        server.close()
        await proxy.close()
