"""Projects of this node: folders with sessions, repositories below the roots, and what somebody pinned."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from node.projects.head import branch_of
from node.projects.scan import Bounds, repositories
from ws.protocol.base import Timestamp
from ws.protocol.nodes import Empty
from ws.protocol.projects import Project, ProjectPinParams, ProjectsListParams, ProjectsListResult
from ws.tasks import TaskOwner

FRESH_S = 60.0
"""A list older than this is still answered at once, and looked for anew behind it."""
FIRST_WAIT_S = 1.5
"""How long the first list waits for the first scan; afterwards it answers with what it has."""


@dataclass(frozen=True, kw_only=True)
class SessionFolder:
    """A folder with sessions. `sessions` counts those not archived; `last_used` is when the newest changed."""

    path: str
    sessions: int
    last_used: Timestamp | None


class Pinned(Protocol):
    """The store of pinned folders; absolute real paths."""

    async def list(self) -> list[str]: ...

    async def add(self, path: str) -> None: ...

    async def remove(self, path: str) -> None: ...


class ProjectsService:
    """The operations of `projects.*`.

    `session_folders` is asked at every list. `resolve_directory` is the fence of the file operations; `is_allowed` is
    the same question for a real path, without I/O. `tasks` owns the scan that runs behind the answers: one at a time.
    """

    def __init__(
        self,
        *,
        roots: Sequence[Path],
        session_folders: Callable[[], Awaitable[Sequence[SessionFolder]]],
        pinned: Pinned,
        resolve_directory: Callable[[str], Awaitable[Path]],
        tasks: TaskOwner,
        is_allowed: Callable[[Path], bool] = lambda folder: True,
        bounds: Bounds | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._roots = tuple(roots)
        self._session_folders = session_folders
        self._pinned = pinned
        self._resolve_directory = resolve_directory
        self._tasks = tasks
        self._is_allowed = is_allowed
        self._bounds = bounds or Bounds()
        self._clock = clock
        self._found: list[Path] = []
        self._found_at: float | None = None
        self._scan: asyncio.Task[None] | None = None

    async def list(self, params: ProjectsListParams) -> ProjectsListResult:
        """Most recently used first, then by name. A folder that is gone is listed while it has sessions or is pinned.

        Repositories come from the last scan, which is at most a minute older than the list before.
        """
        await self._refresh()
        folders = {each.path: each for each in await self._session_folders()}
        pinned = set(await self._pinned.list())
        paths = sorted({*folders, *pinned, *map(str, self._found)})
        branches = await asyncio.to_thread(_branches, paths)
        projects = [
            Project(
                path=path,
                name=Path(path).name or path,
                sessions=folders[path].sessions if path in folders else 0,
                pinned=path in pinned,
                last_used=folders[path].last_used if path in folders else None,
                git_branch=branches.get(path),
            )
            for path in paths
        ]
        projects.sort(key=lambda project: project.name.casefold())
        projects.sort(key=lambda project: project.last_used or "", reverse=True)
        return ProjectsListResult(projects=projects)

    async def pin(self, params: ProjectPinParams) -> Empty:
        """Pin a folder inside the roots, or unpin a path, which need not exist any more. Doing it twice is fine."""
        if params.pinned:
            await self._pinned.add(str(await self._resolve_directory(params.path)))
        else:
            await self._pinned.remove(params.path)
        return Empty()

    async def _refresh(self) -> None:
        is_stale = self._found_at is None or self._clock() - self._found_at > FRESH_S
        if is_stale and (self._scan is None or self._scan.done()):
            self._scan = self._tasks.start(self._look(), name="scan")
        if self._found_at is None and self._scan is not None:
            await asyncio.wait({self._scan}, timeout=FIRST_WAIT_S)

    async def _look(self) -> None:
        self._found = await asyncio.to_thread(
            repositories, self._roots, self._bounds, is_allowed=self._is_allowed, clock=self._clock
        )
        self._found_at = self._clock()


def _branches(paths: Sequence[str]) -> dict[str, str]:
    return {path: branch for path in paths if (branch := branch_of(Path(path))) is not None}
