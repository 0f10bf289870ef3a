"""One figure of one system each. Times in ms, memory in MB; an `End` that is given is used up to its prompt again."""

import contextlib
import multiprocessing
import statistics
import threading
import time
from collections.abc import Iterator

import psutil

from tests.bench.terminal.ends import End
from tests.bench.terminal.systems import System

ECHO = "stty raw -echo; printf ready; exec cat"
FLOOD = "stty raw -echo; printf ready; while IFS= read -r n; do head -c $n /dev/zero | tr '\\000' x; done"
ENDLESS = (
    "stty -echo; trap : INT; while :; do printf '\\001ready'; read go && yes 0123456789012345678901234567890123456789;"
    " done"
)
"""Ctrl-C ends `yes`, and then the next prompt comes."""
DEAF = "stty raw -echo; printf ready; exec sleep 1000"

PROMPT = b"\x01ready"
ECHOES = 200
FLOOD_BYTES = 40_000_000
SLOW_BYTES_S = 1_000_000
FAST_FOR_S, SLOW_FOR_S, STALLED_FOR_S = 0.3, 1.0, 20.0
PASTE_BYTES = 1_000_000


def opened(system: System, script: str) -> End:
    """A terminal whose program is ready."""
    end = system.open(script)
    until(end, b"ready")
    return end


def until(end: End, mark: bytes, bytes_s: float | None = None) -> None:
    """Read until `mark`, at most so fast."""
    tail = b""
    while mark not in tail:
        data = end.read()
        tail = (tail + data)[-len(data) - len(mark) :]
        if bytes_s is not None:
            time.sleep(len(data) / bytes_s)  # noqa: TID251 - a process without a loop


def echo(end: End, echoes: int = ECHOES) -> tuple[float, float]:
    """p50 and p99 of one keystroke there and back."""
    times = []
    for _ in range(echoes):
        began = time.perf_counter()
        end.type(b"x")
        end.read()
        times.append((time.perf_counter() - began) * 1000)
        time.sleep(0.0005)  # noqa: TID251 - a hand that types
    times.sort()
    return times[echoes // 2], times[echoes * 99 // 100]


def flood(system: System, end: End) -> tuple[float, float]:
    """MB/s, and the system's processor seconds for 100 MB."""
    before_s, began = _cpu_s(system), time.perf_counter()
    end.type(b"%d\n" % FLOOD_BYTES)
    received = 0
    while received < FLOOD_BYTES:
        received += len(end.read())
    spent_s = time.perf_counter() - began
    return FLOOD_BYTES / spent_s / 1e6, (_cpu_s(system) - before_s) / (FLOOD_BYTES / 1e8)


def ctrl_c(end: End, for_s: float, bytes_s: float | None) -> float:
    """From Ctrl-C to the prompt, after the reader has read `yes` for so long and so fast."""
    end.type(b"\n")
    until_s = time.perf_counter() + for_s
    while time.perf_counter() < until_s:
        data = end.read()
        if bytes_s is not None:
            time.sleep(len(data) / bytes_s)  # noqa: TID251
    return interrupted(end, bytes_s)


def interrupted(end: End, bytes_s: float | None = None) -> float:
    """From Ctrl-C to the prompt."""
    began = time.perf_counter()
    end.type(b"\x03")
    until(end, PROMPT, bytes_s)
    return (time.perf_counter() - began) * 1000


@contextlib.contextmanager
def flooding(system: System) -> Iterator[None]:
    """Another terminal of `system` prints without end, and somebody reads it all."""
    end = opened(system, ENDLESS)
    end.type(b"\n")
    reading = multiprocessing.get_context("fork").Process(target=_consume, args=(end,), daemon=True)
    reading.start()
    try:
        time.sleep(0.3)  # noqa: TID251 - it is under way
        yield
    finally:
        reading.kill()
        reading.join()
        end.close()


def _consume(end: End) -> None:
    while True:
        end.read()


def pasted(deaf: End, quiet: End) -> float:
    """p50 of an echo while 1 MB goes into another terminal's program, which does not read. It is sent from beside."""
    sending = threading.Thread(target=_paste, args=(deaf,), daemon=True)
    sending.start()
    return echo(quiet)[0]


def _paste(deaf: End) -> None:
    with contextlib.suppress(OSError):  # nobody takes the rest, and then it is closed
        deaf.type(b"v" * PASTE_BYTES)


def _cpu_s(system: System) -> float:
    spent = 0.0
    for each in system.processes():
        with contextlib.suppress(psutil.NoSuchProcess):
            spent += sum(each.cpu_times()[:2])
    return spent


def resident_mb(system: System) -> float:
    """Of all its processes; pages that they share count once in each."""
    return sum(_of(each, "rss") for each in system.processes())


def own_mb(system: System) -> float:
    """What would be free if its processes ended: fair to a system that has one for each terminal."""
    return sum(_of(each, "uss") for each in system.processes())


def _of(process: psutil.Process, kind: str) -> float:
    with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
        info = process.memory_info() if kind == "rss" else process.memory_full_info()
        return float(getattr(info, kind)) / 1e6
    return 0.0


def stalled(systems: list[System]) -> dict[str, tuple[float, float]]:
    """All at once, for 20 s nobody reads `yes`: by name the growth of memory at its peak, then Ctrl-C to the prompt."""
    ends = {system.name: opened(system, ENDLESS) for system in systems}
    before = {system.name: resident_mb(system) for system in systems}
    for end in ends.values():
        end.type(b"\n")
    peaks = dict(before)
    until_s = time.monotonic() + STALLED_FOR_S
    while time.monotonic() < until_s:
        time.sleep(0.5)  # noqa: TID251
        for system in systems:
            peaks[system.name] = max(peaks[system.name], resident_mb(system))
    found = {}
    for system in systems:
        found[system.name] = (peaks[system.name] - before[system.name], interrupted(ends[system.name]))
        ends[system.name].close()
    return found


def per_terminal_kb(system: System, count: int) -> float:
    """What each of `count` terminals with a reader adds, less the programs in them."""
    before = own_mb(system)
    ends = [opened(system, ECHO) for _ in range(count)]
    for end in ends:
        echo(end, 3)
    grown = own_mb(system) - before
    for end in ends:
        end.close()
    return grown * 1000 / count


def paired(ours: list[float], theirs: list[float]) -> float:
    """The median of the ratios of the same round."""
    return statistics.median(mine / other for mine, other in zip(ours, theirs, strict=True) if other)
