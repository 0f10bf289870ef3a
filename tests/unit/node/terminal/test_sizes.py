"""Whose size counts, and who answers what programs ask: one of the readers, never two."""

import asyncio
import os
from typing import Any

import pytest

from node.terminal import audience
from node.terminal.size import Size, size_of
from node.terminal.sizing import RESIZE_EVERY_S, Sizing
from tests.support.terminal_link import SplicingMain, TerminalPage, page
from tests.support.waiting import eventually
from tests.unit.node.terminal.conftest import Opener

pytestmark = pytest.mark.usefixtures("streams")

SAYS_SIZE = "trap 'echo size:$(stty size):' WINCH; echo up; while :; do read line; done"
DESK = {"cols": 120, "rows": 40}
PHONE = {"cols": 50, "rows": 20}


async def looked(reader: TerminalPage, **size: int) -> None:
    """The page tells its size, as one that shows whatever it is told."""
    await reader.send(type="resize", claim="no", **size)


async def says(reader: TerminalPage, size: dict[str, int], times: int = 1) -> None:
    text = f"size:{size['rows']} {size['cols']}:".encode()
    await eventually(lambda: reader.output.count(text) >= times, what=f"{text!r} in {bytes(reader.output[-200:])!r}")


async def told(reader: TerminalPage, frame: dict[str, Any]) -> None:
    await eventually(lambda: frame in reader.frames, what=f"{frame} in {reader.frames}")
    reader.frames.remove(frame)


async def test_a_phone_that_only_looks_never_shrinks_the_desk(main: SplicingMain, open_terminal: Opener) -> None:
    terminal = await open_terminal(SAYS_SIZE)
    async with page(main, terminal) as desk:
        await desk.shows(b"up")
        await looked(desk, **DESK)
        await says(desk, DESK)
        await told(desk, {"type": "resized", **DESK})
        async with page(main, terminal) as phone:
            attached = await phone.frame("attached")
            assert (attached["cols"], attached["rows"], attached["leads"]) == (120, 40, False)
            await looked(phone, **PHONE)
            await looked(phone, cols=20, rows=50)
            # The desk's line breaks: the phone answers, and the size stays.
            await desk.close()
            await told(phone, {"type": "lead", "leads": True, "from": phone.position})
            await looked(phone, **PHONE)
            async with page(main, terminal) as back:
                assert (await back.frame("attached"))["leads"] is False
                await back.send(type="resize", claim="again", **DESK)
                await told(back, {"type": "lead", "leads": True, "from": back.position})
                await back.send(type="resize", claim="no", cols=121, rows=40)
                await says(back, {"cols": 121, "rows": 40})
                assert b"size:20 50:" not in back.output
                assert not [frame for frame in phone.frames if frame["type"] == "resized" and frame["cols"] < 120]


async def test_who_leaves_gives_the_size_back_to_who_typed_before(main: SplicingMain, open_terminal: Opener) -> None:
    terminal = await open_terminal(SAYS_SIZE)
    async with page(main, terminal) as desk:
        await desk.shows(b"up")
        await looked(desk, **DESK)
        await says(desk, DESK)
        async with page(main, terminal) as phone:
            await looked(phone, **PHONE)
            await phone.type(b"\n")
            await says(phone, PHONE)
            await told(desk, {"type": "resized", **PHONE})
            # What the desk's window becomes meanwhile is what it gets back.
            await looked(desk, cols=100, rows=30)
            await desk.socket.ping()
        await says(desk, {"cols": 100, "rows": 30})
        await told(desk, {"type": "resized", "cols": 100, "rows": 30})


async def test_who_comes_back_does_not_take_the_size_from_who_typed_since(
    main: SplicingMain, open_terminal: Opener
) -> None:
    terminal = await open_terminal(SAYS_SIZE)
    async with page(main, terminal) as phone:
        await phone.shows(b"up")
        await looked(phone, **PHONE)
        await says(phone, PHONE)
        async with page(main, terminal) as desk:
            await desk.send(type="resize", claim="again", **DESK)
            await says(desk, DESK)
            await phone.type(b"\n")
            await says(phone, PHONE, times=2)
        async with page(main, terminal) as back:
            await back.send(type="resize", claim="again", **DESK)
            await told(back, {"type": "resized", **PHONE})
            await back.send(type="resize", claim="yes", **DESK)
            await told(back, {"type": "resized", **DESK})


async def test_one_reader_answers_and_each_byte_has_one_that_does(main: SplicingMain, open_terminal: Opener) -> None:
    terminal = await open_terminal("stty -echo; echo up; exec cat")
    async with page(main, terminal) as desk, page(main, terminal) as phone, page(main, terminal, may_type=0) as viewer:
        attached = [await each.frame("attached") for each in (desk, phone, viewer)]
        assert [each["leads"] for each in attached] == [True, False, False]
        await desk.shows(b"up\r\n")
        for number, reader in enumerate((phone, desk, desk, phone)):
            await reader.type(b"line %d\n" % number)
            for each in (desk, phone, viewer):
                await each.shows(b"line %d\r\n" % number)
        ends = [len(b"up\r\n"), len(b"up\r\nline 0\r\n"), len(b"up\r\nline 0\r\nline 1\r\nline 2\r\n")]
        changes = [("lead", leads, end) for leads, end in zip((False, True, False), ends, strict=True)]
        assert [(frame["type"], frame["leads"], frame["from"]) for frame in desk.frames] == changes
        opposite = [("lead", not leads, end) for _, leads, end in changes]
        assert [(frame["type"], frame["leads"], frame["from"]) for frame in phone.frames] == opposite
        assert viewer.frames == []


async def test_who_is_set_aside_does_not_answer(
    main: SplicingMain, open_terminal: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audience, "STALLED_AFTER_S", 0.3)
    terminal = await open_terminal("read go; exec yes 0123456789")
    async with page(main, terminal, is_consuming=False) as asleep, page(main, terminal) as awake:
        await asleep.type(b"\n")
        await eventually(lambda: any(frame["type"] == "lead" for frame in awake.frames), what="a change of the lead")
        assert next(frame["leads"] for frame in awake.frames if frame["type"] == "lead")
        await asleep.acknowledge()
        told = {"leads": False}
        await eventually(lambda: [each for each in awake.frames if told.items() <= each.items()], what="the way back")


async def test_two_windows_that_quarrel_do_not_flood_the_program_with_sizes() -> None:
    controller, program = os.openpty()
    told: list[Size] = []
    sizing = Sizing(controller, lambda size, _: told.append(size))
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    for turn in range(1000):
        sizing.want(Size(80 + turn % 2, 24), at_once=True)
    passed_s = loop.time() - began_s
    sizing.want(Size(100, 30), at_once=True)
    await eventually(lambda: sizing.size == Size(100, 30), what="the last one")
    assert 1 <= len(told) <= 3 + 2 * passed_s / RESIZE_EVERY_S
    assert size_of(controller) == Size(100, 30)
    sizing.stop()
    os.close(controller)
    os.close(program)


async def test_an_older_page_is_not_told_its_own_size(main: SplicingMain, open_terminal: Opener) -> None:
    terminal = await open_terminal(SAYS_SIZE)
    async with page(main, terminal) as old, page(main, terminal) as other:
        await old.shows(b"up")
        await old.send(type="resize", **DESK)
        await told(other, {"type": "resized", **DESK})
        await says(old, DESK)
        assert [frame["type"] for frame in old.frames] == ["attached"]
