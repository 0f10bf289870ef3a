"""terminal.restart and terminal.close at the same time, and a restart while the last words are still on their way."""

import asyncio
import socket
from collections.abc import Sequence
from pathlib import Path

import pytest

from node.terminal import service as module
from node.terminal.holder import channel
from node.terminal.holder.messages import Message, Restart
from node.terminal.service import TerminalService
from tests.support.terminal_holder import is_running
from tests.support.terminal_link import SplicingMain, page
from tests.support.waiting import eventually
from tests.unit.node.terminal.conftest import NODE, Opener
from ws.protocol.errors import ErrorCode, WireError
from ws.protocol.terminals import TerminalListParams, TerminalParams

pytestmark = pytest.mark.usefixtures("streams")


async def test_who_closes_while_it_is_started_again_has_closed_it(
    service: TerminalService, open_terminal: Opener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = await open_terminal("echo $$ >>pids; [ -e lives ] && exec sleep 60; touch lives")
    await eventually(lambda: service.find(terminal).is_over, what="the end")
    params = TerminalParams(node=NODE, terminal=terminal)
    is_asked_for = asyncio.Event()
    send = channel.send

    def sent(connection: socket.socket, message: Message, descriptors: Sequence[int] = ()) -> None:
        send(connection, message, descriptors)
        if isinstance(message, Restart):
            is_asked_for.set()

    monkeypatch.setattr(channel, "send", sent)
    async with asyncio.TaskGroup() as group:
        _ = group.create_task(service.restart(params), name="restart")
        await is_asked_for.wait()
        await service.end(params)
    assert not (await service.list(TerminalListParams(node=NODE))).terminals
    pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    await eventually(lambda: not any(is_running(pid) for pid in pids), what="no program that is left")


async def test_what_ends_at_once_when_it_is_started_again_makes_room(
    service: TerminalService, open_terminal: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its end may be known before its start is."""
    monkeypatch.setattr(module, "MAX_TERMINALS", 1)
    terminal = await open_terminal("true")
    for _ in range(5):
        await eventually(lambda: service.find(terminal).is_over, what="the end")
        await service.restart(TerminalParams(node=NODE, terminal=terminal))
    await eventually(lambda: service.find(terminal).is_over, what="the last end")
    await open_terminal("true")


async def test_what_was_started_again_during_its_last_words_gives_way_to_nobody(
    main: SplicingMain, service: TerminalService, open_terminal: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = (
        "if [ -e lives ]; then echo second; exec sleep 60; fi; touch lives; read go;"
        " head -c 264000 /dev/zero | tr '\\0' x"
    )
    terminal = await open_terminal(script)
    async with page(main, terminal, is_consuming=False) as slow:
        await slow.type(b"\n")
        await eventually(lambda: service.find(terminal).exit is not None, what="the end")
        assert not service.find(terminal).is_over
        async with asyncio.TaskGroup() as group:
            again = group.create_task(service.restart(TerminalParams(node=NODE, terminal=terminal)), name="restart")
            slow.is_consuming = True
            await slow.acknowledge()
        assert again.result().terminal.running
        monkeypatch.setattr(module, "MAX_TERMINALS", 1)
        with pytest.raises(WireError) as caught:
            await open_terminal("true")
        assert caught.value.code is ErrorCode.CONFLICT
        await slow.shows(b"second")
