"""Telling whether a recorded process still lives: a pid alone may belong to another one by now."""

import os
import subprocess
from pathlib import Path

_STARTTIME = 19
"""Index of `starttime` behind the command's closing bracket in /proc/PID/stat (proc(5), field 22)."""


def start_time(pid: int) -> str | None:
    """When a process was started, in whatever unit the system tells; None when there is none. Blocking."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except ProcessLookupError:
        return None  # it ended between the opening of the file and its reading
    except FileNotFoundError:
        return None if Path("/proc/self").exists() else _by_ps(pid)
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] == "Z" else fields[_STARTTIME]


def is_alive(pid: int, started: str) -> bool:
    """Whether that very process lives. Blocking."""
    return start_time(pid) == started


def signal_process(pid: int, number: int) -> None:
    """Send a signal; a process that has ended meanwhile is fine."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def signal_group(pid: int, number: int) -> None:
    """Send a signal to a process and its children; those that have ended meanwhile are fine."""
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        return


def _by_ps(pid: int) -> str | None:
    told = subprocess.run(
        ["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, timeout=5, check=False
    )
    return told.stdout.strip() or None
