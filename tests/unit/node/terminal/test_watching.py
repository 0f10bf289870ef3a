"""terminal.watch: a list that stays true."""

import asyncio
from pathlib import Path

import pytest

from node.terminal import watching
from node.terminal.service import TerminalService
from node.terminal.stream import StreamServer
from node.terminal.watching import ListWatch, ListWatches
from tests.support.terminal_link import SplicingMain, page
from tests.unit.node.terminal.conftest import NODE, Opener
from ws.protocol.errors import ErrorCode, WireError
from ws.protocol.terminals import (
    Terminal,
    TerminalChanged,
    TerminalListParams,
    TerminalListResult,
    TerminalParams,
    TerminalRemoved,
    TerminalRenameParams,
    TerminalWatchParams,
)


class Follower:
    """What somebody knows who watches: the list as it was told, and every event. `until` waits for a state."""

    def __init__(self, listed: list[Terminal], events: ListWatch) -> None:
        self.known = {each.terminal: each for each in listed}
        self.events: list[TerminalChanged | TerminalRemoved] = []
        self.watch = events

    async def step(self) -> None:
        event = await asyncio.wait_for(anext(self.watch), 10)
        self.events.append(event)
        if isinstance(event, TerminalChanged):
            self.known[event.terminal.terminal] = event.terminal
        else:
            del self.known[event.id]

    async def until(self, terminal: str, **facts: object) -> Terminal:
        while True:
            found = self.known.get(terminal)
            if found is not None and all(getattr(found, name) == value for name, value in facts.items()):
                return found
            await self.step()

    async def until_gone(self, terminal: str) -> None:
        while terminal in self.known:
            await self.step()


async def follow(service: TerminalService, path: str | None = None) -> Follower:
    subscribed = await service.watch(TerminalWatchParams(node=NODE, path=path))
    assert isinstance(subscribed.result, TerminalListResult)
    assert isinstance(subscribed.events, ListWatch)
    return Follower(subscribed.result.terminals, subscribed.events)


@pytest.mark.usefixtures("streams")
async def test_everything_that_a_list_says_is_told(
    main: SplicingMain, service: TerminalService, open_terminal: Opener
) -> None:
    before = await open_terminal("sleep 60")
    follower = await follow(service)
    assert list(follower.known) == [before]
    terminal = await open_terminal("read line; exit 4")
    assert (await follower.until(terminal, readers=0, running=True)).name == "sh 2"
    await service.rename(TerminalRenameParams(node=NODE, terminal=terminal, name="mine"))
    await follower.until(terminal, name="mine")
    async with page(main, terminal) as reader:
        await follower.until(terminal, readers=1)
        await reader.send(type="resize", cols=101, rows=41)
        await follower.until(terminal, cols=101, rows=41)
        await reader.type(b"\n")
        ended = await follower.until(terminal, running=False, code=4)
        assert ended.ended is not None
        assert ended.ended > ended.created
    await follower.until(terminal, readers=0)
    assert [*follower.known.values()] == (await service.list(TerminalListParams(node=NODE))).terminals
    await service.end(TerminalParams(node=NODE, terminal=terminal))
    await follower.until_gone(terminal)
    await service.end(TerminalParams(node=NODE, terminal=before))
    await follower.until_gone(before)
    assert follower.known == {}


async def test_only_one_folder_is_watched_when_it_is_named(
    service: TerminalService, open_terminal: Opener, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    follower = await follow(service, str(tmp_path / "other"))
    await open_terminal("sleep 60")
    elsewhere = await open_terminal("sleep 60", path=str(tmp_path / "other"))
    await follower.until(elsewhere)
    assert list(follower.known) == [elsewhere]


@pytest.mark.usefixtures("streams")
async def test_a_flood_of_changes_is_a_few_events(
    main: SplicingMain, service: TerminalService, open_terminal: Opener
) -> None:
    terminal = await open_terminal("sleep 60")
    follower = await follow(service)
    for number in range(500):
        await service.rename(TerminalRenameParams(node=NODE, terminal=terminal, name=f"name {number}"))
    await follower.until(terminal, name="name 499")
    assert len(follower.events) <= 2
    started_s = asyncio.get_running_loop().time()
    for name in ("one", "two", "three"):
        await service.rename(TerminalRenameParams(node=NODE, terminal=terminal, name=name))
        await follower.until(terminal, name=name)
    assert asyncio.get_running_loop().time() - started_s >= 2 * watching.PAUSE_S


def a_terminal(number: int) -> Terminal:
    return Terminal(
        terminal=f"t{number}",
        name="sh",
        path="/",
        command=[],
        cols=80,
        rows=24,
        running=True,
        created="2026-11-21T00:00:00.000Z",
        readers=0,
    )


async def test_a_reader_that_takes_nothing_costs_no_more_than_the_list() -> None:
    there = {"t0": a_terminal(0)}
    watches = ListWatches(there.get)
    watch = watches.watch(None, [a_terminal(0)]).events
    assert isinstance(watch, ListWatch)
    for number in range(1, 1000):
        there[f"t{number}"] = a_terminal(number)
        watches.note(f"t{number}")
        del there[f"t{number}"]
        watches.note(f"t{number}")
    del there["t0"]
    watches.note("t0")
    assert len(watch._changed) + len(watch._due) == 1
    assert await anext(watch) == TerminalRemoved(id="t0")


async def test_watches_are_bounded_and_given_back(monkeypatch: pytest.MonkeyPatch, service: TerminalService) -> None:
    monkeypatch.setattr(watching, "MAX_WATCHES", 2)
    first, _ = await follow(service), await follow(service)
    with pytest.raises(WireError) as refused:
        await follow(service)
    assert refused.value.code is ErrorCode.RATE_LIMITED
    await first.watch.aclose()
    await follow(service)


@pytest.mark.usefixtures("streams")
async def test_of_ended_terminals_the_latest_are_kept(
    monkeypatch: pytest.MonkeyPatch, service: TerminalService, open_terminal: Opener, streams: StreamServer
) -> None:
    monkeypatch.setattr("node.terminal.retention.MAX_ENDED", 3)
    monkeypatch.setattr("node.terminal.retention.PUSHED_OUT_KEPT_S", 0.01)
    follower = await follow(service)
    opened = []
    for _ in range(5):
        opened.append(await open_terminal("exit 0"))
        await follower.until(opened[-1], running=False)
    for terminal in opened[:2]:
        await follower.until_gone(terminal)
    assert list(follower.known) == opened[2:]
