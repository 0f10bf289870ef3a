"""What is typed into programs that read late, in parts, or never."""

import fcntl
import hashlib
import os
import signal
import termios
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from websockets.frames import Frame, Opcode

from node.terminal import signalling
from node.terminal.input import INPUT_LIMIT_BYTES, InputQueue
from node.terminal.service import TerminalService
from node.terminal.stream import StreamServer
from tests.support.terminal_link import SplicingMain, page
from tests.support.waiting import eventually
from tests.unit.node.terminal.conftest import Opener
from ws.protocol.errors import ErrorCode, WireError
from ws.streams import Budget

pytestmark = pytest.mark.usefixtures("streams")

NEVER_READS = "trap 'echo caught' INT; echo ready; while :; do sleep 0.05; done"
PIECE_BYTES = 64 * 1024
PASTE = b"".join(b"%07d\n" % number for number in range(INPUT_LIMIT_BYTES // 8))


async def test_a_paste_arrives_whole_and_in_order(
    main: SplicingMain, service: TerminalService, open_terminal: Opener, tmp_path: Path
) -> None:
    """Written in parts as large as the terminal takes, into a program that begins to read late."""
    wait = "until [ -e go ]; do sleep 0.05; done"
    terminal = await open_terminal(f"stty raw -echo; echo ready; {wait}; head -c {len(PASTE)} | sha256sum; exec cat")
    async with page(main, terminal) as reader:
        await reader.shows(b"ready")
        await reader.type(PASTE)
        waiting = service.find(terminal)._input
        await eventually(lambda: waiting.waiting_bytes > INPUT_LIMIT_BYTES // 2, what="the paste to wait")
        (tmp_path / "go").touch()
        await reader.shows(hashlib.sha256(PASTE).hexdigest().encode())
        assert waiting.waiting_bytes == 0


@pytest.mark.parametrize("is_known", [True, False])
async def test_ctrl_c_does_not_wait_behind_a_paste_that_is_not_read(
    main: SplicingMain,
    service: TerminalService,
    open_terminal: Opener,
    monkeypatch: pytest.MonkeyPatch,
    is_known: bool,
) -> None:
    """Also where the number of the system call is none that Linux knows."""
    if not is_known:
        monkeypatch.setattr(signalling, "TIOCSIG", 0x40045499)
    terminal = await open_terminal("stty -echo; " + NEVER_READS)
    other = await open_terminal("exec cat")
    async with page(main, terminal) as reader, page(main, other) as neighbour:
        await reader.shows(b"ready")
        await reader.type(PASTE)
        waiting = service.find(terminal)._input
        await eventually(lambda: waiting.waiting_bytes > INPUT_LIMIT_BYTES // 2, what="the paste to wait")
        await neighbour.type(b"alive\n")
        await neighbour.shows(b"alive\r\nalive")
        await reader.type(b"\x03")
        await reader.shows(b"caught")
        assert waiting.waiting_bytes == 0, "as a terminal throws away what was not read"


async def test_ctrl_c_overtakes_pastes_that_hold_its_own_page_back(
    main: SplicingMain, service: TerminalService, open_terminal: Opener, tmp_path: Path
) -> None:
    """The first paste waits in the terminal, the second before it: neither comes after the key."""
    terminal = await open_terminal(
        "stty -echo; " + NEVER_READS.replace("sleep 0.05", "[ -e go ] && exec cat; sleep 0.05")
    )
    async with page(main, terminal) as reader:
        await reader.shows(b"ready")
        for paste in (PASTE, PASTE, b"short\n"):
            await reader.type(paste)
        await reader.send(type="resize", claim="no", cols=90, rows=30)
        waiting = service.find(terminal)._input
        await eventually(lambda: waiting.waiting_bytes > INPUT_LIMIT_BYTES // 2, what="the paste to wait")
        await reader.type(b"\x03")
        await reader.shows(b"caught")
        await reader.frame("resized")
        assert waiting.waiting_bytes == 0
        await reader.type(b"after\n")
        (tmp_path / "go").touch()
        await reader.shows(b"after\r\n")
        assert b"short" not in reader.output


async def test_ctrl_c_overtakes_a_paste_of_four_times_what_a_terminal_holds(
    main: SplicingMain, open_terminal: Opener, tmp_path: Path
) -> None:
    """In the pieces in which a page sends it."""
    script = NEVER_READS.replace("sleep 0.05", "[ -e go ] && exec cat; sleep 0.05")
    terminal = await open_terminal("stty -echo; " + script)
    async with page(main, terminal) as reader:
        await reader.shows(b"ready")
        for start in range(0, 4 * INPUT_LIMIT_BYTES, PIECE_BYTES):
            await reader.type(PASTE[start % INPUT_LIMIT_BYTES :][:PIECE_BYTES])
        await reader.type(b"\x03")
        await reader.shows(b"caught")
        await reader.type(b"after\n")
        (tmp_path / "go").touch()
        await reader.shows(b"after\r\n")


async def test_ctrl_c_that_comes_in_one_read_with_what_it_overtakes(
    main: SplicingMain, service: TerminalService, streams: StreamServer, open_terminal: Opener, tmp_path: Path
) -> None:
    """When it comes nothing waits yet; it does once the first paste has been taken, and the second has no room."""
    script = NEVER_READS.replace("sleep 0.05", "[ -e go ] && exec cat; sleep 0.05")
    terminal = await open_terminal("stty -echo; " + script)
    async with page(main, terminal) as reader:
        await reader.shows(b"ready")
        (stream,) = streams._streams.values()
        typed = (PASTE, PASTE, b"short\n", b"\x03")
        resized = _frame(b'{"type":"resize","claim":"no","cols":90,"rows":30}', Opcode.TEXT)
        stream._open_frames.received(b"".join([resized, *map(_frame, typed)]))
        await reader.shows(b"caught")
        await reader.frame("resized")
        await reader.type(b"after\n")  # it is read again
        (tmp_path / "go").touch()
        await reader.shows(b"after\r\n")
        assert b"short" not in reader.output


def _frame(data: bytes, opcode: Opcode = Opcode.BINARY) -> bytes:
    return Frame(opcode, data).serialize(mask=True)


def test_the_kernel_is_asked_by_its_own_number() -> None:
    """Those of its headers; on this machine, the one that reaches a program."""
    expected = {"x86_64": 0x40045436, "aarch64": 0x40045436, "ppc64le": 0x80045436, "mips64": 0x80045436}
    assert {machine: signalling.request_for(machine) for machine in expected} == expected
    assert signalling.request_for("sparc64") == 0x80047488
    controller, program = os.openpty()
    try:
        assert fcntl.ioctl(controller, signalling.TIOCSIG, signal.SIGINT) == 0
    finally:
        os.close(controller)
        os.close(program)


def test_a_terminal_without_a_job_in_front_signals_nobody() -> None:
    """Where the kernel is not asked: process group 0 would be the node's own."""
    controller, program = os.openpty()
    try:
        with pytest.raises(ProcessLookupError):
            signalling.signal_front(controller, signal.SIGWINCH)
    finally:
        os.close(controller)
        os.close(program)


async def test_where_ctrl_c_throws_nothing_away_it_does_not_overtake_what_its_page_has_sent() -> None:
    """Who is told that it has overtaken them drops the messages that wait."""
    controller, program = os.openpty()
    attributes = termios.tcgetattr(program)
    attributes[3] |= termios.NOFLSH
    termios.tcsetattr(program, termios.TCSANOW, attributes)
    os.set_blocking(controller, False)
    waiting = InputQueue(controller)
    try:
        assert waiting.offer(PASTE)
        left = waiting.waiting_bytes
        assert left > 0
        assert not waiting.interrupt(b"\x03")
        assert waiting.offer(b"\x03"), "when its turn comes it signals as ever"
        assert (waiting.waiting_bytes, waiting.thrown_away) == (left, 0)
    finally:
        waiting.close()
        os.close(controller)
        os.close(program)


async def test_where_ctrl_c_is_a_key_it_keeps_its_place(
    main: SplicingMain, service: TerminalService, open_terminal: Opener
) -> None:
    terminal = await open_terminal("stty raw -echo; " + NEVER_READS)
    async with page(main, terminal) as reader:
        await reader.shows(b"ready")
        await reader.type(PASTE)
        waiting = service.find(terminal)._input
        await eventually(lambda: waiting.waiting_bytes > INPUT_LIMIT_BYTES // 2, what="the paste to wait")
        await reader.type(b"\x03")
        await reader.send(type="resize", claim="no", cols=90, rows=30)
        await reader.frame("resized")
        assert waiting.waiting_bytes > INPUT_LIMIT_BYTES // 2
        assert b"caught" not in reader.output


async def test_pastes_that_nobody_reads_are_bounded_on_the_whole_node(
    main: SplicingMain, streams: StreamServer, open_terminal: Opener
) -> None:
    """Each page's paste waits in the node; the one that has waited longest gives way, and its page hears why."""
    streams._budget = Budget(5 * len(PASTE) // 2)
    terminal = await open_terminal("stty raw -echo; " + NEVER_READS)
    other = await open_terminal("exec cat")
    async with AsyncExitStack() as pages:
        waiting = [await pages.enter_async_context(page(main, terminal)) for _ in range(5)]
        for each in waiting:
            await each.shows(b"ready")
            await each.type(PASTE)
        faults = [await each.frame("error") for each in waiting[1:3]]
        assert {each["code"] for each in faults} == {"rate_limited"}
        assert [await each.ended() for each in waiting[1:3]] == [1013, 1013]
        neighbour = await pages.enter_async_context(page(main, other))
        await neighbour.type(b"alive\n")
        await neighbour.shows(b"alive\r\nalive")
        assert streams._budget.held_bytes <= 5 * len(PASTE) // 2


class Deaf:
    """A page that takes everything and says nothing."""

    def send_bytes(self, data: bytes) -> None: ...

    def send_text(self, text: str) -> None: ...

    def end(self, why: WireError) -> None: ...


async def test_a_key_that_comes_when_the_terminal_has_been_closed_is_dropped(
    service: TerminalService, open_terminal: Opener
) -> None:
    """The node is stopping, and the socket hears of it last."""
    terminal = service.find(await open_terminal("exec cat"))
    reader = terminal.attach(Deaf(), None, may_type=True)
    terminal.close(WireError(ErrorCode.NODE_OFFLINE, "The node of this machine is stopping."))
    assert terminal.type_at_once(reader, b"x")
