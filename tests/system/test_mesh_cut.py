"""A cable is pulled: nobody hears an end, both sides notice by themselves, and nothing is lost or told twice."""

import asyncio
import contextlib
import signal
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.installation import Installation, scripted
from tests.support.mesh import MODES, Mesh, MeshNode, Mode, mesh
from tests.support.network import Machine, network
from tests.support.processes import free_port
from tests.support.reader import reading
from tests.support.waiting import eventually

pytestmark = [pytest.mark.xdist_group("cut"), pytest.mark.timeout(180)]

NOTICED_S = 30.0
COUNT = "i=0; while :; do i=$((i+1)); echo line-$i; sleep 0.05; done"


@dataclass
class Wired:
    """A node on a machine of its own, with a cable to Main's."""

    made: Mesh
    node: MeshNode
    machine: Machine
    yard: Installation


@contextlib.asynccontextmanager
async def wired(home: Path, mode: Mode) -> AsyncIterator[Wired]:
    async with network() as lan:
        server, worker = await lan.machine("main"), await lan.machine("worker")
        port = free_port()
        addresses = [f"http://{worker.host}:{port}"] if mode == "dialed" else []
        async with mesh(home, server, node_addresses=addresses) as made:
            main = f"http://{server.host}:{made.settings['server.port']}"
            where = {"direct": {"node.main_server_url": main}, "callback": {"node.main_register_url": main}}.get(
                mode, {}
            )
            heard = {"server.host": "0.0.0.0", "server.port": port}
            node = await made.add("worker", mode, worker, **heard, **where, **scripted(home))
            await made.online("worker")
            yard = Installation(made.main, made.client, node.home, "worker")
            yield Wired(made, node, worker, yard)


def lines_of(output: bytes) -> list[int]:
    """The numbers of the whole lines."""
    whole = output.decode().split("\r\n")[:-1]
    return [int(line.removeprefix("line-")) for line in whole]


async def counting(yard: Installation) -> str:
    """A terminal that counts."""
    opened = await yard.op("terminal.open", path=str(yard.home), cols=80, rows=24, command=["sh", "-c", COUNT])
    return str(opened["terminal"])


async def resumed(yard: Installation, terminal: str, before: bytes) -> None:
    """Attach where the reader was: the next byte is the next one."""
    async with reading(yard.client, "worker", terminal, after=len(before)) as reader:
        assert reader.begin == len(before)
        await reader.until_bytes(200)
        numbers = lines_of(before + reader.output)
        assert numbers == list(range(1, len(numbers) + 1))


# Once it stands, a link of callback mode is one of a dialled node.
@pytest.mark.parametrize("mode", ["direct", "dialed"])
async def test_a_cut_cable_is_noticed_by_both_and_costs_nothing(tmp_path: Path, mode: Mode) -> None:
    async with wired(tmp_path, mode) as both:
        made, yard = both.made, both.yard

        async def is_noticed() -> bool:
            return (await both.node.link())[0] != "online"

        terminal = await counting(yard)
        session = (await yard.session())["id"]
        async with (
            reading(made.client, "worker", terminal, after=0) as reader,
            yard.watching(session) as watch,
            made.client.socket() as socket,
        ):
            await reader.until_bytes(200)
            nodes = await socket.subscribe("nodes.watch")
            await yard.send(session, "stream")
            seen = await watch.until("delta")
            await both.machine.cut()
            cut_at = time.monotonic()
            seen += await watch.until("ended", NOTICED_S)
            assert seen.pop()["error"]["code"] == "node_offline"
            with contextlib.suppress(ConnectionError):  # what is acknowledged just then
                await reader.until_closed()
            told = await nodes.until("node", 1.0)
            assert time.monotonic() - cut_at < NOTICED_S
            while told[-1]["node"]["status"] == "online":
                told += await nodes.until("node", 1.0)
        assert (await made.shown("worker"))["status"] == "offline"
        assert (await made.main.healthy())["nodes"] == {"online": 0, "total": 1}
        left_s = NOTICED_S - (time.monotonic() - cut_at)
        await eventually(is_noticed, what="the node to notice", deadline_s=left_s)
        await both.machine.mend()
        await made.online("worker")
        await resumed(yard, terminal, reader.output)
        cursor = max(event.get("seq", 0) for event in seen)
        async with yard.watching(session, after=cursor) as watch:
            seen += await watch.until("turn_ended")
        durable = [event["seq"] for event in seen if "seq" in event]
        assert durable == list(range(1, len(durable) + 1))
        assert (await both.node.link())[0] == "online"


async def test_a_short_cut_goes_by_unnoticed(tmp_path: Path) -> None:
    async with wired(tmp_path, "direct") as both:
        terminal = await counting(both.yard)
        async with reading(both.made.client, "worker", terminal, after=0) as reader:
            await reader.until_bytes(200)
            await both.machine.cut()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(3):
                    await reader.until_text(b"never")
            await both.machine.mend()
            length = len(reader.output)
            await reader.until_bytes(length + 1000)
            numbers = lines_of(reader.output)
            assert numbers == list(range(1, len(numbers) + 1))
        assert (await both.made.shown("worker"))["status"] == "online"
        assert both.made.main.text.count("node_online") == 1


@pytest.mark.parametrize("mode", MODES)
async def test_main_restarted_again_and_again_loses_nothing(tmp_path: Path, mode: Mode) -> None:
    async with wired(tmp_path, mode) as both:
        made, yard = both.made, both.yard
        terminal = await counting(yard)
        session = (await yard.session())["id"]
        await yard.send(session, "stream", "m1")
        output = b""
        for number in range(3):
            async with reading(made.client, "worker", terminal, after=len(output)) as reader:
                assert reader.begin == len(output)
                await reader.until_bytes(100)
                await (made.main.kill() if number % 2 else made.main.stop(signal.SIGTERM))
                with contextlib.suppress(ConnectionError):  # what is acknowledged just then
                    await reader.until_closed()
                output += reader.output
            await made.start_main()
            await made.online("worker")
            assert (await yard.send(session, "stream", "m1"))["duplicate"]
        await resumed(yard, terminal, output)

        async def ended() -> list[dict[str, Any]] | None:
            events = (await yard.op("session.events", session=session, limit=1000))["events"]
            return events if events[-1]["type"] == "turn_ended" else None

        events = await eventually(ended, what="the turn to end")
        assert events[-1]["stop_reason"] == "end_turn"
        assert [event["message_id"] for event in events if event["type"] == "user_message"] == ["m1"]
