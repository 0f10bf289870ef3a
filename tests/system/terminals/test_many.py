"""Fifty terminals at once: over kill -9 of their node and of their holder, and a thousand that come and go."""

import os
import signal
from collections import Counter
from collections.abc import Iterable
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import pytest

from tests.support.left_behind import held_by, marked
from tests.support.terminal_link import SplicingMain, TerminalPage, page
from tests.support.terminal_process import TerminalNode, start_terminal_node, terminal_node
from tests.support.waiting import eventually

MANY = 50
BURST = 5000
"""Numbers in about half a second."""
KEPT_BYTES = 16 << 20
"""More than a terminal writes while nobody reads it, so that nothing may be missing."""
KILLS = 3


async def read_on(
    main: SplicingMain, outputs: dict[str, bytearray], unfinished: set[str], more: int, killed: TerminalNode | None
) -> None:
    """Every unfinished terminal from where its output ends, until all together have brought `more` bytes or ended.

    Then, while all are being read, the node is `killed`.
    """
    async with AsyncExitStack() as pages:
        readers: dict[str, TerminalPage] = {}
        for terminal in unfinished:
            readers[terminal] = await pages.enter_async_context(page(main, terminal, after=len(outputs[terminal])))
            assert readers[terminal].offset == len(outputs[terminal])

        def ended() -> set[str]:
            return {each for each, reader in readers.items() if any(f["type"] == "exit" for f in reader.frames)}

        await eventually(
            lambda: sum(len(each.output) for each in readers.values()) >= more or len(ended()) == len(readers),
            what="some of the flood",
            deadline_s=60,
        )
        if killed is not None:
            await killed.kill()
        for terminal, reader in readers.items():
            if killed is not None:
                await reader.ended()
            outputs[terminal] += reader.output
            assert not any(frame["type"] == "skipped" for frame in reader.frames)
        unfinished -= ended()


@pytest.mark.timeout(240)
async def test_kill_9_of_the_node_under_fifty_that_flood(main: SplicingMain, database: Path) -> None:
    """Each reader goes on at its own offset every time, and sees every number once."""
    node = await start_terminal_node(main, database, scrollback_bytes=KEPT_BYTES)
    (database.parent / "flood.sh").write_text(
        f"i=0; while [ ! -e stop ]; do seq $((i*{BURST}+1)) $((i*{BURST}+{BURST})); sleep 0.5; i=$((i+1)); done"
    )
    outputs = {await node.open(database.parent, ". ./flood.sh"): bytearray() for _ in range(MANY)}
    unfinished, holders = set(outputs), set()
    try:
        for _ in range(KILLS):
            await read_on(main, outputs, unfinished, 1_000_000, node)
            node = await start_terminal_node(main, database, scrollback_bytes=KEPT_BYTES)
            holders.add(node.holder)
        assert len(unfinished) == MANY
        (database.parent / "stop").touch()
        await read_on(main, outputs, unfinished, 1 << 40, None)
    finally:
        await node.kill()
    assert unfinished == set()
    assert len(holders) == 1, "one holder has seen them all"
    for output in outputs.values():
        numbers = output.split()
        assert len(numbers) % BURST == 0
        assert all(int(number) == index for index, number in enumerate(numbers, start=1))


@pytest.mark.timeout(120)
async def test_kill_9_of_the_holder_under_fifty(main: SplicingMain, database: Path) -> None:
    """All end, also what is deaf or runs behind; readers are told; the next terminal has a new holder."""
    scripts = (
        "seq 1 100000000",
        "sleep 3601.5",
        "trap '' HUP TERM; sleep 3601.5; sleep 3601.5",
        "set -m; (trap '' HUP; sleep 3601.5; sleep 3601.5) & exec sleep 3601.5",
        "exit 7",
    )
    async with terminal_node(main, database) as first:
        terminals = [await first.open(database.parent, scripts[each % len(scripts)]) for each in range(MANY)]
    async with terminal_node(main, database) as node, AsyncExitStack() as pages:
        assert node.holder is not None
        readers = [await pages.enter_async_context(page(main, terminal, is_consuming=False)) for terminal in terminals]
        await eventually(lambda: len(marked("3601.5")) == MANY * 4 // 5, what="all to run")
        os.kill(node.holder, signal.SIGKILL)
        for index, reader in enumerate(readers):
            told = await reader.frame("exit")
            assert told == {"type": "exit", "code": 7 if index % len(scripts) == 4 else None, "signal": None}
            fault = await reader.frame("error")
            assert fault["code"] == "not_found"
            assert fault["detail"].endswith("open a new terminal.")
            assert await reader.ended() == 4404
        assert (await node.call("terminal.list", {"node": "n"}))["terminals"] == []
        async with page(main, await node.open(database.parent, "echo anew; exec cat")) as reader:
            await reader.shows(b"anew")
        await eventually(lambda: not marked("3601.5"), what="what the holder left behind to end", deadline_s=10)


async def test_what_node_and_holder_leave_behind_is_ended_by_the_next_node(main: SplicingMain, database: Path) -> None:
    """Both are killed, and the next node too, as it has just begun.

    Whoever is deaf to the hang-up ends; what left its terminal before, or outlived it, goes on.
    """
    deaf = "trap '' HUP TERM; sleep 3603.5; sleep 3603.5"
    behind = "set -m; (trap '' HUP TERM; exec sleep 3603.5) & exec sleep 3605.5"
    stays = "trap '' HUP; sleep 3604.5 & exit"
    leaves = "setsid sleep 3604.5 & exec sleep 3605.5"
    try:
        async with terminal_node(main, database) as first:
            for script in (deaf, behind, stays, leaves):
                await first.open(database.parent, script)
            await eventually(
                lambda: [len(marked(each)) for each in ("3603.5", "3604.5", "3605.5")] == [2, 2, 2], what="all to run"
            )
            await first.open(database.parent, "exec cat")  # by then all have begun
        async with terminal_node(main, database) as second:
            assert second.holder is not None
            os.kill(second.process.pid, signal.SIGSTOP)
            os.kill(second.holder, signal.SIGKILL)
            await second.kill()
        await eventually(lambda: not marked("3605.5"), what="those that the kernel's hang-up ends")
        assert len(marked("3603.5")) == 2
        async with terminal_node(main, database) as third:
            assert third.holder is None
        async with terminal_node(main, database) as fourth:
            assert fourth.holder is None
            await eventually(lambda: not marked("3603.5"), what="the deaf to end", deadline_s=10)
            assert len(marked("3604.5")) == 2
    finally:
        for pid in marked("3604.5") + marked("3603.5"):
            with suppress(ProcessLookupError):  # with another of its group
                os.killpg(os.getpgid(pid), signal.SIGKILL)


async def live(node: TerminalNode, folder: Path, scripts: Iterable[str]) -> None:
    opened = [await node.open(folder, script) for script in scripts]
    for terminal in opened:
        assert await node.call("terminal.close", {"node": "n", "terminal": terminal}) == {}


@pytest.mark.timeout(300)
async def test_a_thousand_lives_leave_nothing_behind(
    main: SplicingMain, database: Path, pytestconfig: pytest.Config
) -> None:
    """No descriptor, memory file, thread, process or zombie, in the node or in the holder (see `--terminal-lives`)."""
    lives = int(pytestconfig.getoption("--terminal-lives"))
    scripts = ("exit", "exec cat", "seq 1 1000; exec cat", "sleep 3602.5 & exec cat", "kill -9 $$")
    async with terminal_node(main, database) as first:
        await first.open(database.parent, "exec cat")
    async with terminal_node(main, database) as node:
        assert node.holder is not None
        processes = (node.process.pid, node.holder)
        await live(node, database.parent, scripts)  # what is made once and kept: threads, caches
        before = [held_by(pid) for pid in processes]
        for _ in range(lives // len(scripts)):
            await live(node, database.parent, scripts)
        # Threads come and go with the work; their number is bounded by the pool.
        await eventually(
            lambda: [held_by(pid) - each for pid, each in zip(processes, before, strict=True)] == [Counter()] * 2,
            what=f"all to be given back: {before}, now {[held_by(pid) for pid in processes]}",
        )
        await eventually(lambda: not marked("3602.5"), what="the background jobs to end")
