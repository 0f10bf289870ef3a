"""A listening wire: a TCP port in front of a program that passes everything on and keeps what went by."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field


@dataclass
class Tap:
    """`asked` is what the clients of `url` sent, `answered` what came back; one entry for each connection."""

    port: int = 0
    asked: list[bytearray] = field(default_factory=list)
    answered: list[bytearray] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def all_answered(self) -> str:
        return b"\n".join(self.answered).decode("latin-1")

    @property
    def addresses(self) -> list[str]:
        """The target of every HTTP request."""
        sent = b"\n".join(self.asked).decode("latin-1")
        return re.findall(r"(?:GET|POST|PUT|HEAD|DELETE) (\S+) HTTP/1\.1\r\n", sent)

    @property
    def bearers(self) -> set[str]:
        """Every credential that was shown in a header."""
        return set(re.findall(r"Authorization: Bearer (\S+)", b"\n".join(self.asked).decode("latin-1")))


@contextlib.asynccontextmanager
async def tapped(port: int) -> AsyncIterator[Tap]:
    """A tap in front of `port` on loopback. It cuts what is still open at its end."""
    tap = Tap()
    open_now: set[asyncio.StreamWriter] = set()

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, kept: bytearray) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65_536):
                kept += data
                writer.write(data)
                await writer.drain()
        writer.close()

    async def join(near_reader: asyncio.StreamReader, near: asyncio.StreamWriter) -> None:
        far_reader, far = await asyncio.open_connection("127.0.0.1", port)
        asked, answered = bytearray(), bytearray()
        tap.asked.append(asked)
        tap.answered.append(answered)
        open_now.update((near, far))
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(pass_on(near_reader, far, asked), name="tap asked")
                both.create_task(pass_on(far_reader, near, answered), name="tap answered")
        finally:
            open_now.difference_update((near, far))

    server = await asyncio.start_server(join, "127.0.0.1", 0)
    tap.port = server.sockets[0].getsockname()[1]
    try:
        yield tap
    finally:
        server.close()
        for each in list(open_now):
            each.transport.abort()
        await server.wait_closed()
