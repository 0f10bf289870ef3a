"""What killed holders leave in their folder goes at a node's start; what belongs to a living one stays."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from config import Terminal as TerminalConfig
from node.terminal.holder import place
from node.terminal.service import TerminalService
from tests.support.terminal_holder import is_running
from tests.support.waiting import eventually
from tests.unit.node.terminal.conftest import NODE
from ws.protocol.terminals import TerminalListParams, TerminalOpenParams


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of all holders in the test, with a record of which nothing is known."""
    folder = tmp_path / "run"
    monkeypatch.setattr(place, "_folders", lambda runtime: iter([folder]))
    return folder


ENDINGS = ("", ".lock", ".running")
DEAF = ["sh", "-c", "trap '' HUP; sleep 60; :"]


def names(folder: Path) -> set[str]:
    return {each.name for each in folder.iterdir()}


async def start_another(folder: Path, environment: dict[str, str]) -> None:
    other = TerminalService(TerminalConfig(), folder / "third.db", environment)
    await other.adopt()
    await other.close(end_terminals=True)


async def test_dead_holders_leave_nothing_and_living_ones_everything(
    runtime: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    services = [
        TerminalService(TerminalConfig(), tmp_path / name / "node.db", environment) for name in ("lives", "dies")
    ]
    try:
        for name, service in zip(("lives", "dies"), services, strict=True):
            (tmp_path / name).mkdir()
            await service.open(TerminalOpenParams(node=NODE, path=str(tmp_path), cols=80, rows=24, command=DEAF))
        living, dead = (service.holder_pid for service in services)
        assert living
        assert dead
        (program,) = services[1]._programs.values()
        addresses = [
            (await asyncio.to_thread(place.addresses, tmp_path / name / "node.db", None))[0]
            for name in ("lives", "dies")
        ]
        os.kill(dead, signal.SIGKILL)
        await eventually(lambda: not is_running(dead), what="the holder to end")
        await services[1].close(end_terminals=False)
        (runtime / "terminals-of-somebody.txt").touch()
        assert addresses[1].exists()
        assert addresses[1].with_suffix(".lock").exists()
        addresses[1].with_suffix(".new").touch()
        kept = {"terminals-of-somebody.txt", *(addresses[0].with_suffix(each).name for each in ENDINGS)}
        await start_another(tmp_path, environment)
        # Its own node may have to end its program.
        assert names(runtime) == {*kept, addresses[1].with_suffix(".running").name}
        os.killpg(program, signal.SIGKILL)
        await eventually(lambda: not is_running(program), what="the program to end")
        await start_another(tmp_path, environment)
        assert names(runtime) == kept
        listed = await services[0].list(TerminalListParams(node=NODE))
        assert [each.running for each in listed.terminals] == [True]
    finally:
        for service in services:
            await service.close(end_terminals=True)


async def test_a_folder_that_others_enter_is_left_alone(
    runtime: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    runtime.mkdir()
    runtime.chmod(0o777)
    lock = runtime / "terminals-0123456789abcdef.lock"
    lock.touch()
    service = TerminalService(TerminalConfig(), tmp_path / "node.db", environment)
    await service.adopt()
    await service.close(end_terminals=True)
    assert lock.exists()
