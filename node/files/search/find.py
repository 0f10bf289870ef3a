"""Files and folders by the letters of their path: the best first in each batch."""

import os
import re
import time
from bisect import insort
from collections.abc import AsyncIterator, Awaitable, Callable

from node.files.facts import displayed
from node.files.search.ripgrep import COMMON
from node.places import raw_unless_utf8
from ws.protocol.files import FilesFindEvent, FilesFound, FilesSearchDone, FoundPath

ARGUMENTS = (*COMMON, "--files", "--null")
FIRST_BATCH_S = 0.05
"""When the best of what was found so far is told for the first time; later batches come in growing steps."""
MAX_BATCH_CHARS = 24 * 1024
"""Of paths in one event, so that its JSON stays below 64 KiB."""

Score = tuple[int, int, str, bool]
"""Rank, length, the path, and whether it is a folder: less is better."""


class Finder:
    """Chooses and ranks the paths of one search. Not thread-safe; called by one thread after another."""

    def __init__(self, query: str, keep: int) -> None:
        """`keep`: the best so many that have not been taken are remembered."""
        self._letters = query.casefold()
        letters = "".join(f"[^{_in_class(each)}]*+{re.escape(each)}" for each in self._letters)
        self._has_letters = re.compile(letters, re.DOTALL).match
        self._keep = keep
        self._folders = {""}
        self._best: list[Score] = []
        self.is_cut = False

    def add(self, records: list[bytes]) -> None:
        """Look at some files, and at the folders in which they lie."""
        for raw in records:
            path = os.fsdecode(raw.removeprefix(b"./"))
            if not path:
                continue
            self._consider(path, is_folder=False)
            folder = path.rpartition("/")[0]
            while folder not in self._folders:
                self._folders.add(folder)
                self._consider(folder, is_folder=True)
                folder = folder.rpartition("/")[0]

    def take(self, count: int) -> list[FoundPath]:
        """The best `count` that were not taken yet."""
        taken = self._best[:count]
        del self._best[:count]
        self._keep -= len(taken)
        return [
            FoundPath(path=displayed(path), type="directory" if is_folder else "file", path_bytes=raw_unless_utf8(path))
            for _, _, path, is_folder in taken
        ]

    def _consider(self, path: str, *, is_folder: bool) -> None:
        folded = path.casefold()
        if self._has_letters(folded) is None:
            return
        score = (self._rank(folded), len(path), path, is_folder)
        if len(self._best) >= self._keep:
            self.is_cut = True
            if not self._best or score >= self._best[-1]:
                return
            self._best.pop()
        insort(self._best, score)

    def _rank(self, folded: str) -> int:
        name = folded.rpartition("/")[2]
        if self._letters in {name, folded}:
            return 0
        if name.startswith(self._letters):
            return 1
        if self._letters in name:
            return 2
        if self._letters in folded:
            return 3
        return 4 if self._has_letters(name) is not None else 5


async def events(
    records: AsyncIterator[list[bytes]],
    query: str,
    limit: int,
    add: Callable[[Finder, list[bytes]], Awaitable[None]],
) -> AsyncIterator[FilesFindEvent]:
    """Batches as they are found. Half of what may still be told is kept back, for better ones that come later.

    `add` calls Finder.add off the loop.
    """
    finder = Finder(query, limit)
    found, step = 0, FIRST_BATCH_S
    due = time.monotonic() + step
    waiting: list[bytes] = []
    async for batch in records:
        waiting += batch
        if len(waiting) < 4096 and time.monotonic() < due:
            continue
        await add(finder, waiting)
        waiting = []
        if time.monotonic() >= due:
            told = finder.take((limit - found + 1) // 2 if found else max(1, limit // 2))
            found += len(told)
            for event in _events(told):
                yield event
            step *= 2
            due = time.monotonic() + step
    await add(finder, waiting)
    told = finder.take(limit - found)
    for event in _events(told):
        yield event
    yield FilesSearchDone(found=found + len(told), truncated=finder.is_cut)


def _events(told: list[FoundPath]) -> list[FilesFound]:
    batches: list[list[FoundPath]] = []
    size = MAX_BATCH_CHARS
    for each in told:
        size += len(each.path) + len(each.path_bytes or b"") + 32
        if size > MAX_BATCH_CHARS:
            batches.append([])
            size = 0
        batches[-1].append(each)
    return [FilesFound(entries=batch) for batch in batches]


def _in_class(letter: str) -> str:
    return f"\\{letter}" if letter in "\\]^-[&~|" else letter
