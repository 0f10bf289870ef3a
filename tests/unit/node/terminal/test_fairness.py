"""A flood takes its turn like everybody else: what one turn of the loop may cost, in bytes."""

import asyncio
import contextlib

import pytest

from node.terminal import audience, pace
from node.terminal.pace import CONSIDERATE_BATCH_BYTES, FULL_BATCH_BYTES
from node.terminal.service import TerminalService
from tests.support.terminal_link import SplicingMain, page
from tests.support.waiting import eventually
from tests.unit.node.terminal.conftest import Opener
from ws.protocol.terminals import CREDIT_WINDOW_BYTES

pytestmark = pytest.mark.usefixtures("streams")
FLOOD = "yes 0123456789012345678901234567890123456789"
TURNS = 3000


async def most_in_a_turn(service: TerminalService, terminals: list[str], turns: int) -> int:
    """The most that any of them has written in one turn of the loop."""
    most = 0
    ends = [service.find(each).end for each in terminals]
    for _ in range(turns):
        await asyncio.sleep(0)
        now = [service.find(each).end for each in terminals]
        most = max(most, *(after - before for before, after in zip(ends, now, strict=True)))
        ends = now
    return most


async def test_a_turn_serves_each_flood_once(
    main: SplicingMain, service: TerminalService, open_terminal: Opener
) -> None:
    """One is not read, one is read, one stands before a stalled reader."""
    floods = [await open_terminal(FLOOD) for _ in range(3)]
    async with page(main, floods[1]), page(main, floods[2], is_consuming=False):
        await eventually(lambda: service.find(floods[1]).end > CREDIT_WINDOW_BYTES, what="the flood")
        most = await most_in_a_turn(service, floods, TURNS)
        assert CONSIDERATE_BATCH_BYTES < most <= FULL_BATCH_BYTES


async def test_while_somebody_types_elsewhere_a_turn_is_shorter(
    main: SplicingMain, service: TerminalService, open_terminal: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "TYPING_LASTS_S", 60.0)
    flood, quiet = await open_terminal(FLOOD), await open_terminal("exec cat")
    async with page(main, flood), page(main, quiet) as typist:
        await eventually(lambda: service.find(flood).end > CREDIT_WINDOW_BYTES, what="the flood")
        most = 0
        for number in range(30):
            before = service.find(flood).end
            await typist.type(b"%d;" % number)
            while b"%d;" % number not in typist.output:
                moved = await most_in_a_turn(service, [flood], 1)
                most = max(most, moved) if number else 0  # the first key comes unexpected
            assert service.find(flood).end - before < 128 * FULL_BATCH_BYTES, "an echo waits for little of a flood"
        assert most <= CONSIDERATE_BATCH_BYTES


async def test_a_stalled_reader_delays_no_other_terminal(
    main: SplicingMain, service: TerminalService, open_terminal: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor do twenty."""
    monkeypatch.setattr(audience, "STALLED_AFTER_S", 60.0)
    held, quiet = await open_terminal("read go; " + FLOOD), await open_terminal("exec cat")
    async with contextlib.AsyncExitStack() as stack:
        stalled = [await stack.enter_async_context(page(main, held, is_consuming=False)) for _ in range(20)]
        typist = await stack.enter_async_context(page(main, quiet))
        await stalled[0].type(b"\n")
        await eventually(lambda: service.find(held).end == CREDIT_WINDOW_BYTES, what="the program to wait")
        for number in range(30):
            await typist.type(b"%d;" % number)
            await typist.shows(b"%d;" % number)
        assert service.find(held).end == CREDIT_WINDOW_BYTES, "its program waits all along"
        for each in stalled:
            assert each.position == CREDIT_WINDOW_BYTES
