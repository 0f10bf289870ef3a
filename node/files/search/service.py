"""files.find and files.grep."""

import os
import stat
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import TypeVar

from node.context import Subscribed
from node.files.facts import displayed
from node.files.failures import shown, wire_error
from node.files.guard import PathGuard
from node.files.pool import FilePool
from node.files.search import find, grep
from node.files.search.ripgrep import Ripgrep, escaped
from node.places import path_of
from ws.protocol.base import Struct
from ws.protocol.errors import ErrorCode, WireError, invalid
from ws.protocol.files import FilesFindParams, FilesGrepParams, FilesSearchResult

MAX_RUNNING = 8
"""Searches at once; each takes all the disk and the cores it gets."""
ENGINE = "ripgrep"
_SYSTEM = (Path("/proc"), Path("/sys"), Path("/dev"))
"""Files there have no end, or act when they are read."""

Event = TypeVar("Event", bound=Struct)


class SearchService:
    """Both operations answer Subscribed and raise WireError. Closing the events ends the search at once.

    ripgrep starts in a folder that was opened and judged first, follows no links, and is told to leave out the
    program's own data.
    """

    def __init__(self, guard: PathGuard, pool: FilePool, ripgrep: Ripgrep) -> None:
        self._guard = guard
        self._pool = pool
        self._ripgrep = ripgrep
        self._running = 0

    async def find(self, params: FilesFindParams) -> Subscribed:
        """Files and folders by their letters."""
        with self._begun() as place:
            root = str(await self._guard.resolve_directory(path_of(params)))
            records = self._records(root, find.ARGUMENTS, b"\0")

            async def add(finder: find.Finder, found: list[bytes]) -> None:
                await self._pool.run(finder.add, found)

            return _subscribed(root, find.events(records, params.query, params.limit, add), records, place)

    async def grep(self, params: FilesGrepParams) -> Subscribed:
        """Lines by content."""
        with self._begun() as place:
            root = str(await self._guard.resolve_directory(path_of(params)))
            arguments = grep.arguments(params)
            await self._ripgrep.check(arguments)
            records = self._records(root, arguments, b"\n")
            return _subscribed(root, grep.events(records, params.limit), records, place)

    @contextmanager
    def _begun(self) -> Iterator["_Place"]:
        """A place among those that run, taken before anything is waited for; kept when the body succeeds."""
        if self._running >= MAX_RUNNING:
            raise WireError(
                ErrorCode.RATE_LIMITED,
                f"{MAX_RUNNING} searches are running on this machine; wait for one or end it.",
                retry_after_s=1.0,
            )
        self._running += 1
        place = _Place(self._left)
        try:
            yield place
        except BaseException:
            place.leave()
            raise

    def _left(self) -> None:
        self._running -= 1

    async def _records(self, root: str, arguments: Sequence[str], separator: bytes) -> AsyncIterator[list[bytes]]:
        descriptor, real = await self._pool.run(self._open, root)
        try:
            found = self._ripgrep.records([*arguments, *self._left_out(real)], descriptor, separator)
            async with aclosing(found):  # type: ignore[type-var]
                async for batch in found:
                    yield batch
        finally:
            os.close(descriptor)

    def _open(self, root: str) -> tuple[int, Path]:
        with self._guard.opened(root) as found:
            if not stat.S_ISDIR(found.status.st_mode):
                raise invalid("path", f"{shown(root)} is not a folder.")
            try:
                return found.reopen(os.O_RDONLY | os.O_DIRECTORY), found.path
            except OSError as error:
                raise wire_error(error, root) from error

    def _left_out(self, real: Path) -> list[str]:
        """Globs that come last, because of two that match one path the later counts."""
        closed = [f"{escaped(str(each))}{'*' if is_begin else ''}" for each, is_begin in self._guard.closed_below(real)]
        closed += [
            escaped(str(each.relative_to(real))) for each in _SYSTEM if each.is_relative_to(real) and each != real
        ]
        return [f"--glob=!/{each}" for each in closed]


def _subscribed(
    root: str, events: AsyncIterator[Event], records: AsyncIterator[list[bytes]], place: "_Place"
) -> Subscribed:
    return Subscribed(FilesSearchResult(root=displayed(root), engine=ENGINE), _Events(events, records, place))


class _Place:
    """One of MAX_RUNNING."""

    def __init__(self, on_left: Callable[[], None]) -> None:
        self._on_left: Callable[[], None] | None = on_left

    def leave(self) -> None:
        """The second time does nothing."""
        on_left, self._on_left = self._on_left, None
        if on_left is not None:
            on_left()


class _Events(AsyncIterator[Event]):
    """An iterator that is given up in the middle, or was never begun, ends its search now and not when collected."""

    def __init__(self, events: AsyncIterator[Event], records: AsyncIterator[list[bytes]], place: _Place) -> None:
        self._events = events
        self._records = records
        self._place = place

    async def __anext__(self) -> Event:
        try:
            return await anext(self._events)
        except BaseException:
            await self.aclose()
            raise

    async def aclose(self) -> None:
        try:
            async with aclosing(self._records), aclosing(self._events):  # type: ignore[type-var]
                pass
        finally:
            self._place.leave()
