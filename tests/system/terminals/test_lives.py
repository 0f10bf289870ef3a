"""Terminals that come and go as a page has them, by the ops and sockets of a whole installation."""

from collections import Counter
from pathlib import Path

import pytest

from tests.support.installation import Installation, installed
from tests.support.left_behind import held_by, marked
from tests.support.reader import reading
from tests.support.waiting import eventually

SCRIPTS = ("read go", "echo here; exec cat", "sleep 3606.5 & seq 1 2000; exec cat", "trap '' HUP TERM; sleep 3606.5")


async def live(whole: Installation, script: str) -> None:
    """Open, attach twice, type, close; one of the pages leaves before."""
    asked = {"path": str(whole.work), "cols": 80, "rows": 24}
    terminal = (await whole.op("terminal.open", command=["sh", "-c", script], **asked))["terminal"]
    async with reading(whole.client, whole.node, terminal) as page:
        async with reading(whole.client, whole.node, terminal):
            await page.type("\n")
        await whole.op("terminal.close", terminal=terminal)


def of(pid: int) -> Counter[str]:
    """Threads are those of a pool with a bound, made as they are needed."""
    held = held_by(pid)
    del held["threads"]
    return held


def child_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


@pytest.mark.timeout(1800)
async def test_lives_of_a_whole_installation_leave_nothing_behind(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    """Neither Main nor its node nor the holder keeps a descriptor, a process or a zombie.

    `--terminal-lives` of them from 1,000 on (`make leaks`), else a tenth.
    """
    asked = int(pytestconfig.getoption("--terminal-lives"))
    lives = asked if asked >= 1000 else asked // 10
    async with installed(tmp_path) as whole:
        opened = await whole.op(
            "terminal.open", path=str(whole.work), cols=80, rows=24, command=["sh", "-c", "echo :$PPID:; exec cat"]
        )
        async with reading(whole.client, whole.node, opened["terminal"]) as page:
            holder = int((await page.until_text(b":\r\n")).split(b":")[1])
            pids = (whole.main.process.pid, child_of(whole.main.process.pid), holder)
            for script in SCRIPTS * 2:  # what is made once and kept: caches, connections
                await live(whole, script)
            before = [of(pid) for pid in pids]
            for number in range(lives):
                await live(whole, SCRIPTS[number % len(SCRIPTS)] if number % 20 == 3 else SCRIPTS[number % 3])
            await eventually(
                lambda: [of(pid) - each for pid, each in zip(pids, before, strict=True)] == [Counter()] * len(pids),
                what=f"all to be given back by {pids}: {before}",
            )
            await eventually(lambda: not marked("3606.5"), what="the background jobs to end")
            listed = (await whole.op("terminal.list"))["terminals"]
            assert [each["terminal"] for each in listed] == [opened["terminal"]]
