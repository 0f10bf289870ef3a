"""One request with JSON: its answer comes whole, in whatever pieces."""

import asyncio

from ws.posting import MAX_ANSWER_BYTES, post_json

TURNS = 20
"""Of the loop between two pieces: enough for the other side, which is on the same loop, to read the first."""


async def _answered(*pieces: bytes) -> bytes:
    """What is read of an answer whose pieces come one after another, the next when the one before was read."""
    is_over = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            _ = await reader.readuntil(b"{}")
            size = sum(map(len, pieces))
            writer.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: %d\r\n\r\n" % size)
            for piece in pieces:
                await writer.drain()
                for _ in range(TURNS):
                    await asyncio.sleep(0)
                writer.write(piece)
            writer.close()
            await writer.wait_closed()
        except ConnectionError:
            writer.transport.abort()  # the other side has read enough
        finally:
            is_over.set()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        read = await post_json(f"http://127.0.0.1:{port}/", b"{}", headers={})
        await is_over.wait()
        return read


async def test_an_answer_in_pieces_is_read_to_its_end() -> None:
    assert await _answered(b'{"url":', b'"x"', b"}") == b'{"url":"x"}'


async def test_of_a_long_answer_the_beginning_is_read() -> None:
    assert len(await _answered(*[bytes(MAX_ANSWER_BYTES)] * 3)) == MAX_ANSWER_BYTES
