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
        self._flow = asyncio.Event()
        self._flow.set()

    def stall(self) -> None:
        """Forward nothing any more, as if a cable were pulled: no error, no end."""
        self._flow.clear()

    def resume(self) -> None:
        self._flow.set()

    def cut(self) -> None:
        """Reset every connection, both sides."""
        for writer in list(self._writers):
            writer.transport.abort()

    def half_close(self) -> None:
        """End the direction to the clients; bytes of the clients still reach the server."""
        for writer in self._clients:
            writer.write_eof()

    def url(self, path: str = "/") -> str:
        return f"ws://127.0.0.1:{self.port}{path}"

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """For the server: a client has come."""
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
        up = self._owner.start(self._pump(reader, server_writer), name="up")
        down = self._owner.start(self._pump(server_reader, writer), name="down")
        try:
            await asyncio.wait({up, down})
        finally:
            for side in (writer, server_writer):
                self._writers.discard(side)
                self._clients.discard(side)
                side.close()
                with suppress(ConnectionError):
                    await side.wait_closed()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while chunk := await reader.read(CHUNK_BYTES):
                if self.delay_s:
                    await asyncio.sleep(self.delay_s)
                await self._flow.wait()
                writer.write(chunk)
                await writer.drain()
                self.forwarded_bytes += len(chunk)
            await self._flow.wait()
            writer.write_eof()

    async def close(self) -> None:
        self._flow.set()
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
