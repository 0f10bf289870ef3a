"""A terminal as the page has it: through a real Main, its real node and a real holder."""

import contextlib
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp

from tests.support.client import Client
from tests.support.installation import Installation, installed, scripted
from tests.support.processes import main_settings, start_program
from tests.support.terminal_link import TerminalPage
from tests.support.waiting import eventually


@contextlib.asynccontextmanager
async def page(client: Client, node: str, terminal: str, **query: Any) -> AsyncIterator[TerminalPage]:
    """A page attached through Main."""
    params = {"node": node, "terminal": terminal, **{name: str(value) for name, value in query.items()}}
    socket = await client.http.ws_connect(
        f"{client.url}/ws/terminal",
        params=params,
        headers=client.headers,
        timeout=aiohttp.ClientWSTimeout(ws_close=0.5),
    )
    reader = TerminalPage(socket)
    try:
        await eventually(lambda: reader.frames, what="the first frame")
        yield reader
    finally:
        await reader.close()


async def open_terminal(whole: Installation, script: str) -> str:
    opened = await whole.op("terminal.open", path=str(whole.work), cols=80, rows=24, command=["sh", "-c", script])
    return str(opened["terminal"])


def program_of(reader: TerminalPage) -> Path:
    """/proc of the program that said ``pid:N:`` first."""
    return Path("/proc") / reader.output.split(b":")[1].decode()


async def test_a_shell_in_a_folder_of_the_node(tmp_path: Path) -> None:
    async with installed(tmp_path) as whole:
        opened = await whole.op("terminal.open", path=str(whole.work), cols=100, rows=30)
        async with page(whole.client, whole.node, opened["terminal"]) as reader:
            await reader.type(b"pwd; stty size; env | grep -c ^SWITCHYARD; echo $((40+2))-done\n")
            await reader.shows(b"42-done")
            assert str(whole.work).encode() in reader.output
            assert b"\r\n30 100\r\n0\r\n" in reader.output
            await reader.type(b"exit 4\n")
            assert (await reader.frame("exit"))["code"] == 4
        for query, code, name in (({"terminal": "none"}, 4404, "not_found"), ({"after": 10**12}, 4400, "invalid")):
            asked = {"terminal": opened["terminal"], **query}
            async with page(whole.client, whole.node, **asked) as refused:
                assert (await refused.frame("error"))["code"] == name
                assert await refused.ended() == code
        terminal = await open_terminal(whole, "sleep 60")
        async with page(whole.client, whole.node, terminal) as reader:
            await whole.client.post("/api/auth/logout", {})
            assert await reader.ended() == 4401


async def test_sigterm_leaves_the_terminals_and_ctrl_c_ends_them(tmp_path: Path) -> None:
    settings = main_settings(**scripted(tmp_path))
    script = "echo pid:$$:; trap 'echo caught' INT; while :; do sleep 0.05; done"
    main = await start_program("main_server.py", tmp_path, settings)
    await main.healthy()
    async with Client(main.url) as client:
        await client.register()
        first = Installation(main, client, tmp_path, await client.online_node())
        terminal = await open_terminal(first, script)
        async with page(client, first.node, terminal) as reader:
            await eventually(lambda: reader.output.count(b":") == 2, what="the pid")
            program = program_of(reader)
            assert await main.stop(signal.SIGTERM) == 0
            position = reader.position
    assert program.exists()
    main = await start_program("main_server.py", tmp_path, settings)
    await main.healthy()
    async with Client(main.url) as client:
        await client.login()
        node = await client.online_node()
        listed = (await client.op("terminal.list", node=node))["terminals"]
        assert [each["terminal"] for each in listed] == [terminal]
        async with page(client, node, terminal, after=position) as reader:
            assert reader.offset == position
            await reader.type(b"\x03")
            await reader.shows(b"caught")
            assert await main.stop(signal.SIGINT) == 0
    await eventually(lambda: not program.exists(), what="the terminal's program to end")
