"""Git of a node: what a repository's state is, never by running anything that the repository brings along."""

from typing import Annotated, Literal

import msgspec

from ws.protocol.base import AbsolutePath, NodeKey, Struct

Ref = Annotated[str, msgspec.Meta(min_length=1, max_length=255, pattern=r"^[^-\x00-\x20\x7f][^\x00-\x20\x7f]*\Z")]
State = Literal["clean", "merging", "rebasing", "cherry-picking", "reverting", "bisecting"]


class GitStatusParams(Struct, frozen=True, kw_only=True):
    node: NodeKey
    path: AbsolutePath


class GitFile(Struct, frozen=True, kw_only=True):
    """`index` and `worktree` are the letters of `git status --porcelain=v2` (`.` = unchanged, `?` = untracked)."""

    path: str
    index: str
    worktree: str
    renamed_from: str | None = None


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


class GitDiffParams(Struct, frozen=True, kw_only=True):
    """Worktree against index; `staged`: index against HEAD; `base`: worktree against that commit.

    `file` (relative to the root) limits it to one.
    """

    node: NodeKey
    path: AbsolutePath
    staged: bool = False
    base: Ref | None = None
    file: Annotated[str, msgspec.Meta(min_length=1, max_length=4096)] | None = None


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


class GitDiffResult(Struct, frozen=True, kw_only=True):
    files: list[DiffFile]
    truncated: bool | None = None
