"""The runner: bounds on time and output, and no process left behind."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from node.git.runner import GitRunner
from tests.support.waiting import eventually
from ws.protocol.errors import ErrorCode, WireError

Start = Callable[[str], GitRunner]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """A runner whose `git` is a shell script, and which knows its version already."""

    def make(script: str) -> GitRunner:
        program = tmp_path / "bin/git"
        program.parent.mkdir()
        program.write_text(f'#!/bin/sh\n[ "$1" = version ] && {{ echo git version 2.40.0; exit; }}\n{script}\n')
        program.chmod(0o755)
        return GitRunner({"PATH": f"{tmp_path}/bin:/usr/bin:/bin"})

    return make


def is_running(pid: int) -> bool:
    """False also for a process that ended and was not reaped: in a container nobody may."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


async def child_of(folder: Path) -> int:
    """The process that the script below started, once it has said so."""
    said = folder / "pid"
    return await eventually(
        lambda: int(said.read_text()) if said.exists() and said.read_text().endswith("\n") else None,
        what="the script's child",
        deadline_s=10,
    )


SLEEPER = "sleep 1000 & echo $! > pid; wait"


async def test_the_deadline_ends_the_whole_group(start: Start, tmp_path: Path) -> None:
    with pytest.raises(WireError) as refused:
        await start(SLEEPER).run(["status"], directory=tmp_path, deadline_s=1)
    assert (refused.value.code, refused.value.retryable) == (ErrorCode.TIMEOUT, True)
    pid = await child_of(tmp_path)
    await eventually(lambda: not is_running(pid), what="the end of the group", deadline_s=10)


async def test_cancelling_ends_the_whole_group(start: Start, tmp_path: Path) -> None:
    runner = start(SLEEPER)
    async with asyncio.TaskGroup() as group:
        call = group.create_task(runner.run(["status"], directory=tmp_path))
        pid = await child_of(tmp_path)
        assert is_running(pid)
        call.cancel()
    await eventually(lambda: not is_running(pid), what="the end of the group", deadline_s=10)


async def test_cancelling_at_any_moment_of_the_start_leaves_nothing(start: Start, tmp_path: Path) -> None:
    runner = start("sleep 1000 & echo $! >> pids; wait")
    _ = await runner.run(["version"], directory=tmp_path)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for turns in range(12):
        for call in (
            runner.run(["status"], directory=tmp_path),
            runner.act(["commit"], directory=tmp_path, config=[], deadline_s=10),
        ):
            task = asyncio.get_running_loop().create_task(call, name="a caller")
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            _ = await asyncio.wait({task})
    said = tmp_path / "pids"
    pids = [int(line) for line in said.read_text().split()] if said.exists() else []
    await eventually(lambda: not any(map(is_running, pids)), what="the end of all groups", deadline_s=10)
    await eventually(
        lambda: len(list(Path("/proc/self/fd").iterdir())) <= before, what="no pipe left open", deadline_s=10
    )


async def test_endless_output_is_cut_and_its_writer_ended(start: Start, tmp_path: Path) -> None:
    output = await start("yes").run(["status"], directory=tmp_path, max_bytes=10_000)
    assert (output.is_cut, len(output.stdout)) == (True, 10_000)


async def test_endless_errors_do_not_hold_the_command_up(start: Start, tmp_path: Path) -> None:
    output = await start("head -c 1000000 /dev/zero >&2; echo done").run(["status"], directory=tmp_path)
    assert (output.stdout, output.is_cut, len(output.stderr)) == (b"done\n", False, 16 * 1024)


async def test_a_folder_that_is_gone_is_not_found(start: Start, tmp_path: Path) -> None:
    with pytest.raises(WireError) as refused:
        await start("true").run(["status"], directory=tmp_path / "gone")
    assert refused.value.code is ErrorCode.NOT_FOUND


async def test_waiting_for_a_free_slot_counts_against_the_deadline(start: Start, tmp_path: Path) -> None:
    runner = start("sleep 1000")
    async with asyncio.TaskGroup() as group:
        calls = [group.create_task(runner.run(["status"], directory=tmp_path)) for _ in range(4)]
        with pytest.raises(WireError) as refused:
            await runner.run(["status"], directory=tmp_path, deadline_s=0.5)
        for call in calls:
            call.cancel()
    assert refused.value.code is ErrorCode.TIMEOUT
