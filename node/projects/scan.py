"""Find repositories below the roots, within bounds that keep a slow or huge disk from being felt."""

import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from node.projects.head import is_repository

PASSED_OVER = frozenset({"node_modules", "vendor", "target", "venv", "dist", "build", "__pycache__", "site-packages"})
"""Folders full of other people's code; hidden ones are passed over too."""


@dataclass(frozen=True)
class Bounds:
    """Breadth first, so what is cut off lies deepest. `seconds` bounds one scan of all roots."""

    depth: int = 5
    folders: int = 20_000
    repositories: int = 500
    seconds: float = 5.0


def repositories(
    roots: Sequence[Path],
    bounds: Bounds,
    *,
    is_allowed: Callable[[Path], bool] = lambda folder: True,
    clock: Callable[[], float] = time.monotonic,
) -> list[Path]:
    """Folders with a `.git`, nearest first. Blocks for up to `bounds.seconds`.

    Nothing below a repository is looked at, no link is followed, and no other file system is entered: a network folder
    or a backup disk below home would take all the time. A folder that cannot be read is passed over.
    """
    end = clock() + bounds.seconds
    found: list[Path] = []
    waiting = deque((root, 0, device) for root in roots if (device := _device(root)) is not None)
    visited = 0
    while waiting and visited < bounds.folders and len(found) < bounds.repositories and clock() < end:
        folder, depth, device = waiting.popleft()
        visited += 1
        if not is_allowed(folder):
            continue
        if is_repository(folder):
            if folder not in found:
                found.append(folder)
            continue
        if depth < bounds.depth:
            room = bounds.folders - visited - len(waiting)
            waiting.extend((below, depth + 1, device) for below in _below(folder, device, room))
    return found


def _below(folder: Path, device: int, room: int) -> Iterator[Path]:
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if room <= 0:
                    return
                if entry.name.startswith(".") or entry.name in PASSED_OVER:
                    continue
                if entry.is_dir(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_dev == device:
                    room -= 1
                    yield Path(entry.path)
    except OSError:
        return


def _device(root: Path) -> int | None:
    try:
        return root.stat().st_dev
    except OSError:
        return None
