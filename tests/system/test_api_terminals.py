"""terminal.*: opening, listing, renaming, closing."""

from typing import Any

import pytest

from node.terminal.starting import RESTARTED
from tests.support.client import OpError
from tests.support.installation import Installation
from tests.support.reader import reading
from tests.support.waiting import eventually

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("api terminals")]


async def opened(whole: Installation, **params: Any) -> dict[str, Any]:
    return await whole.op("terminal.open", **{"path": str(whole.work), "cols": 80, "rows": 24, **params})


async def listed(whole: Installation) -> dict[str, dict[str, Any]]:
    return {each["terminal"]: each for each in (await whole.op("terminal.list"))["terminals"]}


async def test_opening_answers_id_name_and_size(whole: Installation) -> None:
    answer = await opened(whole, command=["cat"], name="Cat", cols=100, rows=30)
    assert set(answer) == {"terminal", "name", "cols", "rows"}
    assert (answer["name"], answer["cols"], answer["rows"]) == ("Cat", 100, 30)
    shown = (await listed(whole))[answer["terminal"]]
    assert (shown["name"], shown["path"], shown["running"], shown["readers"]) == ("Cat", str(whole.work), True, 0)
    assert (shown["cols"], shown["rows"]) == (100, 30)
    await whole.op("terminal.close", terminal=answer["terminal"])


async def test_the_default_is_the_login_shell_in_that_folder(whole: Installation) -> None:
    answer = await opened(whole)
    async with reading(whole.client, whole.node, answer["terminal"]) as reader:
        await reader.type('echo "in:$(pwd)|$SWITCHYARD_SERVER_PORT|$TERM|"; stty size\r')
        output = await reader.until_text(f"in:{whole.work}||xterm-256color|".encode())
        assert b"24 80" in output or b"24 80" in await reader.until_text(b"24 80")
    await whole.op("terminal.close", terminal=answer["terminal"])


@pytest.mark.parametrize("shell", ["/bin/sh", "sh"])
async def test_another_shell_may_be_named(whole: Installation, shell: str) -> None:
    answer = await opened(whole, shell=shell)
    async with reading(whole.client, whole.node, answer["terminal"]) as reader:
        await reader.type("echo shell=$0=\r")
        assert b"sh=" in await reader.until_text(b"shell=", times=2)
    await whole.op("terminal.close", terminal=answer["terminal"])


async def test_a_command_is_an_argument_list_and_no_shell_string(whole: Installation) -> None:
    answer = await opened(whole, command=["printf", "%s\n", "$(id)", "a b", "`x`; y"])
    async with reading(whole.client, whole.node, answer["terminal"]) as reader:
        assert b"$(id)\r\na b\r\n`x`; y\r\n" in await reader.until_text(b"; y\r\n")
        assert (await reader.until_frame("exit"))["code"] == 0


async def test_renaming_answers_the_terminal(whole: Installation) -> None:
    terminal = (await opened(whole, command=["cat"]))["terminal"]
    renamed = await whole.op("terminal.rename", terminal=terminal, name="Other")
    assert (renamed["terminal"]["terminal"], renamed["terminal"]["name"]) == (terminal, "Other")
    assert (await listed(whole))[terminal]["name"] == "Other"
    await whole.op("terminal.close", terminal=terminal)


async def test_closing_ends_the_program_and_forgets_the_terminal(whole: Installation) -> None:
    marker = whole.work / "ended"
    terminal = (await opened(whole, command=["sh", "-c", f"trap 'touch {marker}' HUP TERM EXIT; echo up; cat"]))[
        "terminal"
    ]
    async with reading(whole.client, whole.node, terminal) as reader:
        await reader.until_text(b"up")
        assert await whole.op("terminal.close", terminal=terminal) == {}
        assert await reader.until_closed() == 4404
        assert reader.frames[-1]["type"] == "error"
        assert reader.frames[-1]["code"] == "not_found"
    assert terminal not in await listed(whole)
    await eventually(marker.exists, what="the program to be told")
    for op in ("terminal.close", "terminal.rename"):
        more = {"name": "x"} if op == "terminal.rename" else {}
        with pytest.raises(OpError) as refused:
            await whole.op(op, terminal=terminal, **more)
        assert refused.value.code == "not_found"


async def test_a_terminal_lives_without_readers(whole: Installation) -> None:
    terminal = (await opened(whole, command=["sh", "-c", "read line; echo got:$line; cat"]))["terminal"]
    async with reading(whole.client, whole.node, terminal) as reader:
        await reader.type("first\r")
    async with reading(whole.client, whole.node, terminal) as reader:
        await reader.until_text(b"got:first")
    await whole.op("terminal.close", terminal=terminal)


@pytest.mark.parametrize(
    ("params", "code", "field"),
    [
        ({"path": "/no/such/folder"}, "not_found", None),
        ({"path": "relative"}, "invalid", "params.path"),
        ({"cols": 1}, "invalid", "params.cols"),
        ({"cols": 1001}, "invalid", "params.cols"),
        ({"rows": 0}, "invalid", "params.rows"),
        ({"cols": "80"}, "invalid", "params.cols"),
        ({"command": ["a\x00b"]}, "invalid", "params.command"),
        ({"command": "ls"}, "invalid", "params.command"),
        ({"name": ""}, "invalid", "params.name"),
    ],
)
async def test_what_cannot_be_opened_is_said(
    whole: Installation, params: dict[str, Any], code: str, field: str | None
) -> None:
    before = await listed(whole)
    with pytest.raises(OpError) as refused:
        await opened(whole, **params)
    assert refused.value.code == code, refused.value.problem
    if field is not None:
        assert [each["path"] for each in refused.value.problem["errors"]] == [field]
    assert await listed(whole) == before


async def test_two_browsers_see_the_same_terminals(whole: Installation) -> None:
    """Whatever one does, the other is told: opened, renamed, read, resized, ended, started again, closed."""
    async with whole.client.socket() as one, whole.client.socket() as two:
        lists = [await each.subscribe("terminal.watch", {"node": whole.node}) for each in (one, two)]
        known = [{each["terminal"]: each for each in watch.result["terminals"]} for watch in lists]

        async def both_see(terminal: str, **facts: Any) -> None:
            for watch, terminals in zip(lists, known, strict=True):
                while not facts.items() <= terminals.get(terminal, {}).items():
                    event = await watch.next()
                    assert event["type"] == "terminal", event
                    terminals[event["terminal"]["terminal"]] = event["terminal"]

        answer = await one.call(
            "terminal.open",
            {"node": whole.node, "path": str(whole.work), "cols": 80, "rows": 24, "command": ["cat"], "name": "Shared"},
        )
        terminal = answer["terminal"]
        await both_see(terminal, name="Shared", running=True, readers=0)
        await two.call("terminal.rename", {"node": whole.node, "terminal": terminal, "name": "Ours"})
        await both_see(terminal, name="Ours")
        async with reading(whole.client, whole.node, terminal) as reader:
            await reader.send(type="resize", cols=90, rows=20)
            await both_see(terminal, readers=1, cols=90, rows=20)
            await reader.type("\x04")
            await reader.until_frame("exit")
            await both_see(terminal, running=False, code=0)
            again = await two.call("terminal.restart", {"node": whole.node, "terminal": terminal})
            assert again["terminal"]["running"] is True
            await both_see(terminal, running=True)
            attached = await reader.until_frame("attached")
            assert (attached["offset"], attached["running"]) == (
                attached["replayed_to"] - len(RESTARTED.encode()),
                True,
            )
            await reader.type("second life\r")
            await reader.until_text(b"second life", times=2)
        await one.call("terminal.close", {"node": whole.node, "terminal": terminal})
        for watch in lists:
            assert (await watch.until("removed"))[-1] == {"type": "removed", "id": terminal}
