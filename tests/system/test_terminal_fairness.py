"""While terminals flood and readers take nothing: everybody else is served, and memory stays bounded."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest

from tests.support.installation import Installation
from tests.support.reader import TerminalReader, reading
from tests.support.resident import MIB, watched_memory
from tests.support.waiting import eventually

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("terminal fairness")]

MEANWHILE_BYTES = 64 * MIB
"""Of a flood, until each of ten acts is done: half a second of it at its full speed, many seconds on a busy machine."""
STALLED = 20
GROWTH_MIB = 15.0
"""Of Main and of the node, with twenty readers that take nothing: three times 256 KiB for each, and what a process
keeps of a flood."""


async def opened(whole: Installation, command: str) -> str:
    answer = await whole.op("terminal.open", path=str(whole.work), cols=80, rows=24, command=["sh", "-c", command])
    return str(answer["terminal"])


@contextlib.asynccontextmanager
async def flooding(whole: Installation) -> AsyncIterator[tuple[str, TerminalReader]]:
    """A terminal that floods, and its reader, who takes all of it and keeps nothing but the count."""
    terminal = await opened(whole, "exec yes 0123456789012345678901234567890123456789")
    async with reading(whole.client, whole.node, terminal) as reader:

        async def take() -> None:
            while True:
                await reader.take()
                reader.begin, reader.output = reader.end, b""

        taking = asyncio.get_running_loop().create_task(take(), name="reader of the flood")
        try:
            await eventually(lambda: reader.end > MIB, what="the flood")
            yield terminal, reader
        finally:
            taking.cancel()
            await asyncio.wait([taking])
    await whole.op("terminal.close", terminal=terminal)


@contextlib.asynccontextmanager
async def deaf(whole: Installation, terminal: str) -> AsyncIterator[None]:
    """A reader that completes the handshake and then never reads: its window stays in somebody's memory."""
    address = urlsplit(whole.url)
    stream, writer = await asyncio.open_connection(address.hostname, address.port, limit=1024)
    try:
        writer.write(
            f"GET /ws/terminal?node={whole.node}&terminal={terminal} HTTP/1.1\r\nHost: {address.netloc}\r\n"
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
            f"Authorization: {whole.client.headers['Authorization']}\r\n\r\n".encode()
        )
        assert b" 101 " in await asyncio.wait_for(stream.readuntil(b"\r\n\r\n"), 15)
        yield
    finally:
        writer.transport.abort()


async def test_acts_events_approvals_and_keys_pass_a_flood(whole: Installation) -> None:
    quiet, held = await opened(whole, "exec cat"), await opened(whole, "exec yes")
    session = (await whole.session())["id"]
    async with (
        flooding(whole) as (_, flood),
        deaf(whole, held),
        whole.watching(session) as watch,
        reading(whole.client, whole.node, quiet) as typist,
    ):
        for number in range(10):
            before = flood.end
            await typist.type(f"{number};")
            await typist.until_text(b"%d;" % number)
            assert (await whole.op("session.get", session=session))["turn"] is None
            await whole.send(session, "ask", f"m{number}")
            asked: dict[str, Any] = (await watch.until("approval_requested"))[-1]
            option = asked["options"][0]["id"]
            answers = {each["question"]: each["options"][0]["label"] for each in asked["questions"]}
            given = {"approval": asked["approval"], "option": option, "answers": answers}
            await whole.op("session.answer", session=session, **given)
            await watch.until("turn_ended")
            assert before < flood.end < before + MEANWHILE_BYTES, "it floods all along, and has its turns alone"
    for terminal in (quiet, held):
        await whole.op("terminal.close", terminal=terminal)


@pytest.mark.timeout(120)
async def test_twenty_readers_that_take_nothing_cost_little(whole: Installation) -> None:
    main = whole.main.process.pid
    node = next(each for each in psutil.Process(main).children() if "app.py" in " ".join(each.cmdline()))
    async with flooding(whole) as (terminal, flood):
        await eventually(lambda: flood.end > 8 * MIB, what="a warm flood", deadline_s=60)
        with watched_memory(main, node.pid) as memory:
            async with contextlib.AsyncExitStack() as stack:
                for _ in range(STALLED):
                    await stack.enter_async_context(deaf(whole, terminal))
                after = flood.end + 16 * MIB  # they hold it for 5 s and are set aside
                await eventually(lambda: flood.end > after, what="the flood to go on", deadline_s=90)
    assert all(growth < GROWTH_MIB for growth in memory.growth), memory.growth
