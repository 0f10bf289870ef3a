"""Resident memory of Main and Node, idle and with one Claude session: ``python -m tests.bench.memory``.

Target: Main + Node idle ≤ 130 MB together; a session adds ≤ 5 MB of ours beside the agent's own process.
"""

import asyncio
import tempfile
from pathlib import Path

import psutil

from tests.bench.as_installed import as_installed
from tests.bench.report import Row, table
from tests.contract.harness import claude_environment
from tests.support.client import Client
from tests.support.model_server import ModelServer
from tests.support.processes import Program, main_settings, running

MB = 1e6


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
                states = [resident(main)]
                for _ in range(2):
                    await _turn(client, node, home / "work")
                    states.append(resident(main))
    idle, one, two = states
    rows += [Row(f"{role}, idle", size, "MB") for role, size in sorted(idle.items())]
    rows.append(Row("Main + Node, idle", _ours(idle), "MB", "target 130"))
    rows += [Row(f"{role}, one Claude session", size, "MB") for role, size in sorted(one.items())]
    rows.append(Row("Main + Node, added by the first session", _ours(one) - _ours(idle), "MB", "imports the SDK"))
    rows.append(Row("Main + Node, added by the second", _ours(two) - _ours(one), "MB", "target 5"))
    return rows


def _ours(sizes: dict[str, float]) -> float:
    return sizes["Main"] + sizes["Node"]


def main() -> None:
    """Print it."""
    print(table("Memory", asyncio.run(measure())))


if __name__ == "__main__":
    main()
