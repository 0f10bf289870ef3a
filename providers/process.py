"""Agent processes by pid and start time, so that a restarted node ends leftovers and nothing else.

Two live CLIs on one native session corrupt it silently, and a pid alone may name a stranger by now. Works where there
is a `/proc` (Linux); elsewhere nothing is found and nothing is ended, and the CLIs end by the end of their input.
"""

import asyncio
import os
import signal
from collections.abc import Iterable, Iterator
from pathlib import Path

from providers.base import AgentProcess

GRACE_S = 2.0
"""Between SIGTERM and SIGKILL."""

_POLL_S = 0.02
_PROC = Path("/proc")
_PARENT_FIELD = 1
_START_TIME_FIELD = 19
"""proc_pid_stat(5), counted from the state that follows the closing bracket of the command."""


def identify(pid: int, command: str = "") -> AgentProcess:
    """The process that has this pid now; start time 0 when it is gone or cannot be known. Reads `/proc`, so blocks."""
    fields = _stat(pid)
    return AgentProcess(pid, int(fields[_START_TIME_FIELD]) if fields else 0, command)


def is_alive(process: AgentProcess) -> bool:
    """True while that very process lives (a zombie does not); False when its start time is not known."""
    fields = _stat(process.pid)
    return bool(fields) and fields[0] != "Z" and int(fields[_START_TIME_FIELD]) == process.start_time


def family(process: AgentProcess) -> list[AgentProcess]:
    """The process and all that descend from it, oldest first; empty when it is gone."""
    if not is_alive(process):
        return []
    children: dict[int, list[int]] = {}
    for pid, fields in _all_stats():
        children.setdefault(int(fields[_PARENT_FIELD]), []).append(pid)
    found = [process]
    for parent in found:
        found.extend(child for pid in children.get(parent.pid, ()) if (child := identify(pid)).start_time)
    return found


async def end_family(process: AgentProcess, grace_s: float = GRACE_S) -> int:
    """End a process and its descendants: SIGTERM, after `grace_s` SIGKILL. Returns how many there were.

    Takes at most twice `grace_s`. Processes that are not ours to signal are left alone.
    """
    members = await asyncio.to_thread(family, process)
    for signal_number in (signal.SIGTERM, signal.SIGKILL):
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
