"""Bad input at a terminal of a whole installation: a clear refusal, and the terminal unharmed."""

import asyncio
import base64
import contextlib
import os
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from websockets.frames import Frame, Opcode

from tests.support.installation import Installation
from tests.support.reader import reading
from tests.support.waiting import eventually

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("terminal bad input")]

COUNT_SIZES = """
import os, signal, sys, time
changes = 0
def changed(*_):
    global changes
    changes += 1
signal.signal(signal.SIGWINCH, changed)
print("ready", flush=True)
while not os.path.exists("asked"):
    time.sleep(0.05)
print(f"changes={changes} size={os.get_terminal_size().columns}x{os.get_terminal_size().lines}=", flush=True)
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cat(whole: Installation) -> str:
    opened = await whole.op("terminal.open", path=str(whole.work), cols=80, rows=24, command=["cat"])
    return str(opened["terminal"])


@contextlib.asynccontextmanager
async def bystander(whole: Installation, terminal: str) -> AsyncIterator[None]:
    """Somebody else at the same terminal, who types and is answered when all is over."""
    async with reading(whole.client, whole.node, terminal) as reader:
        yield
        before = reader.output.count(b"alive")
        await reader.type("alive\r")
        await reader.until_text(b"alive", times=before + 2)


async def after_frames(whole: Installation, terminal: str, sent: bytes) -> tuple[list[bytes], int]:
    """Send bytes behind a handshake of our own; the texts that came and the code of the close."""
    address = urlsplit(whole.url)
    stream, writer = await asyncio.open_connection(address.hostname, address.port)
    try:
        writer.write(
            f"GET /ws/terminal?node={whole.node}&terminal={terminal} HTTP/1.1\r\nHost: {address.netloc}\r\n"
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}\r\n"
            f"Authorization: {whole.client.headers['Authorization']}\r\n\r\n".encode()
        )
        assert b" 101 " in await stream.readuntil(b"\r\n\r\n")
        writer.write(sent)
        texts: list[bytes] = []
        while True:
            first, length = await asyncio.wait_for(stream.readexactly(2), 15)
            if length >= 126:
                length = int.from_bytes(await stream.readexactly(2 if length == 126 else 8), "big")
            data = await stream.readexactly(length)
            if first & 15 == Opcode.TEXT:
                texts.append(data)
            elif first & 15 == Opcode.CLOSE:
                return texts, int.from_bytes(data[:2], "big")
    finally:
        writer.close()


def masked(data: bytes, opcode: Opcode) -> bytes:
    return Frame(opcode, data).serialize(mask=True)


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        pytest.param(Frame(Opcode.BINARY, b"x").serialize(mask=False), 1002, id="no mask"),
        pytest.param(masked(b"\xff\xfe{}", Opcode.TEXT), 1007, id="text that is not UTF-8"),
        pytest.param(masked(b"\xed\xa0\x80", Opcode.TEXT), 1007, id="half a character"),
        pytest.param(masked(bytes(range(0x80)), Opcode.TEXT), 4400, id="bytes as text"),
        pytest.param(masked(b"\x1b[2J\x00\x07", Opcode.TEXT), 4400, id="an escape as text"),
        pytest.param(masked(b"[" * 100_000, Opcode.TEXT), 4400, id="deep text"),
        pytest.param(masked(b'{"type":"ack","offset":0,"x":' + b"[" * 100_000, Opcode.TEXT), 4400, id="deep inside"),
        pytest.param(masked(b'{"type":"ack","offset":' + b"9" * 400 + b"}", Opcode.TEXT), 4400, id="a long number"),
        pytest.param(masked(b'{"type":"ack","offset":9007199254740993}', Opcode.TEXT), 4400, id="ack from the future"),
        pytest.param(masked(b'{"type":"resize","cols":80,"rows":1e9}', Opcode.TEXT), 4400, id="rows without end"),
        pytest.param(b"\xff" * 4096, 1002, id="noise"),
        pytest.param(b"GET / HTTP/1.1\r\n\r\n" * 100, 1002, id="another protocol"),
        pytest.param(b"\x82\xff" + (1 << 62).to_bytes(8, "big") + bytes(4), 1009, id="a frame without end"),
    ],
)
async def test_frames_that_break_the_rules(whole: Installation, cat: str, sent: bytes, code: int) -> None:
    async with bystander(whole, cat):
        texts, closed = await after_frames(whole, cat, sent)
        assert closed == code
        assert any(b'"error"' in text for text in texts) == (code == 4400), texts


async def test_input_and_sizes_after_the_exit_are_ignored(whole: Installation) -> None:
    opened = await whole.op("terminal.open", path=str(whole.work), cols=80, rows=24, command=["true"])
    terminal = opened["terminal"]
    async with reading(whole.client, whole.node, terminal) as reader:
        await reader.until_frame("exit")
        for _ in range(20):
            await reader.socket.send_bytes(bytes(range(256)) * 1000)
            await reader.send(type="resize", cols=10, rows=10)
        await reader.acknowledge()
        listed = {each["terminal"]: each for each in (await whole.op("terminal.list"))["terminals"]}
        shown = listed[terminal]
        assert (shown["running"], shown["code"], shown["cols"]) == (False, 0, 80)
        assert shown["ended"] >= shown["created"]
        again = await whole.op("terminal.restart", terminal=terminal)
        assert again["terminal"]["terminal"] == terminal
        await whole.op("terminal.close", terminal=terminal)
        assert await reader.until_closed() == 4404


@pytest.mark.timeout(120)
async def test_a_flood_of_sizes_reaches_the_program_as_a_few(whole: Installation) -> None:
    """Ten thousand of them; the last one counts."""
    (whole.work / "sizes.py").write_text(COUNT_SIZES)
    opened = await whole.op("terminal.open", path=str(whole.work), cols=80, rows=24, command=["python3", "sizes.py"])
    async with reading(whole.client, whole.node, opened["terminal"]) as reader:
        await reader.until_text(b"ready")
        began_s = asyncio.get_running_loop().time()
        for number in range(10_000):
            await reader.send(type="resize", cols=10 + number % 500, rows=10 + number % 7)
        await reader.send(type="resize", cols=77, rows=33)

        async def size() -> bool:
            listed = (await whole.op("terminal.list"))["terminals"]
            return [(e["cols"], e["rows"]) for e in listed if e["terminal"] == opened["terminal"]] == [(77, 33)]

        await eventually(size, what="the last size")
        took_s = asyncio.get_running_loop().time() - began_s
        (whole.work / "asked").touch()
        said = (await reader.until_text(b"=\r\n")).decode()
        changes = int(said.partition("changes=")[2].split()[0])
        assert said.endswith("size=77x33=\r\n")
        assert 0 < changes <= 20 * took_s + 5, "one in 50 ms at most"
