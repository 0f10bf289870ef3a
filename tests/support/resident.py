"""The most memory that processes had while something ran."""

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import psutil

MIB = 1024 * 1024
_LOOK_S = 0.02


@dataclass
class Resident:
    """RSS in MiB by process, in the order in which they were given. Looked at in a thread, every 20 ms."""

    processes: list[psutil.Process]
    before: list[float] = field(default_factory=list)
    most: list[float] = field(default_factory=list)

    @property
    def growth(self) -> list[float]:
        """The most above what each had at first."""
        return [most - before for before, most in zip(self.before, self.most, strict=True)]

    def look(self) -> None:
        now = [each.memory_info().rss / MIB for each in self.processes]
        self.before = self.before or now
        self.most = [max(pair) for pair in zip(self.most or now, now, strict=True)]


@contextlib.contextmanager
def watched_memory(*pids: int) -> Iterator[Resident]:
    """Looks while the block runs, and once more at its end."""
    resident = Resident([psutil.Process(pid) for pid in pids])
    resident.look()
    is_over = threading.Event()

    def watch() -> None:
        while not is_over.wait(_LOOK_S):
            resident.look()

    watching = threading.Thread(target=watch, name="memory")
    watching.start()
    try:
        yield resident
        resident.look()
    finally:
        is_over.set()
        watching.join()
