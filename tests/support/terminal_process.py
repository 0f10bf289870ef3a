"""The terminal node of `tests.support.terminal_node` as a process that a test starts, asks and kills."""

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec

from tests.support.processes import ROOT
from tests.support.terminal_link import SplicingMain
from ws.protocol.link import StreamParams

START_DEADLINE_S = 60.0
"""Beside fifty programs that flood on a busy machine."""


class TerminalNode:
    """Calls are answered in order; `holder` is the pid of the holder that it found at its start."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.holder: int | None = None
        self._turn = asyncio.Lock()

    async def call(self, op: str, params: Any) -> dict[str, Any]:
        assert self.process.stdin is not None
        async with self._turn:
            line = msgspec.json.encode({"op": op, "params": params})
            self.process.stdin.write(line + b"\n")
            return await self.answer()

    async def answer(self, deadline_s: float = 15.0) -> dict[str, Any]:
        assert self.process.stdout is not None
        while True:
            line = await asyncio.wait_for(self.process.stdout.readline(), deadline_s)
            assert line, "the terminal node has ended"
            if line.startswith(b"{"):  # the rest is its log
                return dict(json.loads(line))

    async def open(self, folder: Path, script: str, **more: Any) -> str:
        """A terminal that runs a command line of sh; its id."""
        params = {"node": "n", "path": str(folder), "cols": 80, "rows": 24, "command": ["sh", "-c", script], **more}
        return str((await self.call("terminal.open", params))["terminal"])

    async def stream(self, params: StreamParams) -> dict[str, Any]:
        return await self.call("link.stream", params)

    async def stop(self) -> None:
        """Let it end by itself; its terminals stay."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        await asyncio.wait_for(self.process.wait(), 15)

    async def kill(self) -> None:
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()


async def start_terminal_node(main: SplicingMain, database: Path, **config: Any) -> TerminalNode:
    """Started, its terminals adopted, and put behind `main`."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.support.terminal_node",
        str(database),
        main.url,
        json.dumps(config),
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HOME": str(database.parent)},  # noqa: TID251 - a child's environment
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    node = TerminalNode(process)
    node.holder = (await node.answer(START_DEADLINE_S))["holder"]
    main.ask = node.stream
    return node


@contextlib.asynccontextmanager
async def terminal_node(main: SplicingMain, database: Path, **config: Any) -> AsyncIterator[TerminalNode]:
    """As `start_terminal_node`; killed at the end."""
    node = await start_terminal_node(main, database, **config)
    try:
        yield node
    finally:
        await node.kill()
