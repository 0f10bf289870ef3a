"""What may be asked of `terminal.open`, and what is refused."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from config import Terminal as TerminalConfig
from node.terminal import service as service_module
from node.terminal import shell
from node.terminal.service import TerminalService
from tests.support.waiting import eventually
from tests.unit.node.terminal.conftest import NODE, Opener
from ws.protocol.errors import ErrorCode, WireError
from ws.protocol.terminals import TerminalListParams, TerminalOpenParams, TerminalRenameParams


async def refusal(open_terminal: Opener, **asked: object) -> WireError:
    with pytest.raises(WireError) as caught:
        await open_terminal(**asked)
    return caught.value


async def test_an_unknown_shell_is_refused(open_terminal: Opener) -> None:
    error = await refusal(open_terminal, shell="no-such-shell")
    assert error.code is ErrorCode.INVALID
    assert "'no-such-shell'" in error.detail


async def test_of_a_long_name_a_refusal_repeats_the_beginning(open_terminal: Opener) -> None:
    assert len((await refusal(open_terminal, command=["x" * 4096])).detail) < 300


@pytest.mark.parametrize("name", ["a\0b", "", "/", "/etc/passwd", "-rf", "$(id)", "`id`", "; id #", "a\nb", "é" * 100])
async def test_a_command_is_a_program_and_nothing_else(open_terminal: Opener, name: str) -> None:
    assert (await refusal(open_terminal, command=[name])).code is ErrorCode.INVALID


async def test_arguments_reach_the_program_unchanged(
    open_terminal: Opener, service: TerminalService, tmp_path: Path
) -> None:
    nasty = ["; id #", "$(id)", "`id`", "a\nb", "-rf", "", "é😀"]
    terminal = await open_terminal(command=["sh", "-c", 'for a; do printf "%s\\0" "$a"; done > out', "sh", *nasty])
    await eventually(lambda: service.find(terminal).is_over, what="the end")
    assert (tmp_path / "out").read_bytes().decode().split("\0")[:-1] == nasty


async def test_a_nul_in_an_argument_is_refused(open_terminal: Opener) -> None:
    assert (await refusal(open_terminal, command=["sh", "-c", "a\0b"])).code is ErrorCode.INVALID


async def test_a_folder_that_is_gone_is_refused(open_terminal: Opener, tmp_path: Path) -> None:
    assert (await refusal(open_terminal, path=str(tmp_path / "gone"))).code is ErrorCode.NOT_FOUND
    (tmp_path / "file").touch()
    assert (await refusal(open_terminal, path=str(tmp_path / "file"))).code is ErrorCode.NOT_FOUND


@pytest.mark.parametrize("change", ["folder", "program"])
async def test_what_vanishes_before_it_is_started_is_said(
    open_terminal: Opener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    """After the look at what was asked for, and before the holder starts it."""
    folder, program = tmp_path / "work", tmp_path / "program"
    folder.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    look = shell.resolve

    def look_and_lose(*asked: Any) -> shell.Program:
        found = look(*asked)
        folder.rmdir() if change == "folder" else program.unlink()
        return found

    monkeypatch.setattr(shell, "resolve", look_and_lose)
    error = await refusal(open_terminal, path=str(folder), command=[str(program)])
    assert error.code is ErrorCode.INVALID
    assert error.detail.startswith(f"{program} could not be started in {folder} (")
    assert error.detail.endswith("); look whether both are still there.")
    assert "Errno" not in error.detail
    monkeypatch.undo()
    await open_terminal("exit 0")


async def test_a_command_too_long_for_the_holder_is_refused_and_harms_nothing(open_terminal: Opener) -> None:
    await open_terminal("sleep 60")
    assert (await refusal(open_terminal, command=["echo", *["x" * 4096] * 100])).code is ErrorCode.INVALID
    await open_terminal("sleep 60")


async def test_a_program_is_found_from_the_terminals_folder(
    open_terminal: Opener, service: TerminalService, tmp_path: Path
) -> None:
    script = tmp_path / "run"
    script.write_text("#!/bin/sh\npwd > where\n")
    script.chmod(0o755)
    terminal = await open_terminal(command=["./run"])
    await eventually(lambda: service.find(terminal).is_over, what="the end")
    assert (tmp_path / "where").read_text().strip() == str(tmp_path)


async def test_too_many_terminals_are_refused_until_one_ends(
    open_terminal: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_module, "MAX_TERMINALS", 3)
    for _ in range(3):
        await open_terminal("read line")
    error = await refusal(open_terminal)
    assert error.code is ErrorCode.CONFLICT
    assert "limit" in error.detail


async def test_an_ended_terminal_gives_way_to_a_new_one(
    open_terminal: Opener, service: TerminalService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_module, "MAX_TERMINALS", 2)
    brief = await open_terminal("exit 0")
    await open_terminal("sleep 60")
    await eventually(lambda: service.find(brief).is_over, what="the end")
    await open_terminal("sleep 60")
    assert brief not in {each.terminal for each in (await service.list(TerminalListParams(node=NODE))).terminals}


async def test_a_node_without_terminals_says_so(identity: Path, environment: dict[str, str], tmp_path: Path) -> None:
    service = TerminalService(TerminalConfig(enabled=False), identity, environment)
    with pytest.raises(WireError, match=r"terminal\.enabled") as caught:
        await service.open(TerminalOpenParams(node=NODE, path=str(tmp_path), cols=80, rows=24))
    assert caught.value.code is ErrorCode.UNSUPPORTED


async def test_opening_that_is_cancelled_leaves_no_terminal(open_terminal: Opener, service: TerminalService) -> None:
    await open_terminal("sleep 60")
    holder = service.holder_pid
    assert holder is not None
    asked = [asyncio.ensure_future(open_terminal("sleep 61")) for _ in range(20)]  # noqa: TID251
    await asyncio.sleep(0)
    for number, task in enumerate(asked):
        await asyncio.sleep(0.001 * (number % 3))
        task.cancel()
    await asyncio.wait(asked)
    survivors = sum(not task.cancelled() for task in asked)
    await eventually(lambda: len(children_of(holder)) == 1 + survivors, what="the unclaimed programs to end")
    assert len((await service.list(TerminalListParams(node=NODE))).terminals) == 1 + survivors


def children_of(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


@pytest.mark.parametrize(
    "name",
    [
        *("a\x1b[31mb", "\x07", "gpj.\u202exe", "tab\tstop", " ", "\u200d \u200c", "a\u200bb", "a\u2028b", "\udcff"),
        *("\u115f", "\u1160", "\u3164", "a\uffa0", "\u2800", "a\u180e", "\U000e0001\U000e0061"),
    ],
)
async def test_a_name_that_cannot_be_read_is_refused(
    service: TerminalService, open_terminal: Opener, name: str
) -> None:
    with pytest.raises(WireError, match="has letters that can be seen") as caught:
        await open_terminal("exec cat", name=name)
    assert caught.value.code is ErrorCode.INVALID
    terminal = await open_terminal("exec cat", name="\N{WOMAN}\u200d\N{PERSONAL COMPUTER} gr\u00fc\u00dfe")
    with pytest.raises(WireError, match="has letters that can be seen"):
        await service.rename(TerminalRenameParams(node=NODE, terminal=terminal, name=name))
    assert service.find(terminal).about.name == "\N{WOMAN}\u200d\N{PERSONAL COMPUTER} gr\u00fc\u00dfe"


async def test_a_name_of_an_older_version_is_cleaned_when_its_terminal_is_taken_over(
    service: TerminalService, open_terminal: Opener, identity: Path, environment: dict[str, str]
) -> None:
    terminals = [await open_terminal("exec cat") for _ in range(3)]
    for terminal, name in zip(terminals, ("ev\u202eil\x07" + "x" * 200, "\x1b\x9b", "\u3164\x07"), strict=True):
        about = msgspec.structs.replace(service.find(terminal).about, name=name)
        service._adopter.describe(terminal, msgspec.json.encode(about).decode())
    await service.close(end_terminals=False)
    again = TerminalService(TerminalConfig(), identity, environment)
    try:
        await again.adopt()
        assert [again.find(each).about.name for each in terminals] == ["evil" + "x" * 76, *terminals[1:]]
    finally:
        await again.close(end_terminals=True)
