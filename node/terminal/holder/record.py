"""Which programs a holder has, on disk beside its socket: for a node that finds neither it nor the node it served."""

import os
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path

import msgspec

WRITTEN_EVERY_S = 60.0
"""Also when nothing changes: whoever began before the last time is known to belong to a program that ran then."""
_TICKS = os.sysconf("SC_CLK_TCK")
_START, _SESSION = 19, 3
"""Of the fields of /proc/PID/stat behind the name (proc(5): 22 and 6)."""


class Written(msgspec.Struct):
    """`running` are programs with the moments of their start, like `as_of` in ticks of the boot `boot`."""

    boot: str
    as_of: int
    running: dict[int, int]


def beside(address: Path) -> Path:
    """The record of the holder at a socket."""
    return address.with_suffix(".running")


def started(pid: int) -> int:
    """When a process began; 0: it has gone."""
    fields = _stat(pid)
    return int(fields[_START]) if fields else 0


def is_running(pid: int, since: int) -> bool:
    """Whether the process that began at `since`, as `started` said, still runs; 0: whenever it began."""
    fields = _stat(pid)
    return bool(fields) and since in {0, int(fields[_START])} and fields[0] not in {b"Z", b"X"}


def write(path: Path, running: Mapping[int, int]) -> None:
    """Replace the record. Without room for it the last one stays."""
    as_of = int(time.clock_gettime(time.CLOCK_BOOTTIME) * _TICKS)
    fresh = path.with_suffix(".new")
    with suppress(OSError):
        fresh.unlink(missing_ok=True)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        content = msgspec.json.encode(Written(_boot(), as_of, dict(running)))
        try:
            is_whole = os.write(descriptor, content) == len(content)
        finally:
            os.close(descriptor)
        if is_whole:
            fresh.replace(path)


def read(path: Path) -> Written | None:
    """What the last holder wrote; None: nothing, or nothing that can be read."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Written)
    except (OSError, msgspec.MsgspecError):
        return None


def remove(path: Path, written: Written) -> None:
    """Remove the record, unless another holder has written there since."""
    if read(path) == written:
        path.unlink(missing_ok=True)


def may_be_needed(written: Written, sessions: Collection[int]) -> bool:
    """Whether one of its programs may be among those `sessions`, in which somebody runs."""
    return written.boot == _boot() and any(session in sessions for session in written.running)


def left_behind(written: Written) -> dict[int, bool]:
    """Sessions of a holder that was killed in which somebody still runs, and whether that is sure.

    A number may stand for another session by now. It is the same one when a member, its leader or another, began while
    the recorded program ran: numbers are not used again while somebody is in the session.
    """
    found: dict[int, bool] = {}
    for entry in os.scandir("/proc") if written.boot == _boot() else ():
        fields = _stat(int(entry.name)) if entry.name.isdigit() else []
        session = int(fields[_SESSION]) if fields else 0
        began = written.running.get(session)
        if began is not None and fields[0] not in {b"Z", b"X"}:
            found[session] = found.get(session, False) or began <= int(fields[_START]) <= written.as_of
    return found


def _stat(pid: int) -> list[bytes]:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - pathlib costs the holder memory
            return file.read().rpartition(b") ")[2].split()
    except OSError:
        return []


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
