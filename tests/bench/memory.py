"""Resident memory of Main and Node, idle and with one Claude session: ``python -m tests.bench.memory``.

Before that what each of them is made of: one fresh interpreter a role that loads the one thing after the other.
Target: Main + Node idle ≤ 130 MB together; a session adds ≤ 5 MB of ours beside the agent's own process.
"""

import asyncio
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

from tests.bench.as_installed import as_installed
from tests.bench.report import Row, table
from tests.contract.harness import claude_environment
from tests.support.client import Client
from tests.support.model_server import ModelServer
from tests.support.processes import ROOT, Program, main_settings, running

MB = 1e6

_BEGINNING = {
    "Python": "",
    "asyncio, TLS, uvloop": "import asyncio, ssl, uvloop",
    "aiohttp": "import aiohttp.web",
}
PARTS: Mapping[str, Mapping[str, str]] = {
    "Main": {
        **_BEGINNING,
        "PyJWT with cryptography": "import jwt",
        "the rest of what it imports": "import main_server",
        "the built page, as it is and compressed": (
            "import pathlib, routes.main.assets; page = routes.main.assets.Assets(pathlib.Path('dist'));"
            " asyncio.run(page.load()); asyncio.run(page.compress())"
        ),
    },
    "Node": {
        **_BEGINNING,
        "the rest of what it imports": "import app",
        "with the first session: the SDK of Claude": "import claude_agent_sdk",
    },
}
"""By role: what is loaded, in this order, and how."""
_LOADER = "import sys\nfor step in sys.stdin: exec(step); print('done', flush=True)"


def parts(environ: Mapping[str, str]) -> list[Row]:
    """What each step of PARTS adds."""
    rows = []
    for role, steps in PARTS.items():
        with subprocess.Popen(
            [sys.executable, "-c", _LOADER], cwd=ROOT, env=dict(environ), stdin=-1, stdout=-1, text=True
        ) as loader:
            assert loader.stdin is not None
            assert loader.stdout is not None
            before = 0.0
            for what, step in steps.items():
                loader.stdin.write(f"{step}\n")
                loader.stdin.flush()
                assert loader.stdout.readline() == "done\n", f"{role} cannot load {what}"
                size = psutil.Process(loader.pid).memory_info().rss / MB
                rows.append(Row(f"{role}: {what}", size - before, "MB"))
                before = size
    return rows


def _role(process: psutil.Process) -> str:
    command = " ".join(process.cmdline())
    for mark, role in (("main_server.py", "Main"), ("app.py", "Node"), ("terminal.holder", "terminal holder")):
        if mark in command:
            return role
    return "agent" if "claude" in command else "other"


def resident(program: Program) -> dict[str, float]:
    """MB by role over the whole process tree."""
    root = psutil.Process(program.process.pid)
    sums: dict[str, float] = {}
    for process in [root, *root.children(recursive=True)]:
        role = _role(process)
        sums[role] = sums.get(role, 0.0) + process.memory_info().rss / MB
    return sums


def in_both(program: Program) -> float:
    """MB of files, libraries most of them, that Main and Node have both loaded and the system holds once."""
    root = psutil.Process(program.process.pid)
    (node,) = [each for each in root.children() if _role(each) == "Node"]
    mains, nodes = ({each.path: _shared(each) for each in process.memory_maps()} for process in (root, node))
    return sum(min(size, nodes[path]) for path, size in mains.items() if path in nodes) / MB


def _shared(mapped: Any) -> int:
    return int(mapped.shared_clean) if mapped.path.startswith("/") else 0


async def _turn(client: Client, node: str, folder: Path) -> None:
    """One whole turn of a new Claude session."""
    created = await client.op("session.create", node=node, path=str(folder), provider="claude")
    session = created["session"]["id"]
    async with client.socket() as socket:
        watch = await socket.subscribe("session.watch", {"node": node, "session": session, "after": 0})
        await client.op("session.send", node=node, session=session, message_id="m1", text="say hello")
        await watch.until("turn_ended", 60)


async def measure() -> list[Row]:
    """Idle, then after one turn of one and of two real Claude sessions against a scripted model."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="switchyard-bench-") as folder:
        home = Path(folder)
        (home / "work").mkdir()
        async with ModelServer() as model:
            environ = claude_environment(model, home) | as_installed(home)
            async with running("main_server.py", home, main_settings(), environ) as main, Client(main.url) as client:
                await client.register()
                node = await client.online_node()
                states, both = [resident(main)], in_both(main)
                for _ in range(2):
                    await _turn(client, node, home / "work")
                    states.append(resident(main))
    idle, one, two = states
    rows += [Row(f"{role}, idle", size, "MB") for role, size in sorted(idle.items())]
    rows.append(Row("Main + Node, idle", _ours(idle), "MB", "target 130"))
    rows.append(Row("files that both have loaded", both, "MB", "counted twice above, held once"))
    rows += [Row(f"{role}, one Claude session", size, "MB") for role, size in sorted(one.items())]
    rows.append(Row("Main + Node, added by the first session", _ours(one) - _ours(idle), "MB", "imports the SDK"))
    rows.append(Row("Main + Node, added by the second", _ours(two) - _ours(one), "MB", "target 5"))
    return rows


def _ours(sizes: dict[str, float]) -> float:
    return sizes["Main"] + sizes["Node"]


def main() -> None:
    """Print it."""
    with tempfile.TemporaryDirectory(prefix="switchyard-bench-") as folder:
        rows = parts(as_installed(Path(folder)))
    print(table("Memory", [*rows, *asyncio.run(measure())]))


if __name__ == "__main__":
    main()
