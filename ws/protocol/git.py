"""Git of a node: what a repository's state is, never by running anything that the repository brings along."""

from typing import Annotated, Literal

import msgspec

from ws.protocol.base import Cursor, Limit, Located, RawPath, Struct, Timestamp

Ref = Annotated[str, msgspec.Meta(min_length=1, max_length=255, pattern=r"^[^-\x00-\x20\x7f][^\x00-\x20\x7f]*\Z")]
State = Literal["clean", "merging", "rebasing", "cherry-picking", "reverting", "bisecting"]


GitPath = Annotated[str, msgspec.Meta(min_length=1, max_length=4096, pattern=r"^[^\x00]*\Z")]
"""Relative to the root of the repository; taken literally, never as a pattern."""
MAX_FILES = 10_000


class GitStatusParams(Located, frozen=True, kw_only=True):
    """Any folder inside the repository."""


class GitFile(Struct, frozen=True, kw_only=True):
    """`index` and `worktree` are the letters of `git status --porcelain=v2` (`.` = unchanged, `?` = untracked)."""

    path: str
    index: str
    worktree: str
    renamed_from: str | None = None
    path_bytes: bytes | None = None


class GitStatusResult(Struct, frozen=True, kw_only=True):
    """Paths are relative to `root`. `branch` is None when HEAD is detached or unborn without a name."""

    root: str
    branch: str | None
    ahead: int
    behind: int
    state: State
    files: list[GitFile]
    upstream: str | None = None
    head: str | None = None
    truncated: bool | None = None


class GitDiffParams(Located, frozen=True, kw_only=True):
    """Worktree against index; `staged`: index against HEAD; `base`: worktree against that commit.

    `file` (relative to the root) limits it to one.
    """

    staged: bool = False
    base: Ref | None = None
    file: GitPath | None = None
    file_bytes: RawPath | None = None


class Hunk(Struct, frozen=True, kw_only=True):
    """`lines` keep their first character: space, `+`, `-` or `\\`."""

    header: str
    lines: list[str]


class DiffFile(Struct, frozen=True, kw_only=True):
    path: str
    status: Literal["added", "modified", "deleted", "renamed", "copied", "typechange", "untracked", "unmerged"]
    binary: bool
    hunks: list[Hunk]
    old_path: str | None = None
    path_bytes: bytes | None = None


class GitDiffResult(Struct, frozen=True, kw_only=True):
    files: list[DiffFile]
    truncated: bool | None = None


class GitLogParams(Located, frozen=True, kw_only=True):
    """Commits reachable from `ref` (HEAD), newest first; `file` limits it to those that changed it."""

    ref: Ref | None = None
    file: GitPath | None = None
    file_bytes: RawPath | None = None
    limit: Limit = 50
    cursor: Cursor | None = None


class Commit(Struct, frozen=True, kw_only=True):
    """`refs` are the branches and tags that point to it, `subject` the first line and `body` the rest.

    `date` is when it was written. Texts are cut at 500 and, of `body`, at 2,000 characters; git.show gives 60,000.
    """

    id: str
    parents: list[str]
    author: str
    email: str
    date: Timestamp
    subject: str
    refs: list[str]
    body: str | None = None


class GitLogResult(Struct, frozen=True, kw_only=True):
    commits: list[Commit]
    next_cursor: str | None = None


class GitShowParams(Located, frozen=True, kw_only=True):
    """One commit and what it changed against its first parent. `file` limits the differences to one."""

    ref: Ref
    file: GitPath | None = None
    file_bytes: RawPath | None = None


class GitShowResult(Struct, frozen=True, kw_only=True):
    commit: Commit
    files: list[DiffFile]
    truncated: bool | None = None


class Branch(Struct, frozen=True, kw_only=True):
    """`gone`: the upstream is configured but does not exist any more. `worktree`: where else it is checked out."""

    name: str
    kind: Literal["local", "remote"]
    commit: str
    subject: str
    date: Timestamp
    is_current: bool
    upstream: str | None = None
    ahead: int | None = None
    behind: int | None = None
    gone: bool | None = None
    worktree: str | None = None


class GitBranchesResult(Struct, frozen=True, kw_only=True):
    """Local ones first, each kind with the most recently used first. `current` is None when HEAD is detached."""

    current: str | None
    branches: list[Branch]
    remotes: list[str]
    truncated: bool | None = None


class GitCheckoutParams(Located, frozen=True, kw_only=True):
    """Switch to `branch`; `create` makes it first, at `start` (HEAD).

    Changes in the worktree go along; where they are in the way it is `conflict` and nothing has changed. A remote
    branch that has no local one gets one that follows it.
    """

    branch: Ref
    create: bool = False
    start: Ref | None = None


class GitBranchParams(Located, frozen=True, kw_only=True):
    """A new branch at `start` (HEAD), without switching to it."""

    branch: Ref
    start: Ref | None = None


class GitDeleteBranchParams(Located, frozen=True, kw_only=True):
    """A local branch. One with commits that are on no other is `conflict` unless `force`."""

    branch: Ref
    force: bool = False


class GitFilesParams(Located, frozen=True, kw_only=True):
    """`files` relative to the root, `files_bytes` those whose names are not UTF-8; `all` means every change.

    A folder stands for all changes below it. Discarding brings files back to what is staged; what was only in the
    worktree is lost, except files that Git does not know, which go to the trash.
    """

    files: Annotated[list[GitPath], msgspec.Meta(max_length=MAX_FILES)] = []
    files_bytes: Annotated[list[RawPath], msgspec.Meta(max_length=MAX_FILES)] = []
    all: bool = False


class GitCommitParams(Located, frozen=True, kw_only=True):
    """What is staged; `all` stages every change first. `amend` replaces the last commit, whose message an empty one
    keeps. The user's hooks run.
    """

    message: Annotated[str, msgspec.Meta(max_length=100_000)]
    amend: bool = False
    all: bool = False


class GitFetchParams(Located, frozen=True, kw_only=True):
    """From `remote` (the branch's own, else origin). `prune` forgets remote branches that are gone there."""

    remote: Ref | None = None
    prune: bool = False


class GitPullParams(Located, frozen=True, kw_only=True):
    """Fetch, then bring the branch up to its upstream. `how` ff refuses when both have gone on."""

    how: Literal["ff", "merge", "rebase"] = "ff"


class GitPushParams(Located, frozen=True, kw_only=True):
    """The current branch to its upstream. Without one: to `remote` (origin) under its own name, which becomes it.

    `force_with_lease` overwrites the remote branch only if it is where this repository last saw it.
    """

    remote: Ref | None = None
    force_with_lease: bool = False


class GitProgress(Struct, frozen=True, kw_only=True, tag="progress", tag_field="type"):
    """A long act under way, whoever began it: `act` fetch, pull, push …, `phase` in Git's words, `percent` if known."""

    act: str
    phase: str
    percent: int | None = None


class GitChanged(Struct, frozen=True, kw_only=True, tag="changed", tag_field="type"):
    """HEAD, the index or a branch is another one now, or an act has ended: ask for the status again.

    `act` and `error` say which act ended and how, for those who did not make the call.
    """

    act: str | None = None
    error: str | None = None


GitWatchEvent = GitProgress | GitChanged


class GitWatchResult(Struct, frozen=True, kw_only=True):
    root: str
