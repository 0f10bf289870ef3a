"""Git of this node, as the operations of `git.*` ask for it."""

from collections.abc import Awaitable, Callable

from node.context import Subscribed
from node.git import branches, commits, remotes, worktree
from node.git.acts import Act, Acts, Kind
from node.git.history import HistoryService
from node.git.opening import Opened, Opener, Resolve
from node.git.runner import GitRunner
from node.git.state import StateService
from node.git.watching import Watchers
from node.git.worktree import Trash
from ws.protocol import git
from ws.protocol.base import Located
from ws.protocol.nodes import Empty
from ws.tasks import TaskOwner

LOCAL_WAIT_S = 50.0
REMOTE_WAIT_S = 590.0
"""Below the deadlines of the table (60 and 600 s), so that the caller hears that the act goes on."""
SHORT_WAIT_S = 9.0

Work = Callable[[Opened, Act], Awaitable[None]]


class GitService:
    """Looks at repositories and acts in them. All raise WireError with the codes of API.md.

    `resolve_directory` is the fence of this node's file operations, and `trash` what its files are deleted with (None:
    untracked files are not discarded). Acts are tasks of `tasks`: one that its caller leaves goes on to its end.
    """

    def __init__(
        self,
        runner: GitRunner,
        resolve_directory: Resolve,
        *,
        tasks: TaskOwner | None = None,
        trash: Trash | None = None,
    ) -> None:
        self._opener = Opener(runner, resolve_directory)
        self._state = StateService(self._opener)
        self._history = HistoryService(self._opener)
        self._watchers = Watchers()
        self._acts = Acts(tasks or TaskOwner("git"), self._watchers)
        self._resolve = resolve_directory
        self._trash = trash
        self.status, self.diff = self._state.status, self._state.diff
        self.log, self.show = self._history.log, self._history.show

    async def branches(self, params: git.GitStatusParams) -> git.GitBranchesResult:
        return await branches.branches(await self._opener.open(params))

    async def watch(self, params: git.GitStatusParams) -> Subscribed:
        """Events from now on; of an act that is under way the next step is told."""
        opened = await self._opener.open(params)
        reader = self._watchers.watch(opened.repository)
        await reader.start()
        running = self._acts.running(opened.repository)
        if running is not None:
            reader.put(git.GitProgress(act=running.name, phase="Under way"))
        return Subscribed(git.GitWatchResult(root=str(opened.root)), reader)

    async def cancel(self, params: git.GitStatusParams) -> Empty:
        await self._acts.cancel((await self._opener.open(params)).repository)
        return Empty()

    async def checkout(self, params: git.GitCheckoutParams) -> git.GitStatusResult:
        return await self._act("checkout", params, "files", lambda opened, _: branches.switch(opened, params))

    async def create_branch(self, params: git.GitBranchParams) -> git.GitStatusResult:
        return await self._act(
            "new branch", params, "files", lambda opened, _: branches.create(opened, params), SHORT_WAIT_S
        )

    async def delete_branch(self, params: git.GitDeleteBranchParams) -> git.GitStatusResult:
        return await self._act(
            "deletion of a branch", params, "files", lambda opened, _: branches.delete(opened, params), SHORT_WAIT_S
        )

    async def stage(self, params: git.GitFilesParams) -> git.GitStatusResult:
        return await self._act("stage", params, "files", lambda opened, _: worktree.stage(opened, params))

    async def unstage(self, params: git.GitFilesParams) -> git.GitStatusResult:
        return await self._act("unstage", params, "files", lambda opened, _: worktree.unstage(opened, params))

    async def discard(self, params: git.GitFilesParams) -> git.GitStatusResult:
        return await self._act(
            "discard", params, "files", lambda opened, _: worktree.discard(opened, params, self._trash)
        )

    async def abort(self, params: git.GitStatusParams) -> git.GitStatusResult:
        return await self._act("abort", params, "files", lambda opened, _: worktree.abort(opened))

    async def commit(self, params: git.GitCommitParams) -> git.GitStatusResult:
        return await self._act(
            "commit", params, "both", lambda opened, act: commits.commit(opened, params, act), REMOTE_WAIT_S
        )

    async def fetch(self, params: git.GitFetchParams) -> git.GitStatusResult:
        return await self._act(
            "fetch",
            params,
            "network",
            lambda opened, act: remotes.fetch(opened, act, params, self._resolve),
            REMOTE_WAIT_S,
        )

    async def pull(self, params: git.GitPullParams) -> git.GitStatusResult:
        return await self._act(
            "pull", params, "both", lambda opened, act: remotes.pull(opened, act, params, self._resolve), REMOTE_WAIT_S
        )

    async def push(self, params: git.GitPushParams) -> git.GitStatusResult:
        return await self._act(
            "push",
            params,
            "network",
            lambda opened, act: remotes.push(opened, act, params, self._resolve),
            REMOTE_WAIT_S,
        )

    async def _act(
        self, name: str, params: Located, kind: Kind, work: Work, wait_s: float = LOCAL_WAIT_S
    ) -> git.GitStatusResult:
        """Do it, and answer the new status."""
        repository = (await self._opener.open(params)).repository

        async def carry(act: Act) -> None:
            # Opened again: its configuration may be another one after the wait for an act before this one.
            await work(await self._opener.reopen(repository), act)

        await self._acts.run(name, repository, kind, carry, wait_s=wait_s)
        return await self._state.status(
            git.GitStatusParams(node=params.node, path=params.path, path_bytes=params.path_bytes)
        )
