"""The program of an agent, however odd it is: what it says, how it ends, and that nothing of it is left."""

import asyncio
import gc
import os
import signal
import sys
import threading
import warnings
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from config import child_environment
from providers.base import AgentProcess, ProcessRecorder, ProviderFailed
from providers.process import identify, is_alive
from providers.program import Exit, Launch, Program
from tests.support.waiting import eventually
from ws.tasks import TaskOwner

HOLDING = (
    "import subprocess, sys\n"
    "child = subprocess.Popen([sys.executable, '-S', '-c', 'import time; time.sleep(600)'])\n"
    "print(child.pid, flush=True)\n"
)
"""Its child keeps its output open."""

MUTE = "import os, time\nos.close(1)\ntime.sleep(600)\n"
TALKATIVE = "import sys, time\nsys.stdout.write('x' * 3_000_000)\nsys.stdout.flush()\ntime.sleep(600)\n"


@pytest.fixture
async def owner() -> AsyncIterator[TaskOwner]:
    tasks = TaskOwner("programs")
    yield tasks
    await tasks.close()


def program(owner: TaskOwner, folder: Path, code: str, recorder: ProcessRecorder | None = None) -> Program:
    launch = Launch("Heron", (sys.executable,), folder, child_environment(), ("-S", "-c", code))
    return Program(launch, owner.start, recorder)


async def test_its_output_ends_with_it_though_a_child_holds_it_open(owner: TaskOwner, tmp_path: Path) -> None:
    running = program(owner, tmp_path, HOLDING)
    await running.start()
    async with asyncio.timeout(10):
        (pid,) = [int(line) async for line in running.lines()]
    assert (await running.ended()).code == 0
    await running.close()
    left = await asyncio.to_thread(identify, pid)

    async def is_gone() -> bool:
        return not await asyncio.to_thread(is_alive, left)

    await eventually(is_gone, what="the child to end")


async def test_its_output_ends_with_it_though_something_outside_its_group_holds_it_open(
    owner: TaskOwner, tmp_path: Path
) -> None:
    running = program(owner, tmp_path, HOLDING.replace("])", "], start_new_session=True)"))
    await running.start()
    async with asyncio.timeout(10):
        (pid,) = [int(line) async for line in running.lines()]
    assert (await running.ended()).code == 0
    await running.close()
    os.kill(pid, signal.SIGKILL)  # after an end in order it is left alone


def test_a_closed_one_leaves_nothing_open_though_its_loop_ends_at_once(tmp_path: Path) -> None:
    """The output is still held open then; whatever is left to be closed says so as it is collected."""
    pids: list[int] = []

    async def live() -> None:
        owner = TaskOwner("programs")
        running = program(owner, tmp_path, HOLDING.replace("])", "], start_new_session=True)"))
        await running.start()
        async with asyncio.timeout(10):
            pids.append(int(await anext(running.lines())))
        await running.close()
        await owner.close()

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        asyncio.run(live())
        gc.collect()
    os.kill(pids[0], signal.SIGKILL)
    assert [str(each.message) for each in told] == []


async def test_what_a_program_has_said_is_all_read_though_it_has_ended_before(
    owner: TaskOwner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than is read ahead: the rest waits in the pipe."""
    monkeypatch.setattr("providers.program._QUIET_S", 0.02)
    lines = 10_000
    running = program(owner, tmp_path, f"print(('y' * 63 + '\\n') * {lines}, end='')")
    await running.start()
    await eventually(lambda: not running.is_running, what="the program to end")
    clock = asyncio.get_running_loop()
    late_s = clock.time() + 0.2
    await eventually(lambda: clock.time() > late_s, what="ten times the silence that ends the output")
    assert len([line async for line in running.lines()]) == lines
    await running.close()


async def test_one_that_only_closes_its_output_is_said_to_and_is_ended(owner: TaskOwner, tmp_path: Path) -> None:
    seen: list[AgentProcess] = []
    ended: list[AgentProcess] = []
    running = program(owner, tmp_path, MUTE, ProcessRecorder(seen.append, ended.append))
    await running.start()
    assert [line async for line in running.lines()] == []
    assert str(await running.ended()) == "Heron closed its output"
    await running.close()
    assert seen == ended
    assert not await asyncio.to_thread(is_alive, seen[0])
    await running.close()
    assert len(ended) == 1


async def test_one_that_says_too_much_at_once_is_killed(
    owner: TaskOwner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("providers.pipes.MAX_LINE_BYTES", 1024 * 1024)
    running = program(owner, tmp_path, TALKATIVE)
    await running.start()
    with pytest.raises(ProviderFailed, match="Heron sent a message of more than 1 MiB: the next prompt"):
        _ = [line async for line in running.lines()]
    assert (await running.ended()).code == -9
    await running.close()


async def test_a_start_that_is_given_up_leaves_nothing(
    owner: TaskOwner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process is there, and nobody else knows of it yet."""
    mark, may_go_on = str(tmp_path), threading.Event()
    monkeypatch.setattr("providers.program.identify", lambda *_: may_go_on.wait(30))
    running = program(owner, tmp_path, f"import time\ntime.sleep(600)  # {mark}")
    starting = owner.start(running.start(), name="start")

    async def is_there() -> bool:
        return bool(await asyncio.to_thread(marked, mark))

    async def is_gone() -> bool:
        return not await is_there()

    await eventually(is_there, what="the process to start")
    starting.cancel()
    with suppress(asyncio.CancelledError):
        await starting
    may_go_on.set()
    await running.close()
    await eventually(is_gone, what="the process to end")


def marked(mark: str) -> list[str]:
    """The processes whose command line has `mark` in it. Blocks."""
    found = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if mark.encode() in place.read_bytes():
                found.append(place.parent.name)
    return found


async def test_what_cannot_be_run_is_named_with_the_remedy(owner: TaskOwner, tmp_path: Path) -> None:
    no_program = tmp_path / "heron"
    no_program.write_text("#!/nonexistent/shell\n")
    no_program.chmod(0o700)
    launch = Launch("Heron", (str(no_program),), tmp_path, {})
    with pytest.raises(ProviderFailed, match=r"Heron cannot be started .*: run `.*heron` by hand"):
        await Program(launch, owner.start).start()


@pytest.mark.parametrize(
    ("code", "said", "clause"),
    [
        (0, (), "Heron ended"),
        (3, ("gives up", "}"), "Heron ended with exit code 3 (gives up)"),
        (-9, ("a warning",), "Heron was ended by signal 9"),
        (-6, ("assertion failed",), "Heron was ended by signal 6 (assertion failed)"),
    ],
)
def test_an_end_is_told_with_its_last_words_where_they_may_say_why(
    code: int, said: tuple[str, ...], clause: str
) -> None:
    assert str(Exit("Heron", code, said)) == clause
