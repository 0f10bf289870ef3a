"""A root beside a folder that must stay closed, and whoever swaps folders for links out of it."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from node.files.guard import PathGuard

SECRET = "the secret outside"


@dataclass
class Fence:
    """`outside` holds one file, `secret`, with :data:`SECRET` in it."""

    guard: PathGuard
    root: Path
    outside: Path

    def is_untouched(self) -> bool:
        return [each.name for each in self.outside.iterdir()] == ["secret"] and (
            self.outside / "secret"
        ).read_text() == SECRET


def make_fence(parent: Path) -> tuple[Path, Path]:
    """The root and what is outside it, both new; a folder stands in the root."""
    root, outside = parent / "root", parent / "outside"
    (root / "folder").mkdir(parents=True)
    outside.mkdir()
    (outside / "secret").write_text(SECRET)
    return root, outside


@asynccontextmanager
async def swapped(fence: Fence, inside: dict[str, str] | None = None) -> AsyncIterator[Path]:
    """A path that is a folder, with the files `inside`, and a link out of the root, by turns, as fast as can be."""
    real, link, way = fence.root / "real", fence.root / "link", fence.root / "way"
    real.mkdir()
    for name, text in (inside or {}).items():
        (real / name).write_text(text)
    link.symlink_to(fence.outside)
    real.rename(way)
    is_over = threading.Event()
    swaps = 0

    def swap() -> None:
        nonlocal swaps
        while not is_over.is_set():
            way.rename(real)
            link.rename(way)
            way.rename(link)
            real.rename(way)
            swaps += 1

    swapper = threading.Thread(target=swap)
    swapper.start()
    try:
        yield way
    finally:
        is_over.set()
        await asyncio.to_thread(swapper.join)
    assert swaps > 0
