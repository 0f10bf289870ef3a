"""What is compared: each opens terminals that run a script, and knows its own processes."""

import asyncio
import contextlib
import getpass
import json
import multiprocessing
import os
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Protocol

import psutil
import uvloop

from tests.bench.as_installed import as_installed
from tests.bench.terminal.ends import Direct, End, Page, Piped, Terminado, Ttyd, restore_signals
from tests.support.client import Client
from tests.support.installation import scripted
from tests.support.processes import free_port, main_settings, running

PATIENCE_S = 60.0

PROGRAMS = frozenset({"sh", "cat", "yes", "head", "tr", "stty", "sleep", "bash", "dash"})
"""What terminals run; what it costs is no system's own."""


class System(Protocol):
    """`name` heads its column."""

    name: str

    def open(self, script: str) -> End:
        """A new terminal that runs `script` in sh."""

    def processes(self) -> list[psutil.Process]:
        """What serves it, less the programs in the terminals."""


class DirectSystem:
    """This process reads the PTY itself, so its own time is the cost."""

    name = "direct PTY"

    def open(self, script: str) -> End:
        return Direct(script)

    def processes(self) -> list[psutil.Process]:
        return [psutil.Process()]


@dataclass
class SshSystem:
    """The client of ssh is counted in times, which it adds to, and not in processor time or memory."""

    client: list[str]
    server: psutil.Process
    name: str = "sshd"

    def open(self, script: str) -> End:
        return Piped([*self.client, f"exec sh -c {shlex.quote(script)}"])

    def processes(self) -> list[psutil.Process]:
        return _family(self.server)


@dataclass
class TerminadoSystem:
    """One server for all terminals, as in Jupyter."""

    port: int
    server: psutil.Process
    name: str = "terminado"

    def open(self, script: str) -> End:
        return Terminado(("127.0.0.1", self.port), f"/terminal/{script.encode().hex()}")

    def processes(self) -> list[psutil.Process]:
        return _family(self.server)


@dataclass
class TtydSystem:
    """One ttyd for each script: that is how it is used."""

    path: str
    servers: list[psutil.Process]
    name: str = "ttyd"

    def open(self, script: str) -> End:
        port = free_port()
        argv = [self.path, "-W", "-i", "127.0.0.1", "-p", str(port), "sh", "-c", script]
        server = _started(argv)
        self.servers.append(psutil.Process(server.pid))
        _listening(port)
        return Ttyd(("127.0.0.1", port))

    def processes(self) -> list[psutil.Process]:
        return [each for server in self.servers for each in _family(server)]


@dataclass
class OurSystem:
    """Main, the local node and the holder are the real programs, with login, scrollback and database."""

    port: int
    node: str
    token: str
    main: int
    name: str = "Main and Node"

    def open(self, script: str) -> Page:
        given = {"path": "/tmp", "cols": 80, "rows": 24, "command": ["sh", "-c", script]}
        terminal = self.op("terminal.open", **given)["terminal"]

        def end() -> None:
            self.op("terminal.close", terminal=terminal)

        return Page(("127.0.0.1", self.port), self.token, self.node, terminal, end)

    def op(self, name: str, **params: object) -> dict[str, Any]:
        """An op on the node over HTTP."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/api/ops/{name}",
            data=json.dumps({"node": self.node, **params}).encode(),
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            return dict(json.load(answer))

    def processes(self) -> list[psutil.Process]:
        return [
            each for each in _family(psutil.Process(self.main)) if "terminal.holder" not in " ".join(each.cmdline())
        ]


def _family(root: psutil.Process) -> list[psutil.Process]:
    found = []
    for each in [root, *root.children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess):
            if each.name() not in PROGRAMS:
                found.append(each)
    return found


def _started(argv: list[str]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=restore_signals,  # noqa: PLW1509 - no other thread runs
    )


def _listening(port: int) -> None:
    until_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < until_s:
        with contextlib.suppress(ConnectionError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)  # noqa: TID251 - a process without a loop
    raise TimeoutError(f"nothing listens on port {port}")


@contextlib.contextmanager
def sshd(folder: Path) -> Iterator[SshSystem | None]:
    """The system's own sshd under a port, keys and a configuration of its own; None where there is none."""
    program, keygen, client = (shutil.which(name, path=_PATH) for name in ("sshd", "ssh-keygen", "ssh"))
    if program is None or keygen is None or client is None:
        yield None
        return
    for name in ("host", "user"):
        subprocess.run([keygen, "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    shutil.copy(folder / "user.pub", folder / "authorized")
    port, user = free_port(), getpass.getuser()
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # where it locks its unprivileged half up
    settings = {
        "Port": port, "ListenAddress": "127.0.0.1", "HostKey": folder / "host", "PidFile": "none", "UsePAM": "no",
        "AuthorizedKeysFile": folder / "authorized", "StrictModes": "no", "AllowUsers": user, "PrintLastLog": "no",
        "PasswordAuthentication": "no", "PermitRootLogin": "prohibit-password", "MaxStartups": "100", "PrintMotd": "no",
    }  # fmt: skip
    (folder / "sshd_config").write_text("".join(f"{key} {value}\n" for key, value in settings.items()))
    server = _started([program, "-D", "-f", str(folder / "sshd_config")])
    options = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR", "IdentitiesOnly=yes"]
    argv = [client, "-F", "/dev/null", "-tt", "-e", "none", "-p", str(port), "-i", str(folder / "user")]
    try:
        _listening(port)
        yield SshSystem([*argv, *(f"-o{each}" for each in options), f"{user}@127.0.0.1"], psutil.Process(server.pid))
    finally:
        server.terminate()
        server.wait(10)


_PATH = os.pathsep.join([os.defpath, "/usr/sbin", "/usr/local/sbin", "/usr/local/bin"])


@contextlib.contextmanager
def terminado() -> Iterator[TerminadoSystem]:
    """The package of the tests' own environment, which is always there."""
    port = free_port()
    server = _started([sys.executable, "-m", "tests.bench.terminal.jupyter", str(port)])
    try:
        _listening(port)
        yield TerminadoSystem(port, psutil.Process(server.pid))
    finally:
        server.kill()
        server.wait(10)


@contextlib.contextmanager
def ttyd() -> Iterator[TtydSystem | None]:
    """As `sshd`."""
    path = shutil.which("ttyd", path=_PATH)
    servers: list[psutil.Process] = []
    try:
        yield None if path is None else TtydSystem(path, servers)
    finally:
        for server in servers:
            with contextlib.suppress(psutil.NoSuchProcess):
                server.kill()
                server.wait(10)


@contextlib.contextmanager
def elsewhere(serve: Callable[..., Coroutine[Any, Any, None]], *given: str) -> Iterator[Any]:
    """What ``serve(pipe, *given)`` sends first. It runs in a process of its own, until it is sent something."""
    here, there = multiprocessing.Pipe()
    serving = multiprocessing.get_context("spawn").Process(target=_run, args=(serve, there, *given))
    serving.start()
    there.close()  # so that it ends when this process is killed
    try:
        yield here.recv()
    finally:
        here.send(None)
        serving.join(20)


def _run(serve: Callable[..., Coroutine[Any, Any, None]], *given: Any) -> None:
    restore_signals()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(*given))


def switchyard(
    name: str = "Main and Node", script: str = "main_server.py"
) -> contextlib.AbstractContextManager[OurSystem]:
    """A whole installation."""
    return elsewhere(_installed, name, script)


def framed() -> contextlib.AbstractContextManager[OurSystem]:
    """As `switchyard`, where something between Main and the node reads frames."""
    return switchyard("framed link", "tests/bench/terminal/framed_main.py")


async def _installed(pipe: Connection, name: str, script: str) -> None:
    with tempfile.TemporaryDirectory(prefix="switchyard-bench-") as folder:
        settings = main_settings(**scripted(Path(folder)))
        environment = as_installed(Path(folder))
        async with running(script, Path(folder), settings, environment) as main, Client(main.url) as client:
            await client.register()
            assert client.token is not None
            pipe.send(OurSystem(main.port, await client.online_node(), client.token, main.process.pid, name))
            await asyncio.to_thread(pipe.recv)
