"""Terminals over the end of their node: real processes, kill -9, and every byte counted."""

import functools
import itertools
import os
import signal
from pathlib import Path

import aiohttp
import pytest

from node.terminal.starting import RESTARTED
from tests.support.terminal_holder import is_running
from tests.support.terminal_link import SplicingMain, TerminalPage, page
from tests.support.terminal_process import start_terminal_node, terminal_node
from tests.support.waiting import eventually

BURSTS, BURST = 500, 8000
KEPT_BYTES = 64 << 20
"""More than the counter writes, so that nothing may be missing."""


def has_flooded(reader: TerminalPage) -> bool:
    return len(reader.output) > 1_500_000


def has_read(reader: TerminalPage, count: int) -> bool:
    return len(reader.output) > count or any(frame["type"] == "exit" for frame in reader.frames)


@pytest.mark.timeout(180)
async def test_kill_9_under_load_loses_and_doubles_no_number(main: SplicingMain, database: Path) -> None:
    """The node dies again and again while a counter floods and a page reads on from its own offset each time."""
    node = await start_terminal_node(main, database, scrollback_bytes=KEPT_BYTES)
    bursts = (
        f"i=0; while [ $i -lt {BURSTS} ]; do seq $((i*{BURST}+1)) $((i*{BURST}+{BURST})); sleep 0.01; i=$((i+1)); done"
    )
    terminal = await node.open(database.parent, bursts)
    output = bytearray()
    for kills in itertools.count():
        async with page(main, terminal, after=len(output)) as reader:
            assert reader.offset == len(output)
            await eventually(functools.partial(has_read, reader, 1_300_000 + 7 * kills), what="some of the flood")
            if any(frame["type"] == "exit" for frame in reader.frames):
                output += reader.output
                break
            await node.kill()
            await reader.ended()
            output += reader.output
            node = await start_terminal_node(main, database, scrollback_bytes=KEPT_BYTES)
    await node.kill()
    assert kills >= 3
    numbers = output.split()
    assert len(numbers) == BURSTS * BURST
    assert all(int(number) == index for index, number in enumerate(numbers, start=1))


async def test_the_holder_reads_on_while_no_node_is_there(main: SplicingMain, database: Path) -> None:
    """Paused by credit, killed, then free: what the program wrote alone is there when the next node comes."""
    node = await start_terminal_node(main, database)
    script = f"while [ ! -e {database.parent}/go ]; do sleep 0.01; done; seq 1 100000; touch {database.parent}/written"
    terminal = await node.open(database.parent, script + "; sleep 60")
    await node.kill()
    (database.parent / "go").touch()
    await eventually((database.parent / "written").exists, what="the program to write while no node is there")
    async with terminal_node(main, database), page(main, terminal) as reader:
        await reader.shows(b"\r\n100000\r\n")
        assert [int(number) for number in reader.output.split()] == list(range(1, 100001))


async def test_a_restarted_node_knows_its_terminals(main: SplicingMain, database: Path) -> None:
    """Name, size, program and offset go on; the exit of a program that ended meanwhile is told."""
    node = await start_terminal_node(main, database)
    shell = await node.open(database.parent, "trap 'echo caught' INT; while :; do sleep 0.05; done", name="first")
    brief = await node.open(database.parent, "read line; exit 5")
    await node.call("terminal.rename", {"node": "n", "terminal": shell, "name": "mine"})
    async with page(main, shell) as reader, page(main, brief) as other:
        await reader.send(type="resize", cols=101, rows=42)
        await reader.type(b"\x03")
        await reader.shows(b"caught")
        position = reader.position
        await other.type(b"\n")
        await other.frame("exit")
    await node.stop()
    async with terminal_node(main, database) as again:
        listed = (await again.call("terminal.list", {"node": "n"}))["terminals"]
        assert [(each["name"], each["cols"], each["running"]) for each in listed] == [
            ("mine", 101, True),
            ("sh", 80, False),
        ]
        assert listed[1]["code"] == 5
        async with page(main, shell, after=position) as reader:
            assert reader.offset == position
            await reader.type(b"\x03")
            await reader.shows(b"caught")
        await again.call("terminal.close", {"node": "n", "terminal": shell})
        await again.call("terminal.close", {"node": "n", "terminal": brief})
        assert (await again.call("terminal.list", {"node": "n"}))["terminals"] == []


async def test_an_idle_holder_ends_by_itself(main: SplicingMain, database: Path) -> None:
    node = await start_terminal_node(main, database)
    terminal = await node.open(database.parent, "sleep 60")
    await node.kill()
    async with terminal_node(main, database) as again:
        holder = again.holder
        assert holder is not None
        await again.call("terminal.close", {"node": "n", "terminal": terminal})
        assert is_running(holder)
    await eventually(lambda: not is_running(holder), what="the holder without node and terminals to end")


async def test_terminals_kept_by_the_node_end_with_it(main: SplicingMain, database: Path) -> None:
    node = await start_terminal_node(main, database, keep="node")
    terminal = await node.open(database.parent, "echo pid:$$:; exec sleep 60")
    async with page(main, terminal) as reader:
        await reader.shows(b"pid:")
        await eventually(lambda: reader.output.count(b":") == 2, what="the pid")
        pid = int(reader.output.split(b":")[1])
        assert is_running(pid)
        await node.kill()
    await eventually(lambda: not is_running(pid), what="the program to end")
    async with terminal_node(main, database, keep="node") as again:
        assert again.holder is None
        assert (await again.call("terminal.list", {"node": "n"}))["terminals"] == []


async def test_when_the_holder_dies_the_terminals_end_and_new_ones_can_be_opened(
    main: SplicingMain, database: Path
) -> None:
    node = await start_terminal_node(main, database)
    terminal = await node.open(database.parent, "sleep 60")
    await node.kill()
    async with terminal_node(main, database) as again:
        assert again.holder is not None
        async with page(main, terminal) as reader:
            os.kill(again.holder, signal.SIGKILL)
            assert await reader.frame("exit") == {"type": "exit", "code": None, "signal": None}
            assert "open a new terminal" in (await reader.frame("error"))["detail"]
            assert await reader.ended() == 4404
        fresh = await again.open(database.parent, "echo anew; sleep 60")
        async with page(main, fresh) as reader:
            await reader.shows(b"anew")


def taken(pid: int) -> str:
    return f"Another node, process {pid}, has these terminals; end it (kill {pid}), then open a terminal here."


async def test_a_second_node_has_the_terminals_when_the_first_has_ended(main: SplicingMain, database: Path) -> None:
    async with terminal_node(main, database) as first:
        terminal = await first.open(database.parent, "echo mine; sleep 60")
        async with terminal_node(main, database) as second:
            assert (await second.call("terminal.list", {"node": "n"}))["terminals"] == []
            refused = await second.call(
                "terminal.open", {"node": "n", "path": str(database.parent), "cols": 80, "rows": 24}
            )
            assert (refused["code"], refused["detail"]) == ("conflict", taken(first.process.pid))
            main.ask = first.stream
            async with page(main, terminal) as reader:
                await reader.shows(b"mine")
            await first.kill()
            await second.open(database.parent, "sleep 60")
            main.ask = second.stream
            async with page(main, terminal) as reader:
                await reader.shows(b"mine")


async def test_a_node_that_hangs_keeps_its_terminals_until_it_is_ended(main: SplicingMain, database: Path) -> None:
    """Nobody takes them from it: it may wake. Its programs wait as for a slow reader, and nothing is lost."""
    async with terminal_node(main, database) as hung:
        flood = await hung.open(database.parent, "read go; seq 1 100000; echo done; exec cat")
        short = await hung.open(database.parent, "read go; exit 7")
        async with page(main, flood) as reader, page(main, short) as other:
            await reader.frame("attached")
            await other.type(b"\n")
            await other.frame("exit")
            await reader.type(b"\n")
            await reader.shows(b"\n1000\r\n")
            hung.process.send_signal(signal.SIGSTOP)
        async with terminal_node(main, database) as second:
            params = {"node": "n", "path": str(database.parent), "cols": 80, "rows": 24}
            refused = await second.call("terminal.open", params)
            assert (refused["code"], refused["detail"]) == ("conflict", taken(hung.process.pid))
        await hung.kill()
        async with terminal_node(main, database) as third, page(main, flood) as reader:
            await reader.shows(b"\n100000\r\ndone\r\n")
            listed = (await third.call("terminal.list", {"node": "n"}))["terminals"]
            assert [(each["running"], each.get("code")) for each in listed] == [(True, None), (False, 7)]


LIBRARY_SIGNALS = 0b11 << 31
"""32 and 33 belong to the C library, which lets no program change them and may hand them on ignored (posix_spawn)."""


async def test_a_program_inherits_nothing_but_its_terminal(main: SplicingMain, database: Path) -> None:
    """No descriptors, no ignored or blocked signals (the node was started with SIGINT ignored), no settings."""
    script = (
        "ls /proc/self/fd | tr '\\n' ' '; grep -E 'Sig(Blk|Ign)' /proc/self/status; env | grep -c SWITCHYARD; echo end"
    )
    async with terminal_node(main, database) as node:
        await node.open(database.parent, "sleep 60")
        async with page(main, await node.open(database.parent, script)) as reader:
            await reader.shows(b"end")
            text = reader.output.decode()
            assert text.startswith("0 1 2 3 "), "3 is the folder that ls reads"
            masks = [int(line.split()[-1], 16) for line in text.splitlines() if "Sig" in line]
            assert [mask & ~LIBRARY_SIGNALS for mask in masks] == [0, 0]
            assert "\r\n0\r\nend" in text


async def test_main_going_away_leaves_the_terminal(main: SplicingMain, database: Path) -> None:
    async with terminal_node(main, database) as node:
        terminal = await node.open(database.parent, "echo up; cat")
        async with aiohttp.ClientSession() as http:
            socket = await http.ws_connect(f"{main.url}/ws/terminal", params={"terminal": terminal})
            await socket.receive()
            assert socket._response.connection is not None
            assert socket._response.connection.transport is not None
            socket._response.connection.transport.abort()
        async with page(main, terminal) as reader:
            await reader.type(b"again\n")
            await reader.shows(b"again\r\nagain")


async def test_the_next_node_starts_an_ended_terminal_again(main: SplicingMain, database: Path) -> None:
    """When it ended is told as it was; the output of both lives is one, also after another kill -9."""
    node = await start_terminal_node(main, database)
    terminal = await node.open(database.parent, "seq 1 5000; exit 5")
    async with page(main, terminal) as reader:
        await reader.frame("exit")
        first = bytes(reader.output)
    (before,) = (await node.call("terminal.list", {"node": "n"}))["terminals"]
    await node.kill()
    node = await start_terminal_node(main, database)
    assert (await node.call("terminal.list", {"node": "n"}))["terminals"] == [before]
    async with page(main, terminal, after=len(first)) as reader:
        await reader.frame("exit")
        again = (await node.call("terminal.restart", {"node": "n", "terminal": terminal}))["terminal"]
        assert (again["created"], again["name"]) == (before["created"], before["name"])
        await reader.frame("exit")
        assert reader.output == RESTARTED.encode() + first
    await node.kill()
    async with terminal_node(main, database) as last, page(main, terminal) as reader:
        await reader.frame("exit")
        assert reader.output == first + RESTARTED.encode() + first
        (after,) = (await last.call("terminal.list", {"node": "n"}))["terminals"]
        assert after["ended"] > before["ended"]
