"""One figure of one system each. Times in ms, memory in MB; an `End` that is given is used up to its prompt again."""

import contextlib
import functools
import multiprocessing
import signal
import threading
import time
from collections.abc import Callable, Iterator

import psutil

from tests.bench.terminal.ends import End, Page
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
UNDER_WAY_S = 0.3
PASTE_BYTES = 1_000_000
PASTE_LIMIT_S, RETURN_LIMIT_S = 3, 30
"""What takes longer is put down as infinite."""
TYPED_EVERY_S = 0.1
LIMIT_S = 180
"""For one figure of one system: then something hangs."""


@contextlib.contextmanager
def within(limit_s: int) -> Iterator[None]:
    """Whatever blocks inside for longer raises TimeoutError. Not to be nested."""
    signal.signal(signal.SIGALRM, _too_late)
    signal.alarm(limit_s)
    try:
        yield
    finally:
        signal.alarm(0)


def _too_late(*_: object) -> None:
    raise TimeoutError("nothing more came")


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


def echo(end: End, echoes: int | None = None) -> tuple[float, float]:
    """p50 and p99 of one keystroke there and back, of ECHOES or as many as are given."""
    echoes = echoes or ECHOES
    times = []
    for _ in range(echoes):
        began = time.perf_counter()
        end.type(b"x")
        end.read()
        times.append((time.perf_counter() - began) * 1000)
        time.sleep(0.0005)  # noqa: TID251 - a hand that types
    times.sort()
    return times[echoes // 2], times[echoes * 99 // 100]


def at_most(limit_s: int, measure: Callable[[], float]) -> float:
    """What `measure` finds, or infinity when it takes longer."""
    try:
        with within(limit_s):
            return measure()
    except TimeoutError:
        return float("inf")


def echo_for_two(end: Page, other: Page) -> float:
    """p50 at the one who types, while another reads the same terminal."""
    times = []
    for _ in range(ECHOES):
        began = time.perf_counter()
        end.type(b"x")
        end.read()
        times.append((time.perf_counter() - began) * 1000)
        other.read()
        time.sleep(0.0005)  # noqa: TID251
    return sorted(times)[ECHOES // 2]


def flood(system: System, end: End, size_bytes: int | None = None) -> tuple[float, float]:
    """MB/s, and the system's processor seconds for 100 MB; of FLOOD_BYTES or as many as are given."""
    size_bytes = size_bytes or FLOOD_BYTES
    before_s, began = _cpu_s(system), time.perf_counter()
    end.type(b"%d\n" % size_bytes)
    received = 0
    while received < size_bytes:
        received += end.count()
    spent_s = time.perf_counter() - began
    return size_bytes / spent_s / 1e6, (_cpu_s(system) - before_s) / (size_bytes / 1e8)


def flood_beside_typing(end: End, quiet: End) -> float:
    """MB/s while somebody types ten keys a second in another terminal of the same system."""
    quiet.type(b"x")
    typed, received = 1, 0
    began = time.perf_counter()
    end.type(b"%d\n" % FLOOD_BYTES)
    while received < FLOOD_BYTES:
        received += end.count()
        if time.perf_counter() - began > typed * TYPED_EVERY_S:
            quiet.type(b"x")
            typed += 1
    spent_s = time.perf_counter() - began
    while typed > 0:
        typed -= quiet.count()
    return FLOOD_BYTES / spent_s / 1e6


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
        time.sleep(UNDER_WAY_S)  # noqa: TID251
        yield
    finally:
        reading.kill()
        reading.join()
        end.close()


def _consume(end: End) -> None:
    while True:
        end.count()


def pasted(deaf: End, quiet: End) -> float:
    """p50 of an echo while 1 MB goes into another terminal's program, which does not read. It is sent from beside."""
    sending = threading.Thread(target=_paste, args=(deaf,), daemon=True)
    sending.start()
    return at_most(PASTE_LIMIT_S, lambda: echo(quiet)[0])


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
        end = ends[system.name]
        took = at_most(RETURN_LIMIT_S, functools.partial(interrupted, end))
        found[system.name] = (peaks[system.name] - before[system.name], took)
        end.close()
    return found


def per_terminal_kb(system: System, count: int) -> tuple[float, list[End]]:
    """What each of `count` terminals with a reader adds, less the programs in them; and the terminals."""
    before = own_mb(system)
    ends = [opened(system, ECHO) for _ in range(count)]
    for end in ends:
        echo(end, 3)
    return (own_mb(system) - before) * 1000 / count, ends
