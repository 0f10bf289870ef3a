"""A holder that lives but lets go of its node: programs go on, and no byte is lost or doubled."""

import asyncio
import functools
import json
import os
import resource
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from node.terminal.holder import channel, place
from tests.support.left_behind import marked
from tests.support.processes import ROOT
from tests.support.terminal_holder import is_running
from tests.support.terminal_link import SplicingMain, TerminalPage, page
from tests.support.terminal_process import TerminalNode, terminal_node
from tests.support.waiting import eventually

COUNTER = "i=0; while [ ! -e stop ]; do seq $((i*2000+1)) $((i*2000+2000)); i=$((i+1)); done; exit 5"


@pytest.fixture
async def fickle(database: Path) -> AsyncIterator[Path]:
    """The database of a node whose holder lets go when a terminal's name tells it to."""
    address = (await asyncio.to_thread(place.addresses, database, None))[0]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.support.fickle_holder",
        str(address),
        str(database.parent / "terminals.log"),
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]},
    )
    assert await asyncio.wait_for(process.wait(), 15) == 0
    yield database
    for pid in marked(str(address)):
        os.kill(pid, signal.SIGKILL)


async def named(node: TerminalNode, terminal: str, name: str) -> None:
    """The holder does what the name says."""
    assert "terminal" in await node.call("terminal.rename", {"node": "n", "terminal": terminal, "name": name})


async def running(node: TerminalNode) -> dict[str, bool]:
    listed = (await node.call("terminal.list", {"node": "n"}))["terminals"]
    return {each["terminal"]: each["running"] for each in listed}


def has_read(reader: TerminalPage, length: int) -> bool:
    return len(reader.output) > length


def cpu_s(pid: int) -> float:
    """What a process has used of a processor so far."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


async def logged(node: TerminalNode, event: bytes) -> None:
    assert node.process.stdout is not None
    async with asyncio.timeout(20):
        while event not in (line := await node.process.stdout.readline()):
            assert line, "the terminal node has ended"


async def test_a_holder_that_lets_go_takes_no_terminal_with_it(main: SplicingMain, fickle: Path) -> None:
    """Under load, several times: the page keeps its socket, its size and what it types."""
    async with terminal_node(main, fickle, scrollback_bytes=64 << 20) as node:
        assert node.holder is not None
        counter = await node.open(fickle.parent, COUNTER)
        quiet = await node.open(fickle.parent, "while read line; do echo got:$line; done")
        async with page(main, counter) as reader, page(main, quiet) as other:
            for turn in range(4):
                wanted = len(reader.output) + 500_000
                await named(node, quiet, f"let go {turn}")
                await other.type(b"%d\n" % turn)
                await other.shows(b"got:%d\r\n" % turn)
                await eventually(functools.partial(has_read, reader, wanted), what="the counter to go on")
            (fickle.parent / "stop").touch()
            assert (await reader.frame("exit"))["code"] == 5
            numbers = reader.output.split()
            assert len(numbers) % 2000 == 0
            assert all(int(number) == index for index, number in enumerate(numbers, start=1))
            assert [frame["type"] for frame in reader.frames if frame["type"] in {"attached", "skipped"}] == [
                "attached"
            ]
        assert await running(node) == {counter: False, quiet: True}
        # A new one comes from the same holder, which ends what it is asked to.
        added = await node.open(fickle.parent, "exec cat")
        assert await node.call("terminal.close", {"node": "n", "terminal": quiet}) == {}
        assert await running(node) == {counter: False, added: True}
        assert is_running(node.holder)


async def test_a_packet_that_says_nothing_ends_nothing(main: SplicingMain, fickle: Path) -> None:
    async with terminal_node(main, fickle) as node:
        terminal = await node.open(fickle.parent, "exec cat")
        async with page(main, terminal) as reader:
            await named(node, terminal, "garbage")
            await reader.type(b"still\n")
            await reader.shows(b"still\r\nstill\r\n")
        assert await running(node) == {terminal: True}


async def test_a_holder_that_always_lets_go_is_told_of_once_and_ends_nothing(main: SplicingMain, fickle: Path) -> None:
    """Its terminals end when it does, and with it what ran there."""
    async with terminal_node(main, fickle, scrollback_bytes=1 << 20) as node:
        assert node.holder is not None
        terminal = await node.open(fickle.parent, "sleep 3607.5 & exec cat")
        async with page(main, terminal) as reader:
            await named(node, terminal, "let go always")
            await reader.type(b"first\n")
            await reader.shows(b"first\r\nfirst\r\n")
            await logged(node, b"terminal_holder_lets_go")
            assert await running(node) == {terminal: True}
            assert marked("3607.5")
            os.kill(node.holder, signal.SIGKILL)
            await reader.frame("exit")
        await eventually(lambda: not marked("3607.5"), what="what was left behind to end")
        assert await running(node) == {}


async def test_a_holder_without_descriptors_refuses_and_holds_on(main: SplicingMain, database: Path) -> None:
    """Neither opening nor closing without them harms the others; both go when there is room again."""
    async with terminal_node(main, database) as node:
        kept, closed = [await node.open(database.parent, "exec cat") for _ in range(2)]
        address = (await asyncio.to_thread(place.addresses, database, None))[0]
        [node.holder] = marked(str(address))
        used = len(list(Path(f"/proc/{node.holder}/fd").iterdir()))
        limits = resource.prlimit(node.holder, resource.RLIMIT_NOFILE)
        resource.prlimit(node.holder, resource.RLIMIT_NOFILE, (used, limits[1]))
        asked = {"node": "n", "path": str(database.parent), "cols": 80, "rows": 24, "command": ["cat"]}
        refused = await node.call("terminal.open", asked)
        assert "Too many open files" in json.dumps(refused)
        async with page(main, kept) as reader:
            with channel.new_socket() as waiting:
                await asyncio.to_thread(waiting.connect, str(address))
                began_s, spent_s = time.monotonic(), cpu_s(node.holder)
                await node.call("terminal.close", {"node": "n", "terminal": closed})
                assert cpu_s(node.holder) - spent_s < 0.25 * (time.monotonic() - began_s), "it does not spin"
            await reader.type(b"still\n")
            await reader.shows(b"still\r\nstill\r\n")
        resource.prlimit(node.holder, resource.RLIMIT_NOFILE, limits)
        assert "terminal" in await node.call("terminal.open", asked)
        assert (await running(node))[kept]
