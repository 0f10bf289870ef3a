"""A terminal service with a real holder, and a page that reaches it through a splice."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from config import Terminal as TerminalConfig
from node.terminal.service import TerminalService
from node.terminal.stream import StreamServer
from tests.support.terminal_link import SplicingMain
from ws.protocol.terminals import TerminalOpenParams

NODE = "here"


@pytest.fixture
def identity(tmp_path: Path) -> Path:
    """The database that names the holder."""
    return tmp_path / "node.db"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PS1": "$ "}  # noqa: TID251 - for the children


@pytest.fixture
async def service(identity: Path, environment: dict[str, str]) -> AsyncIterator[TerminalService]:
    service = TerminalService(TerminalConfig(), identity, environment)
    yield service
    await service.close(end_terminals=True)


@pytest.fixture
async def main() -> AsyncIterator[SplicingMain]:
    """A Main; `streams` puts itself behind it."""
    async with SplicingMain.serving() as main:
        yield main


@pytest.fixture
async def streams(service: TerminalService, main: SplicingMain) -> AsyncIterator[StreamServer]:
    streams = StreamServer(service, main.dial)
    main.ask = streams.open
    yield streams
    await streams.close()


Opener = Callable[..., Awaitable[str]]


@pytest.fixture
def open_terminal(service: TerminalService, tmp_path: Path) -> Opener:
    """Open a terminal that runs a command line of sh; answers its id."""

    async def opener(script: str | None = None, **more: Any) -> str:
        command = None if script is None else ["sh", "-c", script]
        params = {"node": NODE, "path": str(tmp_path), "cols": 80, "rows": 24, "command": command, **more}
        return (await service.open(TerminalOpenParams(**params))).terminal

    return opener
