"""The index and the files: staged, unstaged, thrown away; a merge given up."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from node.git import status
from node.git.acting import Command, carry_out
from node.git.names import files_of
from node.git.opening import Opened
from node.git.trust import printable
from ws.protocol.errors import ErrorCode, WireError, invalid
from ws.protocol.git import GitFile, GitFilesParams

Trash = Callable[[Path], Awaitable[str]]
"""Moves a file or folder to the account's trash and says where it is now. Raises WireError."""

_FROM_STDIN = ("--pathspec-from-file=-", "--pathspec-file-nul")
"""Names come on the standard input, ended by NUL, and are taken literally (GIT_LITERAL_PATHSPECS): any name can be
given, and none can be an option.
"""
_ABORTED = {"merging": "merge", "rebasing": "rebase", "cherry-picking": "cherry-pick", "reverting": "revert"}


async def stage(opened: Opened, params: GitFilesParams) -> None:
    """Put what the files are now (or that they are gone) into the index."""
    names = _names(params)
    opened.configured.trust.check_filters()
    if names is None:
        _ = await carry_out(opened, Command(["add", "--all"]))
    else:
        _ = await carry_out(opened, Command(["add", "--all", *_FROM_STDIN], stdin=names))


async def unstage(opened: Opened, params: GitFilesParams) -> None:
    """Bring the index back to HEAD. With `all` by name too: without names Git would give up a merge.

    A file in conflict is left as it is: Git would forget both sides of it, and could not give up the merge any more.
    Raises WireError conflict when such a one is named, or nothing else is there.
    """
    names = _names(params)
    opened.configured.trust.check_filters()
    in_conflict = await _in_conflict(opened)
    if in_conflict and names is None:
        names = await _staged_but(opened, in_conflict)
    elif in_conflict and names is not None:
        for name in names.split(b"\0")[:-1]:
            _refuse_conflict(name, in_conflict)
    _ = await carry_out(opened, Command(["reset", "--quiet", *_FROM_STDIN], stdin=b".\0" if names is None else names))


async def _in_conflict(opened: Opened) -> list[bytes]:
    output = await opened.read(["ls-files", "--unmerged", "-z"])
    return list(dict.fromkeys(line.partition(b"\t")[2] for line in output.stdout.split(b"\0")[:-1]))


async def _staged_but(opened: Opened, in_conflict: list[bytes]) -> bytes:
    output = await opened.read(["diff", "--cached", "--name-only", "-z", "--no-renames", "--diff-filter=u"])
    names = [name for name in output.stdout.split(b"\0")[:-1] if name not in in_conflict]
    if not names:
        raise _conflicting(in_conflict[0])
    return _joined(names)


def _refuse_conflict(name: bytes, in_conflict: list[bytes]) -> None:
    folder = b"" if name == b"." else name.rstrip(b"/") + b"/"
    for each in in_conflict:
        if each == name or each.startswith(folder):
            raise _conflicting(each)


def _conflicting(name: bytes) -> WireError:
    shown = printable(name.decode("utf-8", "replace"), 200)
    return WireError(ErrorCode.CONFLICT, f"{shown} has a conflict: resolve and stage it, or abort the merge.")


async def discard(opened: Opened, params: GitFilesParams, trash: Trash | None) -> None:
    """Bring files back to what is staged. Untracked ones go to the trash first, so that when that fails nothing is
    lost. Raises WireError, having done nothing, when one of the names has no change that could be discarded.
    """
    names = _names(params)
    opened.configured.trust.check_filters()
    output = await opened.read(status.COMMAND)
    parsed = await asyncio.to_thread(status.parse, output.stdout, is_cut=output.is_cut)
    if parsed.is_truncated:
        raise WireError(
            ErrorCode.TOO_LARGE, f"More than {status.MAX_FILES} files have changed: use a terminal for these."
        )
    chosen = _chosen(parsed.files, None if names is None else names.split(b"\0")[:-1])
    if chosen.untracked and trash is None:
        raise WireError(
            ErrorCode.UNSUPPORTED,
            "Files that Git does not know are not thrown away by this node; delete them under Files.",
        )
    for name in chosen.untracked:
        assert trash is not None
        _ = await trash(opened.root / os.fsdecode(name))
    if chosen.tracked:
        restore = ["restore", "--worktree", "--no-recurse-submodules", *_FROM_STDIN]
        _ = await carry_out(opened, Command(restore, stdin=_joined(chosen.tracked)))


async def abort(opened: Opened) -> None:
    """Give up what stopped in between. Raises WireError conflict when nothing did."""
    opened.configured.trust.check_filters()
    state = await asyncio.to_thread(opened.repository.state)
    command = _ABORTED.get(state)
    if command is None:
        raise WireError(ErrorCode.CONFLICT, f"No merge, rebase, cherry-pick or revert is under way; it is {state}.")
    _ = await carry_out(opened, Command([command, "--abort"]))


@dataclass(frozen=True)
class _Chosen:
    tracked: list[bytes]
    untracked: list[bytes]


def _chosen(files: list[GitFile], names: list[bytes] | None) -> _Chosen:
    changed = {_raw(file): file for file in files if file.worktree != "."}
    if names is None:
        chosen = [name for name, file in changed.items() if not _trouble(file)]
        if not chosen and changed:
            raise _trouble(next(iter(changed.values()))) or _no_change(next(iter(changed)))
    else:
        chosen = [each for name in names for each in _below(name, changed)]
        for name in chosen:
            trouble = _trouble(changed[name])
            if trouble is not None:
                raise trouble
    chosen = list(dict.fromkeys(chosen))
    return _Chosen(
        tracked=[name for name in chosen if changed[name].index != "?"],
        untracked=[name for name in chosen if changed[name].index == "?"],
    )


def _below(name: bytes, changed: dict[bytes, GitFile]) -> list[bytes]:
    """The changes that one name stands for: itself, or what lies below a folder."""
    folder = b"" if name == b"." else name.rstrip(b"/") + b"/"
    found = [name] if name in changed else [each for each in changed if each.startswith(folder)]
    if not found:
        raise _no_change(name)
    return found


def _no_change(name: bytes) -> WireError:
    return WireError(
        ErrorCode.NOT_FOUND,
        f"{printable(name.decode('utf-8', 'replace'), 200)} has no change in the worktree; ask for the status again.",
    )


def _trouble(file: GitFile) -> WireError | None:
    name = printable(file.path, 200)
    if "U" in file.index + file.worktree or file.index + file.worktree in {"AA", "DD"}:
        return _conflicting(_raw(file))
    if file.worktree == "A":
        return WireError(ErrorCode.CONFLICT, f"{name} is about to be added: unstage it first, then discard it.")
    if file.path.endswith("/"):
        return WireError(ErrorCode.CONFLICT, f"{name} is a repository of its own; delete it under Files.")
    return None


def _raw(file: GitFile) -> bytes:
    return file.path.encode() if file.path_bytes is None else file.path_bytes


def _names(params: GitFilesParams) -> bytes | None:
    """What goes to Git's standard input; None for every change. Raises WireError invalid."""
    names = files_of(params.files, params.files_bytes)
    if params.all == bool(names):
        raise invalid("files", "Give the files, or `all` for every change; not both, and not neither.")
    return None if params.all else _joined(names)


def _joined(names: list[bytes]) -> bytes:
    return b"".join(name + b"\0" for name in names)
