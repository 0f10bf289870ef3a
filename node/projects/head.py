"""The branch of a repository, read from HEAD without running Git: a list of projects must not start processes."""

import os
from pathlib import Path

from node.small_file import read_small

_MAX_BYTES = 4096 + 16
"""HEAD and a `.git` file hold one line with one name or path."""


def is_repository(folder: Path) -> bool:
    """Whether the folder has a `.git`: a folder, or the file of a linked worktree or submodule. Blocks."""
    return _git_folder(folder) is not None


def branch_of(folder: Path) -> str | None:
    """The branch checked out in a folder, also one without commits; None when detached or no repository. Blocks."""
    git_folder = _git_folder(folder)
    head = None if git_folder is None else _line(git_folder / "HEAD")
    if head is None or not head.startswith("ref: refs/heads/"):
        return None
    return head.removeprefix("ref: refs/heads/")


def _git_folder(folder: Path) -> Path | None:
    entry = folder / ".git"
    if os.path.lexists(entry / "HEAD"):
        return entry
    pointer = _line(entry)
    if pointer is None or not pointer.startswith("gitdir: "):
        return None
    git_folder = folder / pointer.removeprefix("gitdir: ")
    return git_folder if os.path.lexists(git_folder / "HEAD") else None


def _line(path: Path) -> str | None:
    """The first line of a small regular file; None when there is none."""
    content = read_small(path, _MAX_BYTES)
    return None if content is None else content.decode("utf-8", "replace").split("\n", 1)[0].rstrip("\r")
