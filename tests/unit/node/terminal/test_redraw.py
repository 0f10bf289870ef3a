"""Reattaching to a full-screen program whose picture the scrollback has lost: drawn anew, once for all who ask."""

import sys
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from config import Terminal as TerminalConfig
from node.terminal.service import TerminalService
from tests.support.terminal_link import SplicingMain, TerminalPage, page
from tests.support.waiting import eventually
from tests.support.xterm_screens import Screen, screens
from tests.unit.node.terminal.conftest import Opener

pytestmark = pytest.mark.usefixtures("streams")

KEPT = 64 << 10
CURSES = """
import curses
def draw(screen, number):
    rows, cols = screen.getmaxyx()
    screen.erase()
    for row in range(rows - 2):
        screen.addstr(row, row, f"line {row} of {rows}, {number}", curses.color_pair(1 + row % 3))
    screen.addstr(rows - 2, 0, "[ Fertig: größer ]", curses.A_REVERSE)
    screen.refresh()
def run(screen):
    for pair in (1, 2, 3):
        curses.init_pair(pair, pair, 0)
    number = 0
    while True:
        draw(screen, number)
        if screen.getch() == ord("f"):
            for number in range(1, 400):
                draw(screen, number)
curses.wrapper(run)
"""
PROGRAMS = {
    # What it does to fill the scrollback with parts of pictures, and how many keys that takes.
    "curses": (f"{sys.executable} -c '{CURSES}'", [b"f"]),
    "vi": ("vi -u NONE numbers", [b"\x06" * 150, b"\x02" * 150, b"5G"]),
    "less": ("less numbers", [b"\x06" * 200, b"\x02" * 200, b"g"]),
}


@pytest.fixture
async def service(identity: Path, environment: dict[str, str]) -> AsyncIterator[TerminalService]:
    service = TerminalService(TerminalConfig(scrollback_bytes=KEPT), identity, environment)
    yield service
    await service.close(end_terminals=True)


def grown(service: TerminalService, terminal: str, before: int) -> bool:
    return service.find(terminal).end > before


def shown(reader: TerminalPage, until: int | None = None) -> Screen:
    """What the page shows of the output before byte `until`."""
    attached = next(each for each in reader.frames if each["type"] == "attached")
    output = bytes(reader.output if until is None else reader.output[: until - reader.offset])
    (screen,) = screens([[(attached["preamble"] or "").encode(), output]])
    return screen


@pytest.mark.parametrize("program", PROGRAMS)
async def test_a_late_reader_sees_what_one_sees_that_stayed(
    main: SplicingMain, service: TerminalService, open_terminal: Opener, tmp_path: Path, program: str
) -> None:
    (tmp_path / "numbers").write_text("".join(f"{number:5} of many lines\n" for number in range(3000)))
    command, keys = PROGRAMS[program]
    terminal = await open_terminal(f"TERM=xterm-256color exec {command}")
    async with page(main, terminal) as stayed:
        await stayed.shows(b"\x1b[?1049h")
        while service.find(terminal).end < 3 * KEPT:
            before = service.find(terminal).end
            for key in keys:
                await stayed.type(key)
            await eventually(partial(grown, service, terminal, before), what="output")
        async with page(main, terminal) as late:
            attached = next(each for each in late.frames if each["type"] == "attached")
            assert "\x1b[?1049h" in attached["preamble"]

            def is_same() -> bool:
                """And drawn to its end: the program may still be at work on what was typed."""
                screen = shown(late)
                has_picture = len([line for line, _ in screen["lines"] if line]) > 20
                return has_picture and screen["screen"] == "alternate" and screen == shown(stayed)

            await eventually(is_same, what="the same whole picture", deadline_s=30)
            assert stayed.frames[1:] == [], "nobody is told of another size"


async def test_a_picture_that_is_lost_is_drawn_once_for_many(
    main: SplicingMain, service: TerminalService, open_terminal: Opener
) -> None:
    """What is kept alone would show less; all who come within a second share one drawing."""
    script = "trap 'stty size' WINCH; printf '\\033[?1049h'; seq 1 20000; echo up; while :; do read line; done"
    terminal = await open_terminal(script)
    async with page(main, terminal) as first:
        await first.shows(b"up")
        for _ in range(6):
            async with page(main, terminal) as late:
                assert "\x1b[?1049h" in next(each["preamble"] for each in late.frames if each["type"] == "attached")
        await first.shows(b"23 80")
        await eventually(lambda: first.output.endswith(b"24 80\r\n"), what="the size it had")
        assert first.output.count(b"23 80") <= 2
        assert [each for each in first.frames if each["type"] == "resized"] == []
        async with page(main, terminal, after=first.position) as again:
            assert next(each["preamble"] for each in again.frames if each["type"] == "attached") is None


def drawn(reader: TerminalPage) -> Screen:
    """What a page shows that takes each size where it is told of it."""
    writes: list[bytes | tuple[int, int]] = []
    ends = [*(at for at, _, _ in reader.sizes[1:]), len(reader.output)]
    for (at, cols, rows), end in zip(reader.sizes, ends, strict=True):
        writes += [(cols, rows), bytes(reader.output[at:end])]
    (screen,) = screens([writes])
    return screen


def end_alike(readers: dict[str, TerminalPage], line: str) -> bool:
    return all(drawn(reader)["lines"][-3][0].strip() == line for reader in readers.values())


async def test_readers_of_different_sizes_see_the_same_picture_untorn(
    main: SplicingMain, open_terminal: Opener
) -> None:
    terminal = await open_terminal(f"TERM=xterm-256color exec {PROGRAMS['curses'][0]}")
    sizes = {"desk": (100, 30), "phone": (44, 15)}
    async with page(main, terminal) as desk, page(main, terminal) as phone:
        readers = {"desk": desk, "phone": phone}
        for name, reader in readers.items():
            cols, rows = sizes[name]
            await reader.send(type="resize", claim="no", cols=cols, rows=rows)
        for name in ("desk", "phone", "desk"):
            cols, rows = sizes[name]
            await readers[name].type(b"x")
            await eventually(
                partial(end_alike, readers, f"line {rows - 3} of {rows}, 0"), what="the last line for both"
            )
            assert drawn(desk) == drawn(phone)
            assert len(drawn(desk)["lines"]) == rows
