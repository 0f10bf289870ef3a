"""Ctrl-C, SIGTERM and kill -9 of Main with its node and terminals: what ends, what lives on, what is found again."""

import signal
import time
from pathlib import Path

import psutil
import pytest

from tests.support.client import Client
from tests.support.installation import installed, scripted
from tests.support.processes import Program, failed_start, main_settings, running, start_program
from tests.support.reader import reading
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(120)
STOP_LIMIT_S = 5.0


def family(home: Path) -> dict[int, str]:
    """Every living process whose HOME is that folder, by pid: Main, its node, the holder, terminals, agents."""
    found: dict[int, str] = {}
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and process.environ().get("HOME") == str(home):
                found[process.pid] = " ".join(process.cmdline()[:3])
        except psutil.Error:
            continue
    return found


async def none_left(home: Path) -> None:
    await eventually(lambda: not family(home), what=f"all to be gone, not {family(home)}", deadline_s=2)


async def terminal(client: Client, node: str, folder: Path, *command: str) -> str:
    answer = await client.op("terminal.open", node=node, path=str(folder), cols=80, rows=24, command=list(command))
    return str(answer["terminal"])


async def test_control_c_leaves_nothing_behind(tmp_path: Path) -> None:
    async with installed(tmp_path) as whole:
        for command in (["cat"], ["sh", "-c", "trap '' HUP TERM INT; while :; do sleep 60; done"], ["bash", "-i"]):
            await terminal(whole.client, whole.node, whole.work, *command)
        session = (await whole.session())["id"]
        await whole.play(session, "hold", until="agent_message")
        assert len(family(tmp_path)) >= 6
        begun = time.monotonic()
        assert await whole.main.stop(signal.SIGINT) == 0
        await none_left(tmp_path)
        assert time.monotonic() - begun < STOP_LIMIT_S
    assert "Traceback" not in whole.main.text


async def test_sigterm_leaves_the_terminals_which_are_found_again(tmp_path: Path) -> None:
    settings = main_settings(**scripted(tmp_path))
    async with running("main_server.py", tmp_path, settings) as first, Client(first.url) as client:
        await client.register()
        node = await client.online_node()
        kept = await terminal(client, node, tmp_path, "cat")
        async with reading(client, node, kept) as reader:
            await reader.type("before\r")
            await reader.until_text(b"before", times=2)
            before = reader.output
        begun = time.monotonic()
        assert await first.stop(signal.SIGTERM) == 0
        assert time.monotonic() - begun < STOP_LIMIT_S
        await eventually(
            lambda: not any("app.py" in each or "main_server" in each for each in family(tmp_path).values()),
            what="both programs to end",
        )
        assert any("cat" in each for each in family(tmp_path).values()), "the terminal lives on"
        async with running("main_server.py", tmp_path, settings):
            assert await client.online_node(node) == node
            async with reading(client, node, kept, len(before)) as reader:
                assert reader.attached["running"] is True
                await reader.type("after\r")
                output = await reader.until_text(b"after", times=2)
            async with reading(client, node, kept) as reader:
                await reader.until_bytes(len(before) + len(output))
                assert reader.output == before + output
    await none_left(tmp_path)


async def test_the_node_of_a_killed_main_goes_on_and_is_found_again(tmp_path: Path) -> None:
    settings = main_settings(**scripted(tmp_path))
    async with running("main_server.py", tmp_path, settings) as first, Client(first.url) as client:
        await client.register()
        node = await client.online_node()
        kept = await terminal(client, node, tmp_path, "cat")
        made = await client.op("session.create", node=node, path=str(tmp_path), provider="scripted")
        session = made["session"]["id"]
        await client.op("session.send", node=node, session=session, message_id="m", text="stream")
        nodes = {pid for pid, name in family(tmp_path).items() if "app.py" in name}
        assert len(nodes) == 1
        await first.kill()
        async with running("main_server.py", tmp_path, settings):
            assert await client.online_node(node) == node
            assert {pid for pid, name in family(tmp_path).items() if "app.py" in name} == nodes
            async with client.socket() as socket:
                params = {"node": node, "session": session, "after": 0}
                seen = await (await socket.subscribe("session.watch", params)).until("turn_ended")
            assert seen[-1]["stop_reason"] == "end_turn", "the turn did not notice"
            async with reading(client, node, kept) as reader:
                assert reader.attached["running"] is True
    await none_left(tmp_path)


async def test_the_node_that_is_killed_is_started_again_with_its_terminals(tmp_path: Path) -> None:
    async with installed(tmp_path) as whole:
        kept = await terminal(whole.client, whole.node, whole.work, "cat")
        session = (await whole.session())["id"]
        await whole.play(session, "hold", until="agent_message")
        [pid] = [pid for pid, name in family(tmp_path).items() if "app.py" in name]
        async with whole.client.socket() as socket:
            watch = await socket.subscribe("session.watch", {"node": whole.node, "session": session, "after": 0})
            psutil.Process(pid).kill()
            ended = (await watch.until("ended"))[-1]
            assert ended["error"]["code"] == "node_offline"
            assert ended["error"]["retryable"] is True
        assert await whole.client.online_node(whole.node) == whole.node
        async with reading(whole.client, whole.node, kept) as reader:
            await reader.type("alive\r")
            await reader.until_text(b"alive", times=2)
        async with whole.watching(session) as watch:
            assert (await watch.until("turn_ended"))[-1]["stop_reason"] == "node_restarted"
        assert (await whole.play(session, "hello"))[-1]["stop_reason"] == "end_turn"
    await none_left(tmp_path)


async def test_a_node_beside_mains_own_says_whose_it_is(tmp_path: Path) -> None:
    async with installed(tmp_path) as whole:
        [pid] = [pid for pid, name in family(tmp_path).items() if "app.py" in name]
        sentence = await failed_start("app.py", tmp_path, {"node.main_server_url": whole.url})
        assert "already runs under Main" in sentence
        assert f"pid {pid}" in sentence
        assert "main.local_node=false" in sentence
        assert (await whole.op("files.list", path=str(whole.work)))["entries"] == []


async def test_the_local_node_reads_its_settings_from_mains_environment(tmp_path: Path) -> None:
    outside = tmp_path / "elsewhere"
    outside.mkdir()
    home = tmp_path / "home"
    async with installed(
        home, {**scripted(home), "filesystem.roots": [str(outside)], "terminal.enabled": False}
    ) as whole:
        assert (await whole.op("files.list", path=str(outside)))["parent"] is None
        with pytest.raises(Exception, match="403"):
            await whole.op("files.list", path=str(home))
        with pytest.raises(Exception, match="501"):
            await terminal(whole.client, whole.node, outside, "cat")
        capabilities = (await whole.client.op("nodes.list"))["nodes"][0]["capabilities"]
        assert capabilities["terminal"] is False
        assert capabilities["providers"] == ["scripted"]


async def test_a_main_that_is_stopped_while_it_starts_leaves_nothing(tmp_path: Path) -> None:
    program: Program = await start_program("main_server.py", tmp_path, main_settings(**scripted(tmp_path)))
    await eventually(
        lambda: any("app.py" in each for each in family(tmp_path).values()), what="the node's process to appear"
    )
    assert await program.stop(signal.SIGINT) == 0
    await none_left(tmp_path)
    assert "Traceback" not in program.text
