"""Files of this node: list, stat, read, write, each in a thread and inside the roots."""

import os
import stat
import threading
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from msgspec.structs import replace

from node.files import listing, reading
from node.files.facts import displayed
from node.files.failures import shown
from node.files.guard import PathGuard
from node.files.pool import FilePool
from node.files.temporaries import Sweeper
from node.files.writing import Wanted, Writer
from node.places import path_of, raw_unless_utf8
from ws.protocol.errors import invalid
from ws.protocol.files import (
    Entry,
    FileParams,
    FilesListParams,
    FilesListResult,
    FilesReadResult,
    FilesStatResult,
    FilesWriteParams,
    FilesWriteResult,
)

Ignored = Callable[[Path, Sequence[str]], Awaitable[frozenset[str]]]
"""Which of these names in a real folder Git ignores."""


class FilesService:
    """What looks at files and writes text. All raise WireError with the codes of API.md.

    `max_read_bytes` cuts what is read as text; a longer file has no etag and so is never overwritten conditionally.
    """

    def __init__(
        self,
        guard: PathGuard,
        pool: FilePool,
        *,
        max_read_bytes: int,
        sweeper: Sweeper | None = None,
        ignored: Ignored | None = None,
    ) -> None:
        self._guard = guard
        self._pool = pool
        self._max_read_bytes = max_read_bytes
        self._ignored = ignored
        self._writer = Writer(guard, max_read_bytes, sweeper)

    @property
    def commit_lock(self) -> threading.Lock:
        """Held while a file is compared and replaced, by whoever else writes files of this node too."""
        return self._writer.commit_lock

    async def list(self, params: FilesListParams) -> FilesListResult:
        """One page of a folder; the program's own data in it is not shown."""
        listed = await self._pool.run(self._list, params)
        if not params.ignored or self._ignored is None:
            return listed
        names = [_name(entry) for entry in listed.entries]
        folder = os.fsdecode(listed.path_bytes) if listed.path_bytes is not None else listed.path
        ignored = await self._ignored(Path(folder), names)
        marked = [replace(entry, ignored=name in ignored) for entry, name in zip(listed.entries, names, strict=True)]
        return replace(listed, entries=marked)

    async def stat(self, params: FileParams) -> FilesStatResult:
        """What a path is, links followed."""
        return await self._pool.run(reading.status_of, self._guard, path_of(params), self._max_read_bytes)

    async def read(self, params: FileParams) -> FilesReadResult:
        """The text of a file and the etag that a later write compares."""
        return await self._pool.run(reading.read, self._guard, params.node, path_of(params), self._max_read_bytes)

    async def write(self, params: FilesWriteParams) -> FilesWriteResult:
        """Replace or make a text file atomically. A caller who gives up does not stop a write that has begun."""
        wanted = Wanted(
            path=path_of(params), content=params.content, if_match=params.if_match, is_new_allowed=params.create
        )
        etag, size = await self._pool.run(self._writer.write, wanted)
        return FilesWriteResult(etag=etag, size=size)

    def _list(self, params: FilesListParams) -> FilesListResult:
        path = path_of(params)
        with self._guard.opened(path) as found:
            if not stat.S_ISDIR(found.status.st_mode):
                raise invalid("path", f"{shown(path)} is not a folder.")
            descriptor = found.reopen(os.O_RDONLY | os.O_DIRECTORY)
            try:
                entries, next_cursor = listing.page(
                    descriptor,
                    limit=params.limit,
                    cursor=params.cursor,
                    is_shown=self._filter(found.path, has_hidden=params.hidden),
                )
            finally:
                os.close(descriptor)
            parent = self._guard.parent_of(found.path)
            return FilesListResult(
                path=displayed(str(found.path)),
                parent=None if parent is None else displayed(str(parent)),
                entries=entries,
                next_cursor=next_cursor,
                path_bytes=raw_unless_utf8(str(found.path)),
                parent_bytes=None if parent is None else raw_unless_utf8(str(parent)),
            )

    def _filter(self, folder: Path, *, has_hidden: bool) -> Callable[[str], bool] | None:
        is_closed = self._guard.closed_names(folder)
        if is_closed is None:
            return None if has_hidden else lambda name: name[0] != "."
        return lambda name: (has_hidden or name[0] != ".") and not is_closed(name)


def _name(entry: Entry) -> str:
    return entry.name if entry.name_bytes is None else os.fsdecode(entry.name_bytes)
