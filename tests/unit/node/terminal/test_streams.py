"""A page at a terminal, through a splice: real PTYs, real sockets."""

from pathlib import Path

import pytest

from node.terminal import audience
from node.terminal.service import TerminalService
from node.terminal.stream import VIEWER_MESSAGE_BYTES, StreamServer
from tests.support.terminal_link import SplicingMain, page
from tests.support.waiting import eventually
from tests.unit.node.terminal.conftest import NODE, Opener
from ws.protocol.errors import ErrorCode, WireError
from ws.protocol.link import StreamRevokeParams
from ws.protocol.terminals import CREDIT_WINDOW_BYTES, TerminalListParams, TerminalParams, TerminalRenameParams

pytestmark = pytest.mark.usefixtures("streams")


async def test_a_login_shell_answers_what_is_typed(main: SplicingMain, open_terminal: Opener) -> None:
    async with page(main, await open_terminal()) as reader:
        attached = await reader.frame("attached")
        assert attached["offset"] == 0
        assert (attached["cols"], attached["rows"]) == (80, 24)
        assert attached["running"] is True
        assert attached["may_type"] is True
        await reader.type(b"echo $((6*7))-answer; tty; echo $TERM $COLORTERM\n")
        await reader.shows(b"42-answer")
        await reader.shows(b"/dev/pts/")
        await reader.shows(b"xterm-256color truecolor")


async def test_exit_is_told_after_the_last_byte(main: SplicingMain, open_terminal: Opener) -> None:
    async with page(main, await open_terminal("seq 1 20000; exit 7")) as reader:
        exited = await reader.frame("exit")
        assert exited == {"type": "exit", "code": 7, "signal": None}
        assert bytes(reader.output).split() == [str(number).encode() for number in range(1, 20001)]


async def test_an_ended_terminal_can_still_be_read(
    main: SplicingMain, service: TerminalService, open_terminal: Opener
) -> None:
    terminal = await open_terminal("echo last words; kill -9 $$")
    await eventually(lambda: service.find(terminal).is_over, what="the end")
    listed = (await service.list(TerminalListParams(node=NODE))).terminals
    assert [(each.running, each.signal) for each in listed] == [(False, "SIGKILL")]
    async with page(main, terminal) as reader:
        assert (await reader.frame("attached"))["running"] is False
        assert (await reader.frame("exit"))["signal"] == "SIGKILL"
        assert reader.output == b"last words\r\n"
        await reader.type(b"ignored")
        await reader.send(type="resize", cols=90, rows=30)
        await reader.send(type="ack", offset=5)
        assert not reader.socket.closed


async def test_ctrl_c_reaches_the_program(main: SplicingMain, open_terminal: Opener) -> None:
    async with page(
        main, await open_terminal("trap 'echo caught; exit 3' INT; echo ready; while :; do sleep 0.05; done")
    ) as reader:
        await reader.shows(b"ready")
        await reader.type(b"\x03")
        assert (await reader.frame("exit"))["code"] == 3
        assert b"caught" in reader.output


async def test_after_continues_exactly_there(main: SplicingMain, open_terminal: Opener) -> None:
    terminal = await open_terminal("printf 0123456789; sleep 60")
    async with page(main, terminal) as reader:
        await reader.shows(b"0123456789")
    async with page(main, terminal, after=4) as reader:
        assert (await reader.frame("attached"))["offset"] == 4
        await reader.shows(b"456789")
        assert reader.output == b"456789"
    async with page(main, terminal, after=10) as reader:
        assert (await reader.frame("attached"))["offset"] == 10
        assert reader.output == b""


async def test_an_offset_from_the_future_is_refused(service: TerminalService, open_terminal: Opener) -> None:
    terminal = await open_terminal("printf abc; sleep 60")
    await eventually(lambda: service.find(terminal).end == 3, what="output")
    with pytest.raises(WireError, match="has written 3 bytes") as caught:
        service.find(terminal).check_offset(4)
    assert caught.value.code is ErrorCode.INVALID


async def test_without_reader_the_last_mebibyte_is_kept(
    main: SplicingMain, service: TerminalService, open_terminal: Opener
) -> None:
    terminal = await open_terminal("seq 1 600000; sleep 60")
    total = sum(len(str(number)) + 2 for number in range(1, 600001))
    await eventually(lambda: service.find(terminal).end == total, what="all output")
    async with page(main, terminal, after=0) as reader:
        await reader.shows(b"\r\n600000\r\n")
        assert total - (1 << 20) <= reader.offset < total - (1 << 20) + len("600000\r\n"), "with a whole line"
        assert len(reader.output) == total - reader.offset
        assert reader.output.split(b"\r\n")[0].isdigit()


async def test_utf_8_is_not_cut_or_replaced(main: SplicingMain, open_terminal: Opener) -> None:
    symbols = r"printf '\342\202\254\360\237\230\200'"
    script = rf"i=0; while [ $i -lt 3000 ]; do {symbols}; i=$((i+1)); done; printf '\377\376raw'; sleep 60"
    async with page(main, await open_terminal(script)) as reader:
        await reader.shows(b"raw")
        assert reader.output == "€😀".encode() * 3000 + b"\xff\xferaw"


async def test_a_stalled_reader_holds_the_program_then_is_set_aside(
    main: SplicingMain, service: TerminalService, open_terminal: Opener
) -> None:
    # It waits for the reader: with none it would run ahead of any window.
    terminal = await open_terminal("read go; yes 0123456789")
    async with page(main, terminal, is_consuming=False) as slow:
        await slow.type(b"\n")
        await eventually(lambda: slow.position == CREDIT_WINDOW_BYTES, what="the whole window")
        assert service.find(terminal).end == CREDIT_WINDOW_BYTES
        await eventually(lambda: service.find(terminal).end > 16 * CREDIT_WINDOW_BYTES, what="the program to run on")
        assert slow.position == CREDIT_WINDOW_BYTES, "a reader that was set aside is sent nothing"
        slow.is_consuming = True
        await slow.acknowledge()
        skipped = await slow.frame("skipped")
        assert skipped["from"] == CREDIT_WINDOW_BYTES
        assert skipped["to"] > skipped["from"]
        before = slow.position
        await eventually(lambda: slow.position > before + 4 * CREDIT_WINDOW_BYTES, what="the stream to go on")


@pytest.mark.parametrize("step", [0, 1], ids=["the same byte", "byte by byte"])
async def test_who_acknowledges_next_to_nothing_holds_the_program_no_longer_than_who_is_silent(
    main: SplicingMain, service: TerminalService, open_terminal: Opener, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """Not even one who may only look, and comes back from being set aside in the same way."""
    monkeypatch.setattr(audience, "STALLED_AFTER_S", 0.2)
    terminal = await open_terminal("read go; yes 0123456789")
    async with page(main, terminal) as typist, page(main, terminal, is_consuming=False, may_type=0) as hostile:
        await typist.type(b"\n")
        await eventually(lambda: hostile.position == CREDIT_WINDOW_BYTES, what="the whole window")
        acknowledged = 0

        async def runs_on() -> bool:
            nonlocal acknowledged
            acknowledged += step
            await hostile.send(type="ack", offset=acknowledged)
            return service.find(terminal).end > 64 * CREDIT_WINDOW_BYTES

        await eventually(runs_on, what="the program to run on")
        assert hostile.position < CREDIT_WINDOW_BYTES + audience.LEAST_BYTES
        assert not [frame for frame in hostile.frames if frame["type"] == "skipped"]


async def test_a_reader_that_leaves_lets_the_program_go_on(
    main: SplicingMain, service: TerminalService, open_terminal: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audience, "STALLED_AFTER_S", 60.0)
    terminal = await open_terminal("read go; yes 0123456789")
    async with page(main, terminal, is_consuming=False) as slow:
        await slow.type(b"\n")
        await eventually(lambda: slow.position == CREDIT_WINDOW_BYTES, what="the whole window")
        assert service.find(terminal).end == CREDIT_WINDOW_BYTES
    await eventually(lambda: service.find(terminal).end > 16 * CREDIT_WINDOW_BYTES, what="the program")


async def test_the_size_follows_who_typed_last(main: SplicingMain, open_terminal: Opener) -> None:
    terminal = await open_terminal()
    async with page(main, terminal) as desk, page(main, terminal) as phone:
        await desk.send(type="resize", cols=120, rows=40)
        assert await phone.frame("resized") == {"type": "resized", "cols": 120, "rows": 40}
        await desk.type(b"stty size\n")
        await desk.shows(b"40 120")
        await phone.send(type="resize", cols=50, rows=20)
        await phone.type(b"stty size\n")
        assert await desk.frame("resized") == {"type": "resized", "cols": 50, "rows": 20}
        await phone.shows(b"20 50")


async def test_a_reader_whose_size_does_not_count_is_told_the_one_that_does(
    main: SplicingMain, open_terminal: Opener
) -> None:
    terminal = await open_terminal()
    async with page(main, terminal) as desk:
        await desk.send(type="resize", cols=120, rows=40)
        await desk.type(b"stty size\n")
        await desk.shows(b"40 120")
        async with page(main, terminal) as phone:
            await phone.send(type="resize", cols=50, rows=20)
            assert await phone.frame("resized") == {"type": "resized", "cols": 120, "rows": 40}


async def test_a_flood_of_resizes_ends_at_the_last_one(main: SplicingMain, open_terminal: Opener) -> None:
    terminal = await open_terminal()
    async with page(main, terminal) as one, page(main, terminal) as other:
        for number in range(2000):
            await one.send(type="resize", cols=10 + number % 500, rows=10)
        await one.send(type="resize", cols=77, rows=33)
        await eventually(
            lambda: {"type": "resized", "cols": 77, "rows": 33} in other.frames, what="the last size to arrive"
        )
        assert len(other.frames) < 500
        await one.type(b"stty size\n")
        await one.shows(b"33 77")


async def test_who_may_not_type_is_ignored(main: SplicingMain, open_terminal: Opener) -> None:
    terminal = await open_terminal("read line; echo got:$line; stty size; sleep 60")
    async with page(main, terminal, may_type=0) as viewer, page(main, terminal) as owner:
        assert (await viewer.frame("attached"))["may_type"] is False
        await viewer.type(b"viewer\n")
        await viewer.send(type="resize", cols=11, rows=11)
        await viewer.send(type="ack", offset=0)
        await viewer.socket.ping()
        await owner.type(b"owner\n")
        await viewer.shows(b"24 80")
        assert b"got:owner" in viewer.output
        assert b"viewer" not in viewer.output


@pytest.mark.parametrize(
    "frame",
    [
        "{",
        "[]",
        '{"type":"resize","cols":0,"rows":24}',
        '{"type":"resize","cols":1000000000,"rows":24}',
        '{"type":"resize","cols":80.5,"rows":24}',
        '{"type":"ack","offset":-1}',
        '{"type":"ack","offset":999999999999}',
        '{"type":"ack"}',
        '{"type":"reboot"}',
        "\x00",
    ],
)
async def test_a_bad_text_frame_is_refused_and_harms_nothing(
    main: SplicingMain, open_terminal: Opener, frame: str
) -> None:
    terminal = await open_terminal("echo up; cat")
    async with page(main, terminal) as good:
        async with page(main, terminal) as bad:
            await bad.socket.send_str(frame)
            fault = await bad.frame("error")
            assert fault["code"] == "invalid"
            assert fault["detail"]
            assert await bad.ended() == 4400
        await good.type(b"still here\n")
        await good.shows(b"still here\r\nstill here")


async def test_an_overlong_frame_is_refused(main: SplicingMain, open_terminal: Opener) -> None:
    async with page(main, await open_terminal("cat")) as reader:
        await reader.type(b"x" * (1024 * 1024 + 1))
        assert await reader.ended() == 1009


async def test_who_may_not_type_has_no_room_for_a_paste(main: SplicingMain, open_terminal: Opener) -> None:
    """A begun message of each of 512 viewers stays small."""
    terminal = await open_terminal("exec cat")
    async with page(main, terminal, may_type=0) as viewer, page(main, terminal) as typist:
        await viewer.type(b"x" * VIEWER_MESSAGE_BYTES)
        await viewer.type(b"x" * (VIEWER_MESSAGE_BYTES + 1))
        assert await viewer.ended() == 1009
        await typist.type(b"alive\n")
        await typist.shows(b"alive")
        assert b"x" not in typist.output


async def test_revoking_ends_the_stream_and_drops_what_waits(
    main: SplicingMain, streams: StreamServer, service: TerminalService, open_terminal: Opener
) -> None:
    terminal = await open_terminal("stty raw -echo; echo raw; sleep 60")
    async with page(main, terminal) as reader:
        await reader.shows(b"raw")
        await reader.type(b"a" * 1024 * 1024)
        await reader.type(b"b" * 1024 * 1024)
        await eventually(lambda: service.find(terminal)._input.waiting_bytes > 900_000, what="input to wait")
        await streams.revoke(StreamRevokeParams(stream=main.streams[-1]))
        assert (await reader.frame("error"))["code"] == "unauthorized"
        assert await reader.ended() == 4401
        assert service.find(terminal)._input.waiting_bytes <= 1024 * 1024
        await eventually(lambda: not service.find(terminal).as_listed().readers, what="the reader to leave")


async def test_closing_hangs_up_and_tells_the_readers(
    main: SplicingMain, service: TerminalService, open_terminal: Opener
) -> None:
    terminal = await open_terminal("echo up; sleep 60")
    async with page(main, terminal) as reader:
        await reader.shows(b"up")
        await service.end(TerminalParams(node=NODE, terminal=terminal))
        assert (await reader.frame("exit"))["signal"] == "SIGHUP"
        assert await reader.ended() == 4404
    assert (await service.list(TerminalListParams(node=NODE))).terminals == []
    with pytest.raises(WireError, match="no such terminal"):
        await service.end(TerminalParams(node=NODE, terminal=terminal))


async def test_a_program_that_ignores_the_hang_up_is_killed(
    main: SplicingMain, service: TerminalService, open_terminal: Opener
) -> None:
    terminal = await open_terminal("trap '' HUP TERM; echo deaf; while :; do sleep 0.05; done")
    async with page(main, terminal) as reader:
        await reader.shows(b"deaf")
        await service.end(TerminalParams(node=NODE, terminal=terminal))
        assert (await reader.frame("exit"))["signal"] == "SIGKILL"


async def test_names_are_given_and_changed(service: TerminalService, open_terminal: Opener, tmp_path: Path) -> None:
    first = await open_terminal("sleep 60")
    await open_terminal("sleep 60")
    await open_terminal("sleep 60", name="build")
    renamed = await service.rename(TerminalRenameParams(node=NODE, terminal=first, name="mine"))
    assert renamed.terminal.name == "mine"
    listed = (await service.list(TerminalListParams(node=NODE, path=str(tmp_path)))).terminals
    assert sorted(each.name for each in listed) == ["build", "mine", "sh 2"]
    assert (await service.list(TerminalListParams(node=NODE, path="/"))).terminals == []


async def test_a_paste_into_a_deaf_program_waits_and_disturbs_nobody(
    main: SplicingMain, service: TerminalService, open_terminal: Opener
) -> None:
    deaf = await open_terminal("stty raw -echo; echo ready; sleep 60")
    lively = await open_terminal()
    async with page(main, deaf) as pasting, page(main, lively) as typing:
        await pasting.shows(b"ready")
        for _ in range(3):
            await pasting.type(b"p" * 1024 * 1024)
        await typing.type(b"echo $((40+2))\n")
        await typing.shows(b"42")
        await eventually(lambda: service.find(deaf)._input.waiting_bytes > 900_000, what="the paste to wait")
        assert service.find(deaf)._input.waiting_bytes <= 1024 * 1024


async def test_a_long_paste_arrives_whole(main: SplicingMain, open_terminal: Opener) -> None:
    count = 3 * 1024 * 1024
    script = f"stty raw -echo; echo ready; head -c {count} | cksum; sleep 60"
    async with page(main, await open_terminal(script)) as reader:
        await reader.shows(b"ready")
        for _ in range(3):
            await reader.type(b"x" * 1024 * 1024)
        await reader.shows(str(count).encode())
