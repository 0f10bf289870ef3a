"""A node meets a holder of another build: terminals live on, and what the older side lacks is said."""

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from tests.support.frozen import unpack
from tests.support.terminal_holder import is_running
from tests.support.terminal_link import SplicingMain, page
from tests.support.terminal_process import START_DEADLINE_S, terminal_node
from tests.support.waiting import eventually

OLDER_BUILD = 2
"""Its holder speaks version 1 of the holder's protocol alone."""

OLDER_NODE = """
import asyncio, json, sys
from pathlib import Path
from config import Terminal, child_environment
from node.terminal.service import TerminalService
from ws.protocol import terminals

async def main(database, folder):
    service = TerminalService(Terminal(), database, child_environment())
    await service.adopt()
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        op, params = json.loads(line)
        if op == "open":
            asked = terminals.TerminalOpenParams(node="n", path=folder, cols=80, rows=24, command=["sh", "-c", params])
            answer = (await service.open(asked)).terminal
        elif op == "close":
            answer = (await service.end(terminals.TerminalParams(node="n", terminal=params))) and "closed"
        elif op == "list":
            found = (await service.list(terminals.TerminalListParams(node="n"))).terminals
            answer = [[each.terminal, each.name, each.running, each.code] for each in found]
        elif op == "length":
            answer = service.find(params).end
        print(json.dumps({"answer": answer, "holder": service.holder_pid}), flush=True)

asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
"""


class OlderNode:
    """A node of the older build as a process; `holder` is the pid of its holder after the latest answer."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.holder = 0

    async def ask(self, op: str, params: str = "") -> object:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps([op, params]).encode() + b"\n")
        while True:
            line = await asyncio.wait_for(self.process.stdout.readline(), START_DEADLINE_S)
            assert line, "the older node has ended"
            if line.startswith(b"{"):  # the rest is its log
                said = json.loads(line)
                self.holder = said["holder"]
                return said["answer"]

    async def kill(self) -> None:
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()


@pytest.fixture(scope="module")
def older_build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unpack(OLDER_BUILD, tmp_path_factory.mktemp("older"))


async def start_older(build: Path, database: Path) -> OlderNode:
    return OlderNode(
        await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            OLDER_NODE,
            str(database),
            str(database.parent),
            cwd=build,
            env={"PATH": os.environ["PATH"], "HOME": str(database.parent)},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
    )


FLOOD = "i=0; while [ ! -e stop ]; do seq $((i*2000+1)) $((i*2000+2000)); i=$((i+1)); sleep 0.1; done; exit 5"


@pytest.mark.timeout(120)
async def test_a_newer_node_takes_over_from_an_older_one_under_load(
    main: SplicingMain, database: Path, older_build: Path
) -> None:
    older = await start_older(older_build, database)
    flood = str(await older.ask("open", FLOOD))
    quiet = str(await older.ask("open", "read line; echo got:$line; exec cat"))
    await eventually(lambda: older.ask("length", flood), what="the flood to begin")
    holder = older.holder
    await older.kill()
    async with terminal_node(main, database, scrollback_bytes=64 << 20) as node:
        assert node.holder == holder, "the older holder holds on"
        async with page(main, flood) as reader, page(main, quiet) as other:
            assert reader.offset == 0
            await other.type(b"upgrade\n")
            await other.shows(b"got:upgrade")
            (database.parent / "stop").touch()
            assert (await reader.frame("exit"))["code"] == 5
            numbers = reader.output.split()
            assert len(numbers) % 2000 == 0
            assert all(int(number) == index for index, number in enumerate(numbers, start=1))
        listed = {each["terminal"]: each for each in (await node.call("terminal.list", {"node": "n"}))["terminals"]}
        assert listed[flood]["ended"], "the older holder does not say when, so this is when the node heard of it"
        refused = await node.call("terminal.restart", {"node": "n", "terminal": flood})
        assert (refused["code"], refused["detail"][-20:]) == ("unsupported", "open a new terminal.")
        added = await node.open(database.parent, "echo added; exec cat")
        async with page(main, added) as reader:
            await reader.shows(b"added")
        for terminal in (flood, quiet, added):
            assert await node.call("terminal.close", {"node": "n", "terminal": terminal}) == {}
        await node.stop()
    await eventually(lambda: not is_running(holder), what="the older holder to go with its last terminal")
    async with terminal_node(main, database) as node:
        ended = await node.open(database.parent, "echo life")
        async with page(main, ended) as reader:
            await reader.frame("exit")
            assert "terminal" in await node.call("terminal.restart", {"node": "n", "terminal": ended})
            await reader.frame("exit")
            assert reader.output.count(b"life\r\n") == 2


@pytest.mark.timeout(120)
async def test_an_older_node_takes_over_from_a_newer_one(main: SplicingMain, database: Path, older_build: Path) -> None:
    """Back to the build before, and forward again."""
    async with terminal_node(main, database) as node:
        running = await node.open(database.parent, "echo began; exec cat", name="mine")
        ended = await node.open(database.parent, "exit 3", name="over")
        async with page(main, running) as reader, page(main, ended) as other:
            await reader.shows(b"began")
            await other.frame("exit")
            assert "terminal" in await node.call("terminal.restart", {"node": "n", "terminal": ended})
            await other.frame("exit")
    older = await start_older(older_build, database)
    assert await older.ask("list") == [[running, "mine", True, None], [ended, "over", False, 3]]
    added = str(await older.ask("open", "echo added; exec cat"))
    assert await older.ask("close", ended) == "closed"
    holder = older.holder
    await older.kill()
    async with terminal_node(main, database) as node:
        assert node.holder == holder
        listed = (await node.call("terminal.list", {"node": "n"}))["terminals"]
        assert [(each["terminal"], each["running"]) for each in listed] == [(running, True), (added, True)]
        async with page(main, running) as reader:
            await reader.type(b"still\n")
            await reader.shows(b"began\r\nstill\r\nstill")
