"""Ending a terminal's program: ask as a closed terminal does, then insist, then kill."""

import os
import signal
from collections.abc import Iterable

STEPS: tuple[tuple[float, tuple[signal.Signals, ...]], ...] = (
    (0.0, (signal.SIGHUP, signal.SIGCONT)),
    (1.0, (signal.SIGTERM, signal.SIGCONT)),
    (2.0, (signal.SIGKILL,)),
)
"""Seconds since the start of the ending, and what is sent then. Stopped programs hear nothing until they continue."""


class Ending:
    """The process groups of one terminal on their way out: its shell's and that of the job in front.

    What the user has taken out of the terminal's reach (nohup, setsid, a background job that ignores the hang-up) lives
    on, as with any terminal.
    """

    POLL_S = 0.05
    """How often the groups are looked at: the holder hears only of its own children's end."""

    def __init__(self, groups: Iterable[int], now_s: float) -> None:
        self._groups = set(groups)
        self._began_s = now_s
        self._next = 0

    def advance(self, now_s: float) -> bool:
        """Send what is due at `now_s`. True when no process is left, or nothing is left to send."""
        while self._next < len(STEPS) and now_s >= self._began_s + STEPS[self._next][0]:
            for number in STEPS[self._next][1]:
                self._groups = {group for group in self._groups if _send(group, number)}
            self._next += 1
        if self._groups:
            self._groups &= _living_groups()
        return not self._groups or self._next == len(STEPS)


def _living_groups() -> set[int]:
    """Process groups with a member that runs. A dead one counts for kill(2) until init has taken note of it."""
    groups = set()
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        try:
            with open(f"/proc/{entry.name}/stat", "rb") as file:  # noqa: PTH123 - pathlib costs the holder memory
                # proc(5): pid (name) state parent group …; the name may hold spaces and parentheses.
                state, _, group = file.read().rpartition(b") ")[2].split(maxsplit=3)[:3]
        except OSError:  # it ended just now
            continue
        if state not in {b"Z", b"X"}:
            groups.add(int(group))
    return groups


def _send(group: int, number: int) -> bool:
    """False when the group has no process left (or only another user's: setuid programs end by the hang-up)."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True
