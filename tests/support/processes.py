"""Main and nodes as a user starts them: real processes with a HOME, a folder and a port of their own."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from tests.support.network import Machine
from tests.support.waiting import eventually

ROOT = Path(__file__).resolve().parents[2]
START_DEADLINE_S = 30.0
STOP_DEADLINE_S = 15.0


def free_port() -> int:
    """A port that was free a moment ago, on IPv4 and IPv6 loopback alike."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def settings_to_environ(settings: Mapping[str, Any]) -> dict[str, str]:
    """``{"server.port": 1}`` as ``{"SWITCHYARD_SERVER_PORT": "1"}``; lists and booleans as JSON."""
    return {
        "SWITCHYARD_" + key.upper().replace(".", "_"): value if isinstance(value, str) else json.dumps(value)
        for key, value in settings.items()
    }


@dataclass
class Program:
    """A started `main_server.py` or `app.py`. `output` collects what it prints, standard error included.

    `machine` is where it runs, when that is a namespace of its own.
    """

    name: str
    process: asyncio.subprocess.Process
    port: int
    home: Path
    output: list[str] = field(default_factory=list)
    is_tls: bool = False
    machine: Machine | None = None
    _reader: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        return f"http{'s' if self.is_tls else ''}://127.0.0.1:{self.port}"

    @property
    def text(self) -> str:
        return "".join(self.output)

    async def _read_output(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.output.append(line.decode("utf-8", "replace"))

    async def health(self) -> dict[str, Any] | None:
        """What /health says, None while nobody listens. Fails the test when the program has ended."""
        assert self.process.returncode is None, f"{self.name} ended with {self.process.returncode}:\n{self.text}"
        with contextlib.suppress(aiohttp.ClientError, TimeoutError):
            timeout = aiohttp.ClientTimeout(total=2)
            connector = None if self.machine is None else self.machine.connector()
            async with (
                aiohttp.ClientSession(timeout=timeout, connector=connector) as http,
                http.get(f"{self.url}/health", ssl=False) as answer,
            ):
                return dict(await answer.json())
        return None

    async def healthy(self) -> dict[str, Any]:
        return await eventually(self.health, what=f"{self.name} to answer /health", deadline_s=START_DEADLINE_S)

    async def wait(self, deadline_s: float = STOP_DEADLINE_S) -> int:
        """The exit code, once it has ended by itself."""
        code = await asyncio.wait_for(self.process.wait(), deadline_s)
        if self._reader is not None:
            await asyncio.wait_for(self._reader, deadline_s)
        return code

    async def stop(self, by: signal.Signals = signal.SIGINT) -> int:
        """Signal it and wait for its end; killed when it does not end in time, which fails the test."""
        if self.process.returncode is None:
            self.process.send_signal(by)
        try:
            return await self.wait()
        except TimeoutError:
            self.process.kill()
            await self.process.wait()
            raise AssertionError(f"{self.name} did not end on {by.name}:\n{self.text}") from None

    async def kill(self) -> None:
        """``kill -9`` of this process alone."""
        self.process.kill()
        await self.wait()


async def start_program(
    script: str,
    home: Path,
    settings: Mapping[str, Any],
    environ: Mapping[str, str] | None = None,
    arguments: Sequence[str] = (),
    machine: Machine | None = None,
) -> Program:
    """Start `main_server.py` or `app.py` with HOME, settings and extra environment; does not wait until it serves."""
    home.mkdir(parents=True, exist_ok=True)
    port = int(settings.get("server.port", 0))
    child = {
        "HOME": str(home),
        "PATH": os.environ["PATH"],  # noqa: TID251 - a child program gets the PATH of the tests
        "LANG": "C.UTF-8",
        "IS_SANDBOX": "1",
        **settings_to_environ(settings),
        **(environ or {}),
    }
    process = await asyncio.create_subprocess_exec(
        *([] if machine is None else machine.prefix),
        sys.executable,
        str(ROOT / script),
        *arguments,
        cwd=home,
        env=child,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
        limit=2**24,
    )
    program = Program(script, process, port, home, is_tls="server.tls_cert" in settings, machine=machine)
    program._reader = asyncio.get_running_loop().create_task(program._read_output(), name=f"output of {script}")
    return program


async def failed_start(
    script: str, home: Path, settings: Mapping[str, Any], environ: Mapping[str, str] | None = None, *arguments: str
) -> str:
    """The one sentence that a start which must fail prints, with exit code 2 and without a traceback."""
    program = await start_program(script, home, settings, environ, arguments)
    try:
        code = await program.wait(START_DEADLINE_S)
    except TimeoutError:
        await program.kill()
        raise AssertionError(f"{script} runs, though it should not:\n{program.text}") from None
    lines = [line for line in program.text.splitlines() if line.strip()]
    assert (code, len(lines)) == (2, 1), f"{script} ended with {code}:\n{program.text}"
    return lines[0]


@contextlib.asynccontextmanager
async def running(
    script: str,
    home: Path,
    settings: Mapping[str, Any],
    environ: Mapping[str, str] | None = None,
    arguments: Sequence[str] = (),
) -> AsyncIterator[Program]:
    """A program that serves; stopped by SIGINT at the end."""
    program = await start_program(script, home, settings, environ, arguments)
    try:
        await program.healthy()
        yield program
    finally:
        await program.stop()


WITHOUT_CODEX = {"providers.codex.enabled": False}
"""Nodes find the Codex of the tests in `.tools`; one is started only where a test is about it."""


def main_settings(**more: Any) -> dict[str, Any]:
    """A Main on a free loopback port. Keys with a dot are given as ``**{"main.local_node": False}``."""
    return {"server.host": "127.0.0.1", "server.port": free_port(), **WITHOUT_CODEX, **more}


def node_settings(main: Program, token: str, **more: Any) -> dict[str, Any]:
    """A node in direct mode on a free port."""
    return {
        "server.port": free_port(),
        "node.main_server_url": main.url,
        "node.register_token": token,
        **WITHOUT_CODEX,
        **more,
    }
