"""What a run of Git closes: its own pipes, and no number that has become another's in the meantime."""

import asyncio
import io
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import uvloop

from node.git.process import run_process


class Crossed(io.FileIO):
    """A file that is closed just after another thread has opened one."""

    opened: list[int] = []  # noqa: RUF012  one list for all of them

    def close(self) -> None:
        if not self.closed:
            self.opened.append(os.open(os.devnull, os.O_RDONLY))
        super().close()


def descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_the_descriptors_of_others_stay_open(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, new_loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    def crossed(descriptor: int, mode: str, _buffering: int, *, closefd: bool = True) -> io.FileIO:
        return Crossed(descriptor, mode, closefd)

    async def run() -> None:
        _ = await run_process(["git", "--version"], {"PATH": os.defpath}, tmp_path, max_bytes=1000)
        await asyncio.sleep(0)

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(run())  # libuv keeps the descriptors of its first child's signal
    monkeypatch.setattr(Crossed, "opened", [])
    monkeypatch.setattr(os, "fdopen", crossed)
    before = descriptors()
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(run())
    assert len(Crossed.opened) == 2
    for descriptor in Crossed.opened:
        os.close(descriptor)  # fails when another has closed it
    assert descriptors() == before
