"""An agent's event from the provider to the page, at 500 a second: ``python -m tests.bench.agent_events``.

The node's session service with its real journal, and the page, are this process; Main is the real program and the link
a real one. Targets: p50 ≤ 1 ms, p99 ≤ 5 ms at 500 events/s; none lost at any rate. The references are one echo through
one plain aiohttp hop, and the provider's own iterator read by nobody but us, at the same pace in the same run.
"""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import uvloop

from node.context import Subscribed
from node.sessions.handlers import handlers
from providers.base import SessionSpec
from tests.bench.reference_hop import reference
from tests.bench.report import Row, table
from tests.support.agents import FakeAgent, FakeProvider
from tests.support.client import Client, Socket
from tests.support.fake_node import FakeNode
from tests.support.processes import main_settings, running
from tests.unit.node.sessions.bench import NODE, Bench, bench
from ws.protocol.base import LoginId, UserId
from ws.protocol.envelope import Caller
from ws.protocol.events import AgentMessage
from ws.protocol.ops import OPS
from ws.rpc import Answer, Feed, IncomingCall, feed_from
from ws.tasks import TaskOwner

PER_SECOND = 500
SECONDS = 6
BURST = 20_000
DEADLINE_S = 60.0
NOBODY = Caller(user=UserId("u"), login=LoginId("l"), role="owner")


def behaviours(node: Bench, tasks: TaskOwner) -> Mapping[str, Callable[[IncomingCall], Awaitable[Answer]]]:
    """The node's own handlers of sessions, as its dispatcher calls them."""
    encode = msgspec.json.encode

    def answering(name: str, handler: Any) -> Callable[[IncomingCall], Awaitable[Answer]]:
        async def answer(call: IncomingCall) -> Answer:
            result = await handler(call.caller or NOBODY, msgspec.json.decode(call.params, type=OPS[name].params))
            if isinstance(result, Feed):
                return result
            if isinstance(result, Subscribed):
                events = (event if isinstance(event, bytes) else encode(event) async for event in result.events)
                return feed_from(encode(result.result), events, tasks, name)
            return encode(result)

        return answer

    return {name: answering(name, handler) for name, handler in handlers(node.service).items()}


async def _spoken(node: Bench, socket: Socket, session: str, times: list[float], pause_s: float) -> list[float]:
    """Say `len(times)` messages at an even pace; the moment at which each reached the page."""
    watch = await socket.subscribe("session.watch", {"node": NODE, "session": session, "after": 0})
    await watch.until("live")
    await node.send(session, "m")
    await node.prompted()
    heard: list[float] = []

    async def listen() -> None:
        while len(heard) < len(times):
            event = await watch.next(DEADLINE_S)
            if event["type"] == "agent_message":
                heard.append(time.perf_counter())

    listening = asyncio.get_running_loop().create_task(listen(), name="page")
    begun = time.perf_counter()
    for number in range(len(times)):
        due = begun + number * pause_s
        if (wait := due - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        times[number] = time.perf_counter()
        await node.provider.agent.say(AgentMessage(message_id=f"a{number}", text="An ordinary line of an agent."))
    await listening
    return heard


async def _bare(pause_s: float, count: int) -> list[float]:
    """The same agent without a node: from its word to whoever iterates over it, in ms."""
    agent = FakeAgent(SessionSpec(path=Path("/workspace"), new_native_id="n"), FakeProvider())
    taken: list[float] = []

    async def listen() -> None:
        async for event in agent.events():
            assert isinstance(event, AgentMessage)
            said = float(event.text)
            taken.append((time.perf_counter() - said) * 1000)

    listening = asyncio.get_running_loop().create_task(listen(), name="iterator")
    begun = time.perf_counter()
    for number in range(count):
        if (wait := begun + number * pause_s - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        await agent.say(AgentMessage(message_id=f"a{number}", text=str(time.perf_counter())))
    await agent.close()
    await listening
    return sorted(taken)


async def _hop(http: aiohttp.ClientSession, url: str) -> float:
    taken = []
    async with http.ws_connect(f"{url}/echo") as plain:
        for _ in range(500):
            begun = time.perf_counter()
            await plain.send_str("x" * 200)
            await plain.receive_str()
            taken.append((time.perf_counter() - begun) * 1000)
    return statistics.median(taken)


async def measure() -> list[Row]:
    """A steady pace, then as fast as the provider can."""
    tasks = TaskOwner("bench")
    with tempfile.TemporaryDirectory(prefix="switchyard-bench-") as folder:
        home = Path(folder)
        settings = main_settings(**{"main.local_node": False})
        async with (
            reference() as (url, _),
            aiohttp.ClientSession() as http,
            bench(home) as node,
            running("main_server.py", home / "main", settings) as main,
            Client(main.url) as client,
        ):
            await client.register()
            token = (await client.op("nodes.join"))["register_token"]
            fake = FakeNode(main.url, NODE, token, behaviours=behaviours(node, tasks))
            async with fake.online(), client.socket() as socket:
                hop = await _hop(http, url)
                bare = await _bare(1 / PER_SECOND, PER_SECOND * SECONDS)
                said = [0.0] * (PER_SECOND * SECONDS)
                heard = await _spoken(node, socket, await node.create(), said, 1 / PER_SECOND)
                burst = [0.0] * BURST
                begun = time.perf_counter()
                came = await _spoken(node, socket, await node.create(path="/workspace/other"), burst, 0.0)
                rate = len(came) / (came[-1] - begun)
        await tasks.close()
    taken = sorted((there - here) * 1000 for here, there in zip(said, heard, strict=True))
    p50, p99 = statistics.median(taken), taken[len(taken) * 99 // 100]
    return [
        Row("one aiohttp hop, echo, p50", hop, "ms", "reference"),
        Row("the provider's iterator alone, p50", statistics.median(bare), "ms", "reference"),
        Row("the provider's iterator alone, p99", bare[len(bare) * 99 // 100], "ms", "reference"),
        Row("provider to page at 500/s, p50", p50, "ms", f"{p50 / hop:.1f}x the hop; target 1"),
        Row("provider to page at 500/s, p99", p99, "ms", "target 5"),
        Row("as fast as it goes, none lost", rate, "/s"),
    ]


def main() -> None:
    """Print it."""
    print(table("An agent's event", uvloop.run(measure())))


if __name__ == "__main__":
    main()
