"""Acts under way: which may run beside which, that they end although their caller goes away, and how they are ended."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from weakref import WeakValueDictionary

from node.git.progress import ProgressReader
from node.git.repository import Repository
from node.git.watching import Watchers
from ws.protocol.errors import ErrorCode, WireError
from ws.protocol.git import GitChanged, GitProgress
from ws.tasks import TaskOwner

MAX_ACTS = 16
"""On one node. Each is a process that reads and writes the same disk or waits for a network."""
PATIENCE_S = 10.0
"""How long a short act waits for another one in the same worktree."""

Kind = Literal["files", "network", "both"]
"""What an act keeps for itself. `files`: index and files of one worktree, for a moment. `network`: the repository's one
long act. `both`: a long act that also writes the worktree: a commit, whose hooks may take minutes, or a pull.
"""


class _Lane:
    """One worktree, which one act at a time may write."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.holder: Act | None = None


@dataclass
class Act:
    """One act. `is_cancellable` is false while ending it would leave the worktree half written."""

    name: str
    repository: Repository
    kind: Kind
    watchers: Watchers
    is_cancellable: bool = True
    is_cancelled: bool = False
    error: WireError | None = None
    task: asyncio.Task[None] | None = field(default=None, repr=False)

    def reader(self) -> Callable[[bytes], None]:
        """Takes what Git says on its standard error and tells the watchers how far it is."""
        return ProgressReader(self.tell).feed

    def tell(self, phase: str, percent: int | None = None) -> None:
        """Tell the watchers how far it is."""
        progress = GitProgress(act=self.name, phase=phase, percent=percent)
        self.watchers.progress(self.repository.common_folder, progress)


class Acts:
    """All acts of this node."""

    def __init__(self, tasks: TaskOwner, watchers: Watchers) -> None:
        self._tasks = tasks
        self._watchers = watchers
        self._count = 0
        self._long: dict[Path, Act] = {}
        self._lanes: WeakValueDictionary[Path, _Lane] = WeakValueDictionary()

    async def run(
        self, name: str, repository: Repository, kind: Kind, work: Callable[[Act], Awaitable[None]], *, wait_s: float
    ) -> None:
        """Do `work`. After `wait_s`, or when the caller is cancelled, it goes on without the caller.

        Raises WireError: what `work` raised; conflict when another act is in its way or it was cancelled; timeout.
        """
        act = self._begin(name, repository, kind, work)
        assert act.task is not None
        done, _ = await asyncio.wait({act.task}, timeout=wait_s)
        if not done:
            raise WireError(
                ErrorCode.TIMEOUT,
                f"The {name} takes longer than {wait_s:g} s. It goes on; git.watch tells how it ends.",
            )
        if act.task.cancelled():
            raise WireError(ErrorCode.CONFLICT, f"The {name} was ended because the node stops; do it again.")
        await act.task
        if act.error is not None:
            raise act.error

    async def cancel(self, repository: Repository) -> None:
        """End the repository's long act, and wait until it has ended. Raises WireError conflict."""
        act = self._long.get(repository.common_folder)
        if act is None or act.task is None:
            raise WireError(ErrorCode.CONFLICT, "No fetch, pull, push or commit runs in this repository.")
        if not act.is_cancellable:
            raise WireError(
                ErrorCode.CONFLICT,
                f"The {act.name} writes files now and cannot be ended halfway; wait a moment.",
                retryable=True,
            )
        act.is_cancelled = True
        act.task.cancel()
        _ = await asyncio.wait({act.task}, timeout=PATIENCE_S)

    def running(self, repository: Repository) -> Act | None:
        """The long act of the repository."""
        return self._long.get(repository.common_folder)

    def _begin(self, name: str, repository: Repository, kind: Kind, work: Callable[[Act], Awaitable[None]]) -> Act:
        running = self._long.get(repository.common_folder)
        if running is not None and (kind != "files" or self._holds(running, repository)):
            raise _in_the_way(running)
        if self._count >= MAX_ACTS:
            raise WireError(
                ErrorCode.RATE_LIMITED, f"{MAX_ACTS} Git acts run on this machine already; wait until one has ended."
            )
        act = Act(name, repository, kind, self._watchers)
        self._count += 1
        if kind != "files":
            self._long[repository.common_folder] = act
        act.task = self._tasks.start(self._carry(act, work), name=f"git {name}")
        act.task.add_done_callback(lambda _: self._ended(act))
        return act

    def _holds(self, running: Act, repository: Repository) -> bool:
        return running.kind == "both" and running.repository.git_folder == repository.git_folder

    async def _carry(self, act: Act, work: Callable[[Act], Awaitable[None]]) -> None:
        try:
            if act.kind == "network":
                await work(act)
            else:
                await self._in_lane(act, work)
        except WireError as error:
            act.error = error
        except asyncio.CancelledError:
            if not act.is_cancelled:
                raise
            act.error = WireError(ErrorCode.CONFLICT, f"The {act.name} was cancelled.")

    async def _in_lane(self, act: Act, work: Callable[[Act], Awaitable[None]]) -> None:
        lane = self._lanes.setdefault(act.repository.git_folder, _Lane())
        try:
            async with asyncio.timeout(PATIENCE_S):
                await lane.lock.acquire()
        except TimeoutError as error:
            assert lane.holder is not None
            raise _in_the_way(lane.holder) from error
        lane.holder = act
        try:
            await work(act)
        finally:
            lane.holder = None
            lane.lock.release()

    def _ended(self, act: Act) -> None:
        self._count -= 1
        if self._long.get(act.repository.common_folder) is act:
            del self._long[act.repository.common_folder]
        error = None if act.error is None else act.error.detail
        self._watchers.changed(
            act.repository.common_folder, GitChanged() if act.kind == "files" else GitChanged(act=act.name, error=error)
        )


def _in_the_way(act: Act) -> WireError:
    return WireError(
        ErrorCode.CONFLICT,
        f"A {act.name} runs in this repository; wait until it has ended, or cancel it.",
        retryable=True,
    )
