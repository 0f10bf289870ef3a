"""Rows of git.*: what reads, then the acts, which answer the new status."""

from ws.protocol import git, nodes
from ws.protocol.op import act, read

_LOCAL_S = 60.0
"""A large worktree takes its time to be written."""
_REMOTE_S = 600.0
"""The other side of a network, and hooks that run tests."""

GIT = (
    read(
        "git.status",
        git.GitStatusParams,
        git.GitStatusResult,
        "State of the repository around a path.",
        deadline_s=30.0,
    ),
    read("git.diff", git.GitDiffParams, git.GitDiffResult, "Differences by file and hunk.", deadline_s=30.0),
    read("git.log", git.GitLogParams, git.GitLogResult, "Commits, newest first.", deadline_s=30.0),
    read(
        "git.show",
        git.GitShowParams,
        git.GitShowResult,
        "One commit and its differences.",
        deadline_s=30.0,
    ),
    read(
        "git.branches",
        git.GitStatusParams,
        git.GitBranchesResult,
        "Branches and remotes.",
        deadline_s=30.0,
    ),
    read(
        "git.watch",
        git.GitStatusParams,
        git.GitWatchResult,
        "Progress of long acts, and when the state has changed.",
        events=git.GitWatchEvent,
    ),
    act(
        "git.checkout",
        git.GitCheckoutParams,
        git.GitStatusResult,
        "Switch to a branch, or make one and switch to it.",
        deadline_s=_LOCAL_S,
        audit="git.checkout",
    ),
    act(
        "git.create_branch",
        git.GitBranchParams,
        git.GitStatusResult,
        "Make a branch.",
        audit="git.branch_made",
    ),
    act(
        "git.delete_branch",
        git.GitDeleteBranchParams,
        git.GitStatusResult,
        "Delete a local branch.",
        audit="git.branch_deleted",
    ),
    act(
        "git.stage",
        git.GitFilesParams,
        git.GitStatusResult,
        "Put changes into the index.",
        deadline_s=_LOCAL_S,
        idempotent=True,
    ),
    act(
        "git.unstage",
        git.GitFilesParams,
        git.GitStatusResult,
        "Take changes out of the index.",
        deadline_s=_LOCAL_S,
        idempotent=True,
    ),
    act(
        "git.discard",
        git.GitFilesParams,
        git.GitStatusResult,
        "Throw away changes of the worktree; files that Git does not know go to the trash.",
        deadline_s=_LOCAL_S,
        audit="git.discarded",
    ),
    act(
        "git.commit",
        git.GitCommitParams,
        git.GitStatusResult,
        "Commit what is staged; hooks run as Git runs them.",
        deadline_s=_REMOTE_S,
        audit="git.committed",
    ),
    act(
        "git.fetch",
        git.GitFetchParams,
        git.GitStatusResult,
        "Fetch from a remote.",
        deadline_s=_REMOTE_S,
        idempotent=True,
        audit="git.fetched",
    ),
    act(
        "git.pull",
        git.GitPullParams,
        git.GitStatusResult,
        "Fetch and bring the branch up to its upstream.",
        deadline_s=_REMOTE_S,
        audit="git.pulled",
    ),
    act(
        "git.push",
        git.GitPushParams,
        git.GitStatusResult,
        "Push the current branch.",
        deadline_s=_REMOTE_S,
        audit="git.pushed",
    ),
    act(
        "git.abort",
        git.GitStatusParams,
        git.GitStatusResult,
        "Give up the merge, rebase, cherry-pick or revert that stopped in between; the branch is as before it.",
        deadline_s=_LOCAL_S,
        audit="git.aborted",
    ),
    act(
        "git.cancel",
        git.GitStatusParams,
        nodes.Empty,
        "End the long act that runs in this repository.",
    ),
)
