"""Many light nodes with one session each, which dial Main as real ones do: the worker of the scale benchmark."""

import asyncio
import itertools
import random
import sys
import time
from typing import Any

import msgspec
import uvloop

from tests.bench.scale.worker import Answer, obey
from tests.support.fake_node import FakeNode
from ws.dial import DialError
from ws.protocol.base import now
from ws.protocol.errors import WireError
from ws.protocol.sessions import SessionEventsParams
from ws.rpc import Answer as OpAnswer
from ws.rpc import EventSink, Feed, IncomingCall
from ws.tasks import TaskOwner

SESSION = "session"
EPOCH = "epoch"
DIALS_AT_ONCE = 20
RETRY_S = 0.5


def node_id(number: int) -> str:
    return f"n{number:04}"


def session_of(node: str) -> dict[str, Any]:
    """The one session of a node, as lists show it."""
    return {
        "id": SESSION,
        "node": node,
        "path": "/home/user/project",
        "provider": "scripted",
        "title": f"What is done on {node}",
        "status": "idle",
        "updated": now(),
        "unread": False,
        "pending_approvals": 0,
        "model": None,
        "mode": None,
        "archived": False,
    }


class LightNode:
    """A node that knows its session, and has each watcher of it hear what `say` says."""

    def __init__(self, url: str, number: int, token: str) -> None:
        self._sinks: set[EventSink] = set()
        self._journal: list[bytes] = []
        self._drop = asyncio.Event()
        self.is_online = asyncio.Event()
        self.away_s = 0.0
        behaviours = {
            "link.sessions": self._sessions,
            "session.events": self._events,
            "session.watch": self._watch,
        }
        self._node = FakeNode(url, node_id(number), token, behaviours)

    async def live(self) -> None:
        """Dial, and dial again `away_s` after each drop."""
        while True:
            try:
                await self._stay()
            except (DialError, WireError) as error:
                sys.stderr.write(f"{self._node.id} was not let in, and tries again: {error}\n")
                self.away_s = RETRY_S
            await asyncio.sleep(self.away_s)

    async def _stay(self) -> None:
        """Until it drops, or Main does."""
        async with self._node.online() as node:
            node.calls.clear()
            self.is_online.set()
            loop = asyncio.get_running_loop()
            ends = [loop.create_task(each.wait(), name="end") for each in (self._drop, node.ended)]
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            for each in ends:
                each.cancel()
            self._drop.clear()
            self.is_online.clear()

    def drop(self, away_s: float) -> None:
        """Close the link at once; it comes back so many seconds later."""
        self.away_s = away_s
        self._drop.set()

    def say(self) -> None:
        """An event of the journal whose text is the moment at which it was said."""
        seq = len(self._journal) + 1
        event = {
            "type": "agent_message",
            "seq": seq,
            "ts": now(),
            "turn": "t1",
            "message_id": f"m{seq}",
            "text": f"@{time.time():.6f}@",
        }
        encoded = msgspec.json.encode(event)
        self._journal.append(encoded)
        for sink in list(self._sinks):
            sink.offer(encoded)

    async def _sessions(self, _: IncomingCall) -> OpAnswer:
        result = msgspec.json.encode({"sessions": [session_of(self._node.id)]})
        return Feed(result, lambda _: lambda: None)

    async def _events(self, call: IncomingCall) -> OpAnswer:
        asked = msgspec.json.decode(call.params, type=SessionEventsParams)
        after = asked.after or 0
        events = [msgspec.Raw(each) for each in self._journal[after : after + asked.limit]]
        return msgspec.json.encode({"epoch": EPOCH, "head": len(self._journal), "events": events})

    async def _watch(self, _: IncomingCall) -> OpAnswer:
        def attach(sink: EventSink) -> Any:
            self._sinks.add(sink)
            sink.offer(msgspec.json.encode({"type": "live", "head": len(self._journal)}))
            return lambda: self._sinks.discard(sink)

        return Feed(msgspec.json.encode({"epoch": EPOCH, "head": len(self._journal)}), attach)


class Crowd:
    """All nodes of this process."""

    def __init__(self, url: str, token: str, owner: TaskOwner) -> None:
        self._url, self._token, self._owner = url, token, owner
        self._nodes: list[LightNode] = []
        self._dice = random.Random(1)

    async def join(self, *, until: int) -> Answer:
        """As many as that are online then. A few dial at a time, as when machines are added."""
        begun = time.perf_counter()
        while len(self._nodes) < until:
            first = len(self._nodes)
            fresh = [
                LightNode(self._url, number, self._token) for number in range(first, min(first + DIALS_AT_ONCE, until))
            ]
            for each in fresh:
                _ = self._owner.start(each.live(), name="node")
            self._nodes += fresh
            for each in fresh:
                await each.is_online.wait()
        return {"s": time.perf_counter() - begun}

    async def storm(self, *, within_s: float) -> Answer:
        """All drop at once and come back at random moments; answers when all are there again, with what that took."""
        begun = time.perf_counter()
        aways = [self._dice.uniform(0, within_s) for _ in self._nodes]
        for node, away_s in zip(self._nodes, aways, strict=True):
            node.is_online.clear()
            node.drop(away_s)
        for node in self._nodes:
            await node.is_online.wait()
        return {"s": time.perf_counter() - begun, "last_away_s": max(aways)}

    async def speak(self, *, per_s: float, for_s: float) -> Answer:
        """Events at that pace, one node after the other."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        turns = itertools.cycle(self._nodes)
        count = int(per_s * for_s)
        for number in range(count):
            await asyncio.sleep(begun + number / per_s - loop.time())
            next(turns).say()
        return {"events": count, "s": loop.time() - begun}


async def work(url: str, token: str) -> None:
    owner = TaskOwner("light nodes")
    crowd = Crowd(url, token, owner)
    await obey({"join": crowd.join, "storm": crowd.storm, "speak": crowd.speak})
    await owner.close()


if __name__ == "__main__":
    uvloop.run(work(*sys.argv[1:]))
