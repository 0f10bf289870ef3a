"""Which repository a folder belongs to, found as Git finds it but without running Git."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from ws.protocol.git import State

_MAX_POINTER_BYTES = 4096 + 16
"""A `.git` file and `commondir` hold one path."""

_STATES: tuple[tuple[str, State], ...] = (
    ("rebase-merge", "rebasing"),
    ("rebase-apply", "rebasing"),
    ("MERGE_HEAD", "merging"),
    ("CHERRY_PICK_HEAD", "cherry-picking"),
    ("REVERT_HEAD", "reverting"),
    ("BISECT_LOG", "bisecting"),
)
"""The first that exists says what goes on: a rebase picks commits, so it is looked for before them."""


@dataclass(frozen=True)
class Repository:
    """`root` holds the files; `git_folder` HEAD and index of this worktree; `common_folder` configuration and objects.

    All three are real paths. The two folders are equal except in a linked worktree.
    """

    root: Path
    git_folder: Path
    common_folder: Path

    def state(self) -> State:
        """What operation is under way. Blocks."""
        return next((state for name, state in _STATES if os.path.lexists(self.git_folder / name)), "clean")


class BareRepository(Exception):
    """The folder lies in a repository without files. Its argument is the path."""


def find(folder: Path) -> Repository | None:
    """The repository around a real path; None when there is none up to `/`. Blocks. Raises BareRepository.

    A `.git` that is no repository is passed over, as Git does. A linked worktree and a submodule have a file there that
    names the folder.
    """
    for root in (folder, *folder.parents):
        git_folder = _git_folder(root / ".git")
        if git_folder is not None:
            common = read_small(git_folder / "commondir")
            common_folder = git_folder if common is None else Path(os.path.realpath(git_folder / common.strip()))
            return Repository(root, git_folder, common_folder)
        if _is_git_folder(root) and (root / "objects").is_dir():
            raise BareRepository(str(root))
    return None


def _git_folder(entry: Path) -> Path | None:
    if entry.is_dir():
        folder = Path(os.path.realpath(entry))
        return folder if _is_git_folder(folder) else None
    pointer = read_small(entry)
    if pointer is None or not pointer.startswith("gitdir: "):
        return None
    folder = Path(os.path.realpath(entry.parent / pointer.removeprefix("gitdir: ").rstrip("\r\n")))
    return folder if _is_git_folder(folder) else None


def _is_git_folder(folder: Path) -> bool:
    """As Git's own test: HEAD, and refs or the pointer to where they are."""
    return os.path.lexists(folder / "HEAD") and ((folder / "refs").is_dir() or (folder / "commondir").is_file())


def read_small(path: Path) -> str | None:
    """The beginning of a regular file; None when there is none to read. Never waits for a pipe."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except (OSError, ValueError):
        return None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        return os.fsdecode(os.read(descriptor, _MAX_POINTER_BYTES))
    except OSError:
        return None
    finally:
        os.close(descriptor)
