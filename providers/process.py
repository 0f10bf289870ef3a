"""Agent processes by pid and start time, so that a restarted node ends leftovers and nothing else.

Two live CLIs on one native session corrupt it silently, and a pid alone may name a stranger by now. What an agent has
started is found by descent while the agent lives, and by a mark in the environment when it was killed: CLIs give their
commands sessions of their own, and the kernel gives orphans to init. Works where there is a `/proc` (Linux); elsewhere
nothing is found and nothing is ended, and the CLIs end by the end of their input.
"""

import asyncio
import os
import secrets
import signal
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from providers.base import AgentProcess

GRACE_S = 2.0
"""Between SIGTERM and SIGKILL."""

MARK = "AGENT_FAMILY"
"""The variable that an agent and all that it starts have in their environment: one value per agent process."""

_POLL_S = 0.02
_PROC = Path("/proc")
_PARENT_FIELD = 1
_START_TIME_FIELD = 19
"""proc_pid_stat(5), counted from the state that follows the closing bracket of the command."""


def marked(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment for one agent process, with a mark that no other one has."""
    return {**environment, MARK: secrets.token_hex(8)}


def identify(pid: int, command: str = "", mark: str = "") -> AgentProcess:
    """The process that has this pid now; start time 0 when it is gone or cannot be known. Reads `/proc`, so blocks."""
    fields = _stat(pid)
    return AgentProcess(pid, int(fields[_START_TIME_FIELD]) if fields else 0, command, mark)


def is_alive(process: AgentProcess) -> bool:
    """True while that very process lives (a zombie does not); False when its start time is not known."""
    fields = _stat(process.pid)
    return bool(fields) and fields[0] != "Z" and int(fields[_START_TIME_FIELD]) == process.start_time


def began_at(pid: int) -> float:
    """When the process that has this pid now was started, as Unix time. Raises ProcessLookupError when it is gone."""
    fields = _stat(pid)
    if not fields:
        raise ProcessLookupError(pid)
    age_s = time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[_START_TIME_FIELD]) / os.sysconf("SC_CLK_TCK")
    return time.time() - age_s


def family(process: AgentProcess) -> list[AgentProcess]:
    """The process, all that have its mark, and all that descend from these; of a dead one what it has left behind.

    Never this process nor what it descends from: a node may be started by an agent, even one of its own. Blocks.
    """
    parents = {pid: int(fields[_PARENT_FIELD]) for pid, fields in _all_stats()}
    children: dict[int, list[int]] = {}
    for pid, parent in parents.items():
        children.setdefault(parent, []).append(pid)
    known = _line_of(os.getpid(), parents)
    found: list[AgentProcess] = []

    def add(pids: Iterable[int]) -> None:
        for pid in pids:
            if pid not in known and (member := identify(pid)).start_time:
                known.add(pid)
                found.append(member)

    add([process.pid] if is_alive(process) else [])
    add(_marked_with(process.mark, parents) if process.mark else [])
    for member in found:
        add(children.get(member.pid, ()))
    return found


async def end_family(process: AgentProcess, grace_s: float = GRACE_S) -> int:
    """End a process and its family: SIGTERM, after `grace_s` SIGKILL. Returns how many there were.

    Takes at most twice `grace_s`. Processes that are not ours to signal are left alone.
    """
    members: list[AgentProcess] = []
    for signal_number in (signal.SIGTERM, signal.SIGKILL):
        # What was started since then too.
        members.extend(each for each in await asyncio.to_thread(family, process) if each not in members)
        await asyncio.to_thread(_signal, members, signal_number)
        if await _are_gone(members, grace_s):
            break
    return len(members)


async def _are_gone(members: Iterable[AgentProcess], within_s: float) -> bool:
    """Polled, since they are not our children: there is no wait() for them."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within_s
    while await asyncio.to_thread(_any_alive, members):
        if loop.time() >= deadline:
            return False
        await asyncio.sleep(_POLL_S)
    return True


def _any_alive(members: Iterable[AgentProcess]) -> bool:
    return any(is_alive(member) for member in members)


def _signal(members: Iterable[AgentProcess], signal_number: signal.Signals) -> None:
    for member in members:
        if is_alive(member):
            try:
                os.kill(member.pid, signal_number)
            except (ProcessLookupError, PermissionError):
                continue


def _line_of(pid: int, parents: Mapping[int, int]) -> set[int]:
    """The process and what it descends from."""
    line: set[int] = set()
    while pid and pid not in line:
        line.add(pid)
        pid = parents.get(pid, 0)
    return line


def _marked_with(mark: str, pids: Iterable[int]) -> Iterator[int]:
    sought = f"{MARK}={mark}".encode()
    for pid in pids:
        try:
            environment = (_PROC / str(pid) / "environ").read_bytes()
        except OSError:  # somebody else's, or gone
            continue
        if sought in environment.split(b"\0"):
            yield pid


def _all_stats() -> Iterator[tuple[int, list[str]]]:
    for entry in _PROC.iterdir() if _PROC.is_dir() else ():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            yield int(entry.name), fields


def _stat(pid: int) -> list[str]:
    """Fields of /proc/PID/stat after the command, which may itself hold blanks and brackets; [] when it is gone."""
    try:
        text = (_PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return []
    return text.rpartition(")")[2].split()
