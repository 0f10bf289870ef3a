"""What closing a terminal ends, and what it leaves alone; what a program is started with."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from node.terminal import shell
from node.terminal.holder.ending import GIVE_UP_AFTER_S, KILL_AFTER_S, Ending
from node.terminal.service import TerminalService
from tests.support.terminal_link import SplicingMain, page
from tests.support.waiting import eventually
from tests.unit.node.terminal.conftest import NODE, Opener
from ws.protocol.terminals import TerminalListParams, TerminalParams

pytestmark = pytest.mark.usefixtures("streams")


def state_of(pid: int) -> str:
    """The letter of proc(5), "" when there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][:1]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def is_gone(pid: int) -> bool:
    """Dead: in a container without init nobody may ask for those whose parent has ended."""
    return state_of(pid) in {"", "Z", "X"}


async def pid_in(file: Path) -> int:
    await eventually(lambda: file.exists() and file.read_text().endswith("\n"), what=f"the pid in {file.name}")
    return int(file.read_text())


@pytest.mark.parametrize(
    "start",
    [
        pytest.param("sleep 600 & echo $! >pid; exec cat", id="in the background"),
        pytest.param("nohup sleep 600 >/dev/null 2>&1 & echo $! >pid; exec cat", id="deaf to the hang-up"),
        pytest.param(
            "set -m; (trap '' HUP INT TERM; while :; do sleep 0.1; done) & echo $! >pid; exec cat",
            id="deaf to all but kill, a group of its own",
        ),
        pytest.param("set -m; sleep 600 & echo $! >pid; kill -STOP $!; exec cat", id="stopped"),
        pytest.param(
            "set -m; (trap '' HUP TERM; kill -STOP $(sh -c 'echo $PPID'); sleep 600) & echo $! >pid; sleep 600",
            id="stopped and deaf",
        ),
        pytest.param("sh -c 'sh -c \"sleep 600 & echo \\$! >pid; wait\" & wait' & exec cat", id="a grandchild"),
        pytest.param("trap '' HUP TERM; sleep 600 & echo $! >pid; exec cat", id="of a shell that became another"),
    ],
)
async def test_closing_ends_all_that_the_terminal_runs(
    service: TerminalService, open_terminal: Opener, tmp_path: Path, start: str
) -> None:
    terminal = await open_terminal(start)
    pid = await pid_in(tmp_path / "pid")
    assert not is_gone(pid)
    await service.end(TerminalParams(node=NODE, terminal=terminal))
    await eventually(lambda: is_gone(pid), what="the job to end", deadline_s=5)


async def test_what_left_the_terminal_lives_on(service: TerminalService, open_terminal: Opener, tmp_path: Path) -> None:
    terminal = await open_terminal("setsid sh -c 'echo $$ >pid; exec sleep 600' </dev/null >/dev/null 2>&1 & exec cat")
    daemon = await pid_in(tmp_path / "pid")
    try:
        await service.end(TerminalParams(node=NODE, terminal=terminal))
        await service.close(end_terminals=True)
        assert not is_gone(daemon)
    finally:
        os.kill(daemon, signal.SIGKILL)


async def test_whoever_turns_up_after_the_kill_is_killed_too() -> None:
    """A program that forks into a group of its own may be quicker than one look at /proc."""
    late = [await asyncio.create_subprocess_exec("sleep", "600", start_new_session=True) for _ in range(2)]
    first, second = late
    try:
        ending = Ending(first.pid, 0.0)
        assert not ending.advance(KILL_AFTER_S, {first.pid: {first.pid}})
        assert await asyncio.wait_for(first.wait(), 10) < 0
        assert not ending.advance(KILL_AFTER_S + 0.05, {first.pid: {second.pid}, 1: {1}})
        assert await asyncio.wait_for(second.wait(), 10) == -signal.SIGKILL
        assert ending.advance(KILL_AFTER_S + 0.1, {1: {1}})
        assert Ending(first.pid, 0.0).advance(GIVE_UP_AFTER_S, {first.pid: {second.pid}}), (
            "nobody is waited for without end"
        )
    finally:
        for process in late:
            if process.returncode is None:
                process.kill()
                await process.wait()


async def test_a_program_that_ends_by_itself_leaves_its_jobs_to_the_kernel(
    service: TerminalService, open_terminal: Opener, tmp_path: Path
) -> None:
    """As in any terminal: what is deaf to the hang-up, as nohup makes it, goes on."""
    terminal = await open_terminal("trap '' HUP; sleep 600 & echo $! >pid; exit 0")
    job = await pid_in(tmp_path / "pid")
    await eventually(lambda: service.find(terminal).is_over, what="the end")
    try:
        await service.end(TerminalParams(node=NODE, terminal=terminal))
        assert not is_gone(job)
    finally:
        os.kill(job, signal.SIGKILL)


async def test_the_holder_waits_for_those_that_it_ends(
    service: TerminalService, open_terminal: Opener, tmp_path: Path
) -> None:
    """Ctrl-C at the node: the deaf ones are killed although their terminal has ended before."""
    await open_terminal("set -m; (trap '' HUP TERM; while :; do sleep 0.1; done) & echo $! >pid; exec cat")
    job = await pid_in(tmp_path / "pid")
    await service.close(end_terminals=True)
    await eventually(lambda: is_gone(job), what="the job to end", deadline_s=2)


async def test_no_zombie_is_left(service: TerminalService, open_terminal: Opener) -> None:
    opened = [await open_terminal(script) for script in ("exit 3", "kill -9 $$", "sleep 600")]
    holder = service.holder_pid
    assert holder is not None

    def children() -> list[str]:
        return Path(f"/proc/{holder}/task/{holder}/children").read_text().split()

    await eventually(lambda: len(children()) == 1, what="two to be over")
    await eventually(lambda: all(service.find(each).exit for each in opened[:2]), what="the node to hear of them")
    assert not is_gone(int(children()[0]))
    listed = (await service.list(TerminalListParams(node=NODE))).terminals
    assert [(each.running, each.code, each.signal) for each in listed] == [
        (False, 3, None),
        (False, None, "SIGKILL"),
        (True, None, None),
    ]


@pytest.fixture
async def shown(
    main: SplicingMain, open_terminal: Opener, environment: dict[str, str]
) -> AsyncIterator[dict[str, str]]:
    """The environment of a program in a terminal of a node that was started inside another one."""
    environment |= {
        "TERM": "screen-256color",
        "TMUX": "/tmp/tmux-0/default,1,0",
        "STY": "1.pts-0",
        "TERM_PROGRAM": "tmux",
        "VTE_VERSION": "7600",
        "COLUMNS": "11",
        "PWD": "/elsewhere",
        "EDITOR": "ed",
        "SWITCHYARD_AUTH_JWT_SECRET": "s" * 32,
        "ODD": "\udcff",
    }
    async with page(main, await open_terminal("env; echo =over=; sleep 60")) as reader:
        await reader.shows(b"=over=")
        lines = reader.output.decode().partition("=over=")[0].splitlines()
        yield dict(line.split("=", 1) for line in lines)


async def test_a_terminal_says_what_it_is_and_not_where_the_node_was_started(
    shown: dict[str, str], tmp_path: Path
) -> None:
    assert (shown["TERM"], shown["COLORTERM"], shown["LANG"]) == ("xterm-256color", "truecolor", "C.UTF-8")
    assert (shown["PWD"], shown["HOME"], shown["EDITOR"]) == (str(tmp_path), str(tmp_path), "ed")
    assert not shown.keys() & {"TMUX", "STY", "TERM_PROGRAM", "VTE_VERSION", "COLUMNS", "LINES", "ODD"}
    assert not any(name.startswith("SWITCHYARD_") for name in shown)


@pytest.mark.parametrize("name", ["LANG", "LC_ALL", "LC_CTYPE"])
def test_a_locale_that_is_there_is_kept(name: str) -> None:
    given = shell.terminal_environment({name: "de_DE.UTF-8"}, "/")
    assert {each: value for each, value in given.items() if each.startswith(("LANG", "LC_"))} == {name: "de_DE.UTF-8"}
