"""Whatever people, the agent and restarts do in whatever order: the journal keeps its promises.

A seeded driver does random acts on one session with a fake agent and checks after each of them.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from node.sessions.fold import empty_state, fold
from providers.base import AgentEvent
from tests.support.agents import FakeAgent, FakeProvider, approval
from tests.unit.node.sessions.bench import DEADLINE_S, NODE, Bench, bench, decode_watched
from ws.protocol.base import SessionId
from ws.protocol.errors import ErrorCode, WireError
from ws.protocol.events import (
    AgentMessage,
    ApprovalRequested,
    ApprovalResolved,
    Delta,
    JournalEvent,
    Live,
    NativeIdKnown,
    Notice,
    PromptDropped,
    PromptQueued,
    Reset,
    TurnEnded,
    TurnStarted,
    Usage,
    UserMessage,
)
from ws.protocol.sessions import SessionWatchParams
from ws.rpc import Lagging

ROUNDS = 150
ACTS_OF_USERS = {
    "session_started",
    "prompt_queued",
    "prompt_edited",
    "prompt_moved",
    "prompt_dropped",
    "queue_held",
    "queue_released",
    "mode_changed",
    "model_changed",
    "title_changed",
    "archived",
}
EXPECTED_REFUSALS = {ErrorCode.NOT_FOUND, ErrorCode.CONFLICT, ErrorCode.INVALID}


class Driver:
    """Acts at random, as the seed has it; a refusal that API.md foresees is as good as success."""

    def __init__(self, node: Bench, session: str, seed: int) -> None:
        self.node = node
        self.session = session
        self.random = random.Random(seed)
        self.sent: dict[str, int] = {}
        self.approvals: list[str] = []
        self.number = 0

    def name(self, kind: str) -> str:
        self.number += 1
        return f"{kind}{self.number}"

    @property
    def agent(self) -> FakeAgent | None:
        return next((agent for agent in self.node.provider.agents if not agent.is_closed), None)

    async def act(self) -> None:
        acts: list[Callable[[], Awaitable[Any]]] = [
            *[self.send] * 4,
            *[self.talk] * 5,
            *[self.end] * 4,
            *[self.ask] * 2,
            *[self.answer] * 3,
            *[self.queue] * 3,
            self.interrupt,
            self.send_again,
            self.many_at_once,
            self.die,
            self.begin_by_itself,
            self.restart,
        ]
        try:
            await self.random.choice(acts)()
        except WireError as error:
            if error.code not in EXPECTED_REFUSALS:
                raise

    async def send(self) -> None:
        message_id = self.name("m")
        result = await self.node.send(self.session, message_id, by=self.random.choice(["ada", "bob"]))
        assert not result.duplicate
        self.sent[message_id] = result.seq

    async def send_again(self) -> None:
        if self.sent:
            message_id = self.random.choice(list(self.sent))
            result = await self.node.send(self.session, message_id, "something else")
            assert (result.seq, result.duplicate) == (self.sent[message_id], True)

    async def many_at_once(self) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(3):
                group.create_task(self.send())
            group.create_task(self.talk())

    async def talk(self) -> None:
        if self.agent is not None:
            said = self.name("a")
            facts: list[AgentEvent] = [
                Usage(input_tokens=1, output_tokens=2),
                Notice(level="info", code="x", text="y"),
                NativeIdKnown(native_id=self.name("n")),
            ]
            await self.agent.say(
                Delta(message_id=said, kind="text", offset=0, text="Wor"),
                AgentMessage(message_id=said, text="Words"),
                self.random.choice(facts),
            )

    async def end(self) -> None:
        if self.agent is not None and self.agent.is_running:
            await self.agent.end()

    async def begin_by_itself(self) -> None:
        if self.agent is not None and not self.agent.is_running:
            await self.agent.say(TurnStarted(), AgentMessage(message_id=self.name("o"), text="By myself"))
            await self.agent.say(TurnEnded(stop_reason="end_turn"))

    async def ask(self) -> None:
        if self.agent is not None and self.agent.is_running:
            self.approvals.append(self.name("p"))
            await self.agent.say(approval(self.approvals[-1]))

    async def answer(self) -> None:
        if self.approvals:
            name = self.random.choice(self.approvals)
            await self.node.answer(self.session, name, self.random.choice(["yes", "no", "session", "maybe"]))

    async def queue(self) -> None:
        queue = self.node.service.get(self.session).queue
        chosen = self.random.choice([prompt.message_id for prompt in queue] or ["none"])
        match self.random.choice(["edit", "move", "drop", "release"]):
            case "edit":
                await self.node.queue(self.session, "edit", message_id=chosen, text="Edited")
            case "move":
                before = self.random.choice([None, *[prompt.message_id for prompt in queue]])
                await self.node.queue(self.session, "move", message_id=chosen, before=before)
            case "drop":
                await self.node.queue(self.session, "drop", message_id=chosen)
            case _:
                await self.node.queue(self.session, "release")

    async def interrupt(self) -> None:
        await self.node.interrupt(self.session, hold_queue=self.random.random() < 0.5)

    async def die(self) -> None:
        if self.agent is not None:
            self.agent.die()

    async def restart(self) -> None:
        await self.node.restart(is_crash=self.random.random() < 0.7)


class Reader:
    """A page that follows the session through restarts and lags, by its cursor."""

    def __init__(self) -> None:
        self.seen: list[JournalEvent] = []
        self.epoch: str | None = None

    async def follow(self, node: Bench, session: str, head: int) -> None:
        """Read on until `head`; every event once and in order."""
        params = SessionWatchParams(node=NODE, session=session, after=len(self.seen), epoch=self.epoch)
        result, stream = node.service.watch(params)
        self.epoch = result.epoch
        try:
            while len(self.seen) < head:
                event = decode_watched(await anext(stream))
                assert not isinstance(event, Reset)
                if not isinstance(event, Delta | Live):
                    assert event.seq == len(self.seen) + 1
                    self.seen.append(event)
        except Lagging:
            pass
        finally:
            await stream.aclose()  # type: ignore[attr-defined]  # an async generator


def check(events: list[JournalEvent]) -> None:
    """The promises of API.md about a journal."""
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    turn: str | None = None
    for event in events:
        kind = str(event.__struct_config__.tag)
        if isinstance(event, TurnStarted):
            assert turn is None, "a turn in a turn"
            turn = event.turn
        assert event.turn == turn
        if turn is None:
            assert kind in ACTS_OF_USERS, f"{kind} between turns"
        if isinstance(event, TurnEnded):
            turn = None
    ran = Counter(event.message_id for event in events if isinstance(event, UserMessage))
    queued = Counter(event.message_id for event in events if isinstance(event, PromptQueued))
    dropped = {event.message_id for event in events if isinstance(event, PromptDropped)}
    assert set(queued.values()) <= {1}
    assert set(ran.values()) <= {1}
    assert set(ran) <= set(queued) - dropped
    asked = Counter(event.approval for event in events if isinstance(event, ApprovalRequested))
    resolved = Counter(event.approval for event in events if isinstance(event, ApprovalResolved))
    assert set(resolved.values()) <= {1}
    assert set(resolved) <= set(asked)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.filterwarnings("error")
async def test_the_journal_keeps_its_promises_whatever_happens(tmp_path: Path, seed: int) -> None:
    async with bench(tmp_path, FakeProvider()) as node:
        session = await node.create()
        driver, reader = Driver(node, session, seed), Reader()
        for _ in range(ROUNDS):
            await driver.act()
            state = node.service.get(session)
            events = (await node.events(session))[: state.head]
            check(events)
            folded = fold(empty_state(SessionId(session), NODE, state.epoch), events)
            assert replace(state, unread=False) == folded
            async with asyncio.timeout(DEADLINE_S):
                await reader.follow(node, session, state.head)
        await _finish(driver)
        state = node.service.get(session)
        events = await node.events(session)
        check(events)
        ran = {event.message_id for event in events if isinstance(event, UserMessage)}
        dropped = {event.message_id for event in events if isinstance(event, PromptDropped)}
        assert ran | dropped == set(driver.sent), "a prompt was lost"
        assert (state.turn, state.queue, state.approvals) == (None, [], [])
        delivered = Counter(prompt.message_id for agent in node.provider.agents for prompt in agent.prompts)
        assert set(delivered.values()) <= {1}, "a prompt ran twice"


async def _finish(driver: Driver) -> None:
    """Let everything that waits run to its end."""
    node, session = driver.node, driver.session
    async with asyncio.timeout(DEADLINE_S):
        while True:
            state = node.service.get(session)
            if state.queue_held:
                await node.queue(session, "release")
            await driver.end()
            if state.turn is None and not state.queue:
                return
            await asyncio.sleep(0.001)
