"""A journal that is in memory only: what was read from a transcript, in the form in which the disk has ours."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from node.store.journals import Checkpoint, Entry, NameKind

Result = TypeVar("Result")


class MemoryPages:
    """Implements the storage of one :class:`node.sessions.journal.Journal`; numbers mean nothing here."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.size_bytes = 0

    async def append(self, number: int, entries: Sequence[Entry], checkpoint: Checkpoint | None) -> None:
        self.bodies += [entry.body for entry in entries]
        self.size_bytes += sum(len(entry.body) for entry in entries)

    def keep_unfinished(self, number: int, body: bytes) -> None:
        """Nothing is unfinished that lies on the agent's own disk."""

    async def page(self, number: int, *, after: int, until: int, limit: int, max_bytes: int) -> list[bytes]:
        return _cut(self.bodies[after : min(until, after + limit)], max_bytes)

    async def page_before(self, number: int, *, before: int, limit: int, max_bytes: int) -> list[bytes]:
        first = max(0, before - 1 - limit)
        return _cut(self.bodies[first : max(0, before - 1)][::-1], max_bytes)[::-1]

    async def marks(self, number: int, types: Sequence[str], read: Callable[[bytes], Result]) -> list[Result]:
        heads = tuple(f'{{"type":"{name}"'.encode() for name in types)
        return [read(body) for body in self.bodies if body.startswith(heads)]

    async def find(self, number: int, kind: NameKind, name: str) -> tuple[int, bytes] | None:
        """Nothing has a name: nobody has sent or answered anything here."""
        return None

    async def delete(self, number: int) -> None:
        self.bodies.clear()


def _cut(bodies: list[bytes], max_bytes: int) -> list[bytes]:
    found: list[bytes] = []
    for body in bodies:
        max_bytes -= len(body)
        if found and max_bytes < 0:
            break
        found.append(body)
    return found
