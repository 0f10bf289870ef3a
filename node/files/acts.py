"""Make, move, copy, delete, restore: in threads, few at a time, and ended when nobody waits any more."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import TypeVar

from node.files.facts import displayed
from node.files.placing import Change, Placer
from node.files.pool import FilePool
from node.places import path_of, raw_unless_utf8
from ws.protocol.files import (
    FilesDeleteParams,
    FilesDeleteResult,
    FilesMakeParams,
    FilesMoveParams,
    FilesPlaceResult,
    FilesRestoreParams,
)

Result = TypeVar("Result")

MAX_TREES = 2
"""At once: each may take minutes and holds a thread of the pool, and the other calls need theirs too."""


class FileActs:
    """The operations on names. All raise WireError with the codes of API.md."""

    def __init__(self, placer: Placer, pool: FilePool) -> None:
        self._placer = placer
        self._pool = pool
        self._turn = asyncio.Semaphore(MAX_TREES)

    async def make(self, params: FilesMakeParams) -> FilesPlaceResult:
        """A new folder."""
        path = path_of(params)
        return _place(await self._pool.run(self._placer.make_folder, path, has_parents=params.parents))

    async def move(self, params: FilesMoveParams) -> FilesPlaceResult:
        """Rename, also across file systems. A caller who goes stops a copy that is under way."""
        change = _change(params)
        return _place(await self._run(lambda stop: self._placer.move(change, stop)))

    async def copy(self, params: FilesMoveParams) -> FilesPlaceResult:
        """A second one of it. A caller who goes stops it; nothing is left then."""
        change = _change(params)
        return _place(await self._run(lambda stop: self._placer.copy(change, stop)))

    async def delete(self, params: FilesDeleteParams) -> FilesDeleteResult:
        """To the trash, or for good; the latter goes on when the caller has gone."""
        path, is_permanent = path_of(params), params.permanent
        trash = await self._run(lambda stop: self._placer.delete(path, stop, is_permanent=is_permanent))
        return FilesDeleteResult(trash=trash)

    async def restore(self, params: FilesRestoreParams) -> FilesPlaceResult:
        """Back to where it was deleted."""
        return _place(await self._run(lambda stop: self._placer.restore(params.trash, stop)))

    async def _run(self, work: Callable[[Event], Result]) -> Result:
        stop = Event()
        async with self._turn:
            try:
                return await self._pool.run(work, stop)
            finally:
                stop.set()


def _change(params: FilesMoveParams) -> Change:
    target = params.to if params.to_bytes is None else os.fsdecode(params.to_bytes)
    return Change(source=path_of(params), target=target, is_replacing=params.replace)


def _place(real: Path) -> FilesPlaceResult:
    return FilesPlaceResult(path=displayed(str(real)), path_bytes=raw_unless_utf8(str(real)))
