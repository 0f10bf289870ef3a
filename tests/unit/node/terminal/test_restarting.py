"""terminal.restart: the same terminal, another life of its program."""

import asyncio
import re
from pathlib import Path

import pytest

from node.terminal.service import TerminalService
from node.terminal.starting import RESTARTED
from tests.support.terminal_link import SplicingMain, page
from tests.support.waiting import eventually
from tests.unit.node.terminal.conftest import NODE, Opener
from ws.protocol.errors import ErrorCode, WireError
from ws.protocol.terminals import Terminal, TerminalParams, TerminalRenameParams

pytestmark = pytest.mark.usefixtures("streams")

HEADING = RESTARTED.encode()


async def restart(service: TerminalService, terminal: str) -> Terminal:
    return (await service.restart(TerminalParams(node=NODE, terminal=terminal))).terminal


async def refusal(service: TerminalService, terminal: str) -> WireError:
    with pytest.raises(WireError) as caught:
        await restart(service, terminal)
    return caught.value


async def over(service: TerminalService, terminal: str) -> None:
    await eventually(lambda: service.find(terminal).is_over, what="the end")


async def test_readers_stay_and_the_output_goes_on(
    main: SplicingMain, service: TerminalService, open_terminal: Opener, tmp_path: Path
) -> None:
    script = "echo life:$(( $(cat lives 2>/dev/null) + 1 )) | tee -a all; echo 1 >lives; stty size; read line; exit 3"
    terminal = await open_terminal(script, name="build")
    async with page(main, terminal) as one, page(main, terminal, may_type=0) as two:
        await one.frame("attached")
        await two.frame("attached")
        await one.send(type="resize", cols=100, rows=40)
        await one.type(b"\n")
        for reader in (one, two):
            assert (await reader.frame("exit"))["code"] == 3
        before = one.position
        again = await restart(service, terminal)
        assert (again.terminal, again.name, again.cols, again.running, again.code) == (
            terminal,
            "build",
            100,
            True,
            None,
        )
        for reader in (one, two):
            attached = await reader.frame("attached")
            assert (attached["offset"], attached["running"], attached["cols"]) == (before, True, 100)
            assert attached["replayed_to"] == before + len(HEADING)
            await reader.shows(b"40 100")
        await one.type(b"\n")
        for reader in (one, two):
            await reader.frame("exit")
        assert one.output == two.output
        assert one.output.count(HEADING) == 1
        first, second = one.output.split(HEADING)
        assert b"life:1" in first
        assert b"life:2" in second
        async with page(main, terminal) as late:
            await late.shows(b"40 100\r\n\r\n")
            assert late.output == one.output
    assert (tmp_path / "all").read_text() == "life:1\nlife:2\n"


async def test_what_runs_is_not_started_again(service: TerminalService, open_terminal: Opener) -> None:
    terminal = await open_terminal("sleep 60")
    assert (await refusal(service, terminal)).code is ErrorCode.CONFLICT
    assert (await refusal(service, "nope")).code is ErrorCode.NOT_FOUND


async def test_of_two_who_ask_one_is_served(service: TerminalService, open_terminal: Opener, tmp_path: Path) -> None:
    terminal = await open_terminal("echo x >>lives; exec sleep 0.1")
    await over(service, terminal)
    async with asyncio.TaskGroup() as group:
        first = group.create_task(restart(service, terminal), name="first")
        others = [group.create_task(refusal(service, terminal), name="other") for _ in range(4)]
    assert first.result().running
    assert [each.result().code for each in others] == [ErrorCode.CONFLICT] * 4
    await over(service, terminal)
    assert (tmp_path / "lives").read_text() == "x\nx\n"


async def test_a_folder_that_is_gone_is_said_and_the_terminal_stays(
    main: SplicingMain, service: TerminalService, open_terminal: Opener, tmp_path: Path
) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    terminal = await open_terminal("echo here; exit 1", path=str(folder))
    async with page(main, terminal) as reader:
        await reader.frame("exit")
        folder.rmdir()
        assert (await refusal(service, terminal)).code is ErrorCode.NOT_FOUND
        folder.mkdir()
        await restart(service, terminal)
        await reader.frame("exit")
        assert reader.output == b"here\r\n" + HEADING + b"here\r\n"


async def test_a_job_left_behind_does_not_keep_the_terminal_from_its_next_life(
    main: SplicingMain, service: TerminalService, open_terminal: Opener
) -> None:
    """It holds the old PTY open and is deaf to its hang-up; what it writes there is nobody's any more."""
    script = "trap '' HUP; if [ -e lives ]; then echo second; sleep 60; fi; touch lives; (sleep 61.5; echo late) & exit"
    terminal = await open_terminal(script)
    async with page(main, terminal) as reader:
        await reader.frame("exit")
        await restart(service, terminal)
        await reader.shows(b"second")
        await service.end(TerminalParams(node=NODE, terminal=terminal))


async def test_what_was_started_again_while_its_end_was_awaited_counts_as_running(
    service: TerminalService, open_terminal: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The end of the old life is known while the new one is asked for; it must not make room for others later."""
    monkeypatch.setattr("node.terminal.service.MAX_TERMINALS", 1)
    script = "trap '' HUP; if [ -e lives ]; then exec sleep 60; fi; touch lives; sleep 61.5 & exit"
    terminal = await open_terminal(script)
    await eventually(lambda: service.find(terminal).exit is not None, what="the exit")
    assert not service.find(terminal).is_over
    assert (await restart(service, terminal)).running
    with pytest.raises(WireError) as caught:
        await open_terminal("exit 0")
    assert caught.value.code is ErrorCode.CONFLICT
    assert service.find(terminal).exit is None


async def test_it_may_be_started_again_and_again(
    main: SplicingMain, service: TerminalService, open_terminal: Opener
) -> None:
    """Descriptors of the lives that are over are closed, here and in the holder."""
    terminal = await open_terminal("seq 1 1000")
    await over(service, terminal)
    assert service.holder_pid is not None
    places = [Path("/proc/self/fd"), Path(f"/proc/{service.holder_pid}/fd")]
    before = [len(list(place.iterdir())) for place in places]
    async with page(main, terminal) as reader:
        for _ in range(20):
            await reader.frame("exit")
            await restart(service, terminal)
        await reader.frame("exit")
        numbers = [int(number) for number in re.sub(re.escape(HEADING), b"\n", bytes(reader.output)).split()]
        assert numbers == [*range(1, 1001)] * 21
    await eventually(
        lambda: [len(list(place.iterdir())) for place in places] == before, what="every descriptor to be closed"
    )


async def test_a_name_given_meanwhile_stays(service: TerminalService, open_terminal: Opener) -> None:
    terminal = await open_terminal("exit 0")
    await over(service, terminal)
    await service.rename(TerminalRenameParams(node=NODE, terminal=terminal, name="mine"))
    assert (await restart(service, terminal)).name == "mine"


async def test_a_reader_that_is_behind_gets_every_byte(
    main: SplicingMain, service: TerminalService, open_terminal: Opener
) -> None:
    """The first life leaves more than one window: credit and position go over to the second."""
    terminal = await open_terminal("seq 1 100000")
    async with page(main, terminal, is_consuming=False) as slow:
        await eventually(lambda: len(slow.output) >= 256 * 1024, what="a window full")
        await over(service, terminal)
        await restart(service, terminal)
        slow.is_consuming = True
        await slow.acknowledge()
        await over(service, terminal)
        await slow.frame("exit", 20)
        assert slow.output.count(HEADING) == 1
        first, second = bytes(slow.output).split(HEADING)
        assert [int(number) for number in first.split()] == list(range(1, 100_001))
        assert first == second
