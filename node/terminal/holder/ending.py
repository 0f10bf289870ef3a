"""Ending a terminal's program: ask as a closed terminal does, then insist, then kill."""

import os
import signal
from collections.abc import Mapping

STEPS: tuple[tuple[float, tuple[signal.Signals, ...]], ...] = (
    (0.0, (signal.SIGHUP, signal.SIGCONT)),
    (1.0, (signal.SIGTERM, signal.SIGCONT)),
)
"""Seconds since the start of the ending, and what is sent then. Stopped programs hear nothing until they continue."""
KILL_AFTER_S = 2.0
"""From here on whoever is left is killed, again and again: a program that forks may be quicker than one look."""
GIVE_UP_AFTER_S = 3.0


class Ending:
    """The session of one terminal on its way out: its shell, the job in front, and what runs or is stopped behind.

    Who left the session (setsid, a daemon) lives on, as with any terminal.
    """

    POLL_S = 0.05
    """How often the session is looked at: the holder hears only of its own children's end."""

    def __init__(self, session: int, now_s: float) -> None:
        self._session = session
        self._began_s = now_s
        self._next = 0

    def advance(self, now_s: float, living: Mapping[int, set[int]]) -> bool:
        """Send what is due at `now_s`. True when nobody is left, or those who are left cannot be ended.

        `living`: the process groups of each session, as `living_groups` finds them.
        """
        groups = living.get(self._session, set())
        while self._next < len(STEPS) and now_s >= self._began_s + STEPS[self._next][0]:
            for number in STEPS[self._next][1]:
                _send(groups, number)
            self._next += 1
        if now_s >= self._began_s + KILL_AFTER_S:
            _send(groups, signal.SIGKILL)
        return not groups or now_s >= self._began_s + GIVE_UP_AFTER_S


def living_groups() -> dict[int, set[int]]:
    """Process groups with a member that runs, by session. A dead one counts for kill(2) until its parent has asked.

    Raises OSError when the system refuses a look, as without a free descriptor: nobody is known to be gone then.
    """
    sessions: dict[int, set[int]] = {}
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        try:
            with open(f"/proc/{entry.name}/stat", "rb") as file:  # noqa: PTH123 - pathlib costs the holder memory
                # proc(5): pid (name) state parent group session …; the name may hold spaces and parentheses.
                state, _, group, session = file.read().rpartition(b") ")[2].split(maxsplit=4)[:4]
        except (FileNotFoundError, ProcessLookupError, PermissionError):  # it ended just now, or is another user's
            continue
        if state not in {b"Z", b"X"}:
            sessions.setdefault(int(session), set()).add(int(group))
    return sessions


def _send(groups: set[int], number: int) -> None:
    for group in groups:
        try:
            os.killpg(group, number)
        except (ProcessLookupError, PermissionError):  # gone, or another user's: setuid programs end by the hang-up
            continue
