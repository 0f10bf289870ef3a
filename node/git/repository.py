"""Which repository a folder belongs to, found as Git finds it but without running Git."""

import os
from dataclasses import dataclass
from pathlib import Path

from node.small_file import read_small
from ws.protocol.git import State

_MAX_POINTER_BYTES = 4096 + 16
"""A `.git` file and `commondir` hold one path."""

_MAX_ALTERNATES_BYTES = 64 * 1024
_MAX_STORES = 20
"""Object stores that borrow from one another; Git itself follows five in a row."""
_ANYWHERE = Path("/")
"""Stands for what is not read: it is judged as if it led anywhere."""
_LINKS_ALLOWED = frozenset({"HEAD", "hooks"})
"""A link HEAD is a reference and not followed; hooks are run for some acts and never read."""
_SERVED = ("/.git", "", ".git/.git", ".git")
"""What Git's upload-pack and receive-pack try behind the path of a remote, in this order (enter_repo in path.c)."""

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

    def elsewhere(self) -> list[Path]:
        """Folders from which Git reads for this repository though they lie in none of its own: what links directly in
        those lead to, and the object stores that it borrows from. Blocks.
        """
        stores = _stores(self.common_folder / "objects")
        own = (self.git_folder, self.common_folder)
        found = [each for folder in (*own, *stores) for each in _links(folder)]
        found += [each for store in stores for each in _links(store / "info")]
        return [each for each in dict.fromkeys((*found, *stores)) if not any(map(each.is_relative_to, own))]


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
            return Repository(root, git_folder, _common_folder(git_folder))
        if _is_git_folder(root) and (root / "objects").is_dir():
            raise BareRepository(str(root))
    return None


def served(path: Path) -> list[Repository]:
    """What Git may open for a remote at this path of this machine. It takes the first that it finds sound, and its own
    idea of that may be another than ours, so it is all of them. Blocks.
    """
    found = [_git_folder(Path(f"{path}{suffix}")) for suffix in _SERVED]
    return [Repository(path, each, _common_folder(each)) for each in found if each is not None]


def _stores(objects: Path) -> list[Path]:
    """The real path of this object store and of those that it borrows from (gitrepository-layout(5))."""
    stores = [Path(os.path.realpath(objects))]
    for store in stores:
        listed = read_small(Path(os.path.realpath(store / "info/alternates")), _MAX_ALTERNATES_BYTES) or b""
        lines = [line for line in os.fsdecode(listed).split("\n") if line and not line.startswith("#")]
        if len(listed) >= _MAX_ALTERNATES_BYTES or len(stores) + len(lines) > _MAX_STORES:
            return [*stores, _ANYWHERE]
        for line in lines:
            real = _ANYWHERE if line.startswith('"') or "\0" in line else Path(os.path.realpath(store / line))
            if real not in stores and (real.is_dir() or real == _ANYWHERE):
                stores.append(real)
    return stores


def _links(folder: Path) -> list[Path]:
    """The folders to which links in this one lead, or which hold the files to which they lead."""
    try:
        with os.scandir(folder) as entries:
            links = [each.path for each in entries if each.is_symlink() and each.name not in _LINKS_ALLOWED]
    except OSError:
        return []
    reals = [Path(os.path.realpath(each)) for each in links]
    return [real if real.is_dir() else real.parent for real in reals if real.exists()]


def _common_folder(git_folder: Path) -> Path:
    common = _pointer(git_folder / "commondir")
    return git_folder if common is None else Path(os.path.realpath(git_folder / common))


def _git_folder(entry: Path) -> Path | None:
    if entry.is_dir():
        folder = Path(os.path.realpath(entry))
        return folder if _is_git_folder(folder) else None
    pointer = _pointer(entry)
    if pointer is None or not pointer.startswith("gitdir: "):
        return None
    folder = Path(os.path.realpath(entry.parent / pointer.removeprefix("gitdir: ")))
    return folder if _is_git_folder(folder) else None


def _pointer(path: Path) -> str | None:
    """The line in a file that names a folder. Links are followed, as by Git."""
    line = read_small(Path(os.path.realpath(path)), _MAX_POINTER_BYTES)
    return None if line is None or b"\0" in line else os.fsdecode(line).rstrip("\r\n")


def _is_git_folder(folder: Path) -> bool:
    """As Git's own test: HEAD, and refs or the pointer to where they are."""
    return os.path.lexists(folder / "HEAD") and ((folder / "refs").is_dir() or (folder / "commondir").is_file())
