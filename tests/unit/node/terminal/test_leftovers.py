"""What killed holders leave in their folder goes at a node's start; what belongs to a living one stays."""

import asyncio
import fcntl
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from config import Terminal as TerminalConfig
from node.terminal.holder import place, record
from node.terminal.holder_process import HolderPlace
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
DEAF = ["sh", "-c", "trap '' HUP; touch deaf-$$; sleep 60; :"]


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
        await eventually(lambda: len(list(tmp_path.glob("deaf-*"))) == len(services), what="both to be deaf")
        living, dead = (service.holder_pid for service in services)
        assert living
        assert dead
        (program,) = services[1]._programs.values()
        addresses = [
            (await asyncio.to_thread(place.addresses, tmp_path / name / "node.db", None))[0]
            for name in ("lives", "dies")
        ]
        await services[1].close(end_terminals=False)  # else it would end the program
        os.kill(dead, signal.SIGKILL)
        await eventually(lambda: not is_running(dead), what="the holder to end")
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


@pytest.fixture
def stranger() -> Iterator[int]:
    """The session of a program that runs."""
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as program:
        yield program.pid
        program.kill()


def written_for(identity: Path, session: int) -> Path:
    """The address of a holder that is not there, with a record that names this session."""
    (address,) = place.addresses(identity, None)
    place.prepare(address)
    record.write(record.beside(address), {session: record.started(session)})
    return address


def test_a_record_that_others_may_have_written_ends_nobody(runtime: Path, tmp_path: Path, stranger: int) -> None:
    """Its folder may be in /tmp, where whoever comes first makes it: they would have us end what they name."""
    written_for(tmp_path / "node.db", stranger)
    holder = HolderPlace(tmp_path / "node.db", tmp_path / "log", {})
    runtime.chmod(0o777)
    assert holder._left_behind() is None
    runtime.chmod(0o700)
    left = holder._left_behind()
    assert left is not None
    assert left.sessions == [stranger]


def test_programs_of_a_holder_that_lives_and_is_not_reached_go_on(runtime: Path, tmp_path: Path, stranger: int) -> None:
    """It is stopped, and too many wait at its door already."""
    lock = written_for(tmp_path / "node.db", stranger).with_suffix(".lock")
    holder = HolderPlace(tmp_path / "node.db", tmp_path / "log", {})
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert holder._left_behind() is None
    left = holder._left_behind()
    assert left is not None, "now it is dead"
    assert left.sessions == [stranger]
    assert names(runtime) == {lock.name, lock.with_suffix(".running").name}
