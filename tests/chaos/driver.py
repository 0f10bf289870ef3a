"""Random acts and every kind of break, by seed. `Plan` says how much of what; a longer run is a larger plan."""

import asyncio
import contextlib
import json
import random
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from tests.chaos.faults import FAULTS, PAIRS, Faults
from tests.chaos.grounds import ACP, NODE, Grounds
from tests.chaos.past import ACTS, PastActs
from tests.chaos.terminals import Terminals
from tests.chaos.watcher import BREAKS, SlowWatcher, Watcher
from tests.support.client import OpError, Socket
from tests.support.waiting import eventually
from ws.tasks import TaskOwner

REST_S = 60.0
SAYS = {"do": "say", "text": "hello from here", "pieces": 3}
PROMPTS = {
    "scripted": ("hello", "stream", "hold", "write", "ask", "plan", "think", "fail", "crash"),
    "claude": (
        "say hello", "slow 40 0.05", "hang", "run echo heron", "error 401", "recall", "think hm", "run sleep 600",
        "par 2\nrun echo a\nrun echo b", "agent say from below", "todo one|two",
    ),
    "codex": ("say hello", "slow 40 0.05", "hang", "run echo heron", "recall", "run sleep 600", "drop"),
    ACP: tuple(json.dumps(steps) for steps in (
        [SAYS], [{"do": "think", "text": "hm"}, SAYS], [SAYS, {"do": "hold"}], [{"do": "recall"}],
        [{"do": "write", "path": "note.txt", "text": "heron"}, SAYS], [{"do": "run", "command": "true", "asks": True}],
        [{"do": "say", "text": "slow " * 40, "pieces": 40, "pause_ms": 50}],
    )),
}  # fmt: skip
MODELLED = {"claude", "codex"}
"""Agents that ask the scripted model."""
PROGRAMS = {*MODELLED, ACP}
"""Agents that are a program, which can be killed."""
MODELS = {"claude": "claude-sonnet-4-5"}

FLOOD_CHARS = 165 * 1024
"""Of three bytes each in the journal, of six in what is sent, which may not be more than 1 MiB."""
FLOOD_PROMPTS = 14
"""Each is in the journal twice, queued and run: more than Main keeps for a browser that does not read."""


MEANWHILE = (
    ("fork", "kill_node"),
    ("fork", "kill_agent"),
    ("rewind", "kill_node"),
    ("rewind", "kill_agent"),
    ("steer", "kill_node"),
    ("steer", "kill_agent"),
    ("edit", "tear_journal"),
)
"""Acts that somebody is at when it strikes."""


@dataclass(frozen=True)
class Plan:
    """`acts` by weight in all, and among them `each` times every kind of break, in an order that the seed decides."""

    acts: int = 40
    each: int = 1
    sessions: dict[str, int] = field(default_factory=lambda: {"scripted": 2, "claude": 1, "codex": 1, ACP: 1})
    weights: dict[str, int] = field(
        default_factory=lambda: {
            "send": 12,
            "steer": 3,
            "answer": 8,
            "interrupt": 3,
            "join": 2,
            "leave": 2,
            "twice": 1,
            **dict.fromkeys(ACTS, 2),
        }
    )

    def deck(self, chance: random.Random) -> list[str]:
        """The acts in order; a pair of breaks is ``one+other``."""
        kinds, weights = zip(*self.weights.items(), strict=True)
        acts = chance.choices(kinds, weights, k=self.acts)
        breaks = [*FAULTS, *("+".join(pair) for pair in (*PAIRS, *MEANWHILE)), "slow_reader", "twice_over_a_kill"]
        deck = [*acts, *breaks * self.each, "kill_holder", *["kill_holder+kill_node"] * (self.each - 1)]
        chance.shuffle(deck)
        return deck


@dataclass
class Told:
    """What the driver was answered: the measure of what must be in the journals. Prompts are (session, message id)."""

    accepted: set[tuple[str, str]] = field(default_factory=set)
    refused: set[tuple[str, str]] = field(default_factory=set)
    unknown: set[tuple[str, str]] = field(default_factory=set)
    unanswered: set[str] = field(default_factory=set)
    answered: Counter[str] = field(default_factory=Counter)
    done: Counter[str] = field(default_factory=Counter)


class Driver:
    """Everything random comes from `seed`, so that a failure can be looked at again."""

    def __init__(self, grounds: Grounds, plan: Plan, seed: int, owner: TaskOwner) -> None:
        self.told = Told()
        self.sessions: dict[str, str] = {}
        self.staying: list[Watcher] = []
        self.left: list[Watcher] = []
        self.slow: list[SlowWatcher] = []
        self._grounds = grounds
        self._plan = plan
        self._random = random.Random(seed)
        self._faults = Faults(grounds, self._random)
        self._owner = owner
        self._guests: list[tuple[Watcher, asyncio.Task[None]]] = []
        self.terminals = Terminals(grounds, seed, owner)
        self._past = PastActs(grounds, self._random, self._add, self._prompts_of)
        self.changed = self._past.changed

    async def prepare(self) -> None:
        """Make the sessions, each with a watcher who stays from the first event to the last."""
        for provider, count in self._plan.sessions.items():
            for _ in range(count):
                model = {"model": MODELS[provider]} if provider in MODELS else {}
                made = await self._grounds.op(
                    "session.create", path=str(self._grounds.work), provider=provider, **model
                )
                self._add(str(made["session"]["id"]), provider)
        await self.terminals.prepare()

    def _add(self, session: str, provider: str) -> None:
        self.sessions[session] = provider
        watcher = Watcher(self._grounds, session)
        self.staying.append(watcher)
        _ = self._owner.start(watcher.run(), name=f"watch {session}")

    def _prompts_of(self, session: str) -> set[str]:
        told = {message for owner, message in self.told.accepted | self.told.unknown if owner == session}
        return told | self.changed.inherited.get(session, set())

    async def run(self) -> None:
        """All acts of the plan. Breaks of the others are part of it; anything else is a fault and is raised."""
        for number, act in enumerate(self._plan.deck(self._random)):
            session = self._random.choice(list(self.sessions))
            with contextlib.suppress(*BREAKS):
                await self._act(act, session, number)
            await asyncio.sleep(self._random.uniform(0, 0.3))  # people think, agents work

    async def _act(self, act: str, session: str, number: int) -> None:
        self.told.done[act] += 1
        self._grounds.note(f"{number} {act} {session}")
        faults = [name for name in act.split("+") if name in FAULTS]
        if not faults:
            await self._do(act, session, number)
            return
        if "kill_agent" in faults:
            await self._send(self._of(self._random.choice(sorted(PROGRAMS & self._plan.sessions.keys()))), number)
        async with asyncio.TaskGroup() as group:
            for name in faults:
                _ = group.create_task(self._faults.strike(name), name=name)
            for name in set(act.split("+")) - set(faults):
                _ = group.create_task(self._at(name, session, number), name=name)

    async def _at(self, act: str, session: str, number: int) -> None:
        """While something strikes."""
        with contextlib.suppress(*BREAKS):
            await self._do(act, session, number)

    async def _do(self, act: str, session: str, number: int) -> None:
        if act in ACTS:
            await self._past.of(act)(session)
        else:
            await getattr(self, f"_{act}")(session, number)

    async def settle(self) -> None:
        """Answer, release and interrupt until every session has come to rest and every watcher has seen its end."""
        for session in self.sessions:
            await eventually(partial(self._is_at_rest, session), what=f"{session} to rest", deadline_s=REST_S)
        for watcher in [*self.staying, *self.slow, *(guest for guest, _ in self._guests)]:
            await eventually(partial(self._has_seen_all, watcher), what=f"{watcher} to see all", deadline_s=REST_S)

    @property
    def watchers(self) -> list[Watcher]:
        return [*self.staying, *self.slow, *self.left, *(guest for guest, _ in self._guests)]

    async def _has_seen_all(self, watcher: Watcher) -> bool:
        return watcher.cursor == int((await self._state(watcher.session))["head"])

    async def _is_at_rest(self, session: str) -> bool:
        with contextlib.suppress(*BREAKS):
            state = await self._state(session)
            if state["turn"] is None and not state["queue"]:
                return True
            if state["queue_held"]:
                await self._grounds.op("session.queue", session=session, action="release")
            if state["approvals"]:
                await self._answer(session, 0)
            elif state["turn"] is not None:
                await self._grounds.op("session.interrupt", session=session, hold_queue=False)
        return False

    def _of(self, provider: str) -> str:
        return self._random.choice([name for name, owner in self.sessions.items() if owner == provider])

    async def _state(self, session: str) -> dict[str, Any]:
        return await self._grounds.op("session.get", session=session)

    async def _send(self, session: str, number: int) -> None:
        """As a page sends: with one message id, until there is an answer, for a while."""
        await self._send_text(session, number, self._text(session, number))

    async def _steer(self, session: str, number: int) -> None:
        """Into the running turn, if there is one and the agent can."""
        await self._send_text(session, 1_000_000 + number, self._text(session, number), delivery="steer")

    def _text(self, session: str, number: int) -> str:
        """Agents that ask a model are told a word that no other prompt has: the oracle looks for it there."""
        provider = self.sessions[session]
        text = self._random.choice(PROMPTS[provider])
        return f"{text}\nsay {word_of(number)}" if provider in MODELLED else text

    async def _send_text(self, session: str, number: int, text: str, **how: str) -> None:
        prompt = (session, f"m{number}")
        for _ in range(self._random.randint(1, 5)):
            try:
                await self._grounds.op("session.send", session=session, message_id=prompt[1], text=text, **how)
            except OpError as error:
                if error.code != "node_offline":
                    raise AssertionError(f"a prompt was refused: {error}") from error
            except BREAKS:
                pass
            else:
                self.told.accepted.add(prompt)
                self.told.unknown.discard(prompt)
                return
            self.told.unknown.add(prompt)
            await asyncio.sleep(0.2)

    async def _answer(self, session: str, number: int) -> None:
        approvals = (await self._state(session))["approvals"]
        if not approvals:
            return
        asked = self._random.choice(approvals)
        if self._random.random() < 0.3:  # two people at once
            async with asyncio.TaskGroup() as group:
                for _ in range(2):
                    _ = group.create_task(self._answer_with(session, asked, self._random.choice(asked["options"])))
        else:
            await self._answer_with(session, asked, self._random.choice(asked["options"]))

    async def _answer_with(self, session: str, asked: dict[str, Any], option: dict[str, Any]) -> None:
        given: dict[str, Any] = {}
        if asked["kind"] == "question":
            given["answers"] = {each["question"]: each["options"][0]["label"] for each in asked.get("questions", [])}
        try:
            await self._grounds.op(
                "session.answer", session=session, approval=asked["approval"], option=option["id"], **given
            )
        except OpError as error:
            if error.code not in {"conflict", "not_found", "node_offline"}:
                raise AssertionError(f"an answer was refused: {error}") from error
        except BREAKS:
            self.told.unanswered.add(asked["approval"])
        else:
            self.told.answered[asked["approval"]] += 1

    async def _interrupt(self, session: str, number: int) -> None:
        await self._grounds.op("session.interrupt", session=session, hold_queue=bool(number % 2))

    async def _join(self, session: str, number: int) -> None:
        guest = Watcher(self._grounds, session)
        self._guests.append((guest, self._owner.start(guest.run(), name=f"guest {number}")))

    async def _leave(self, session: str, number: int) -> None:
        if self._guests:
            guest, task = self._guests.pop(self._random.randrange(len(self._guests)))
            task.cancel()
            self.left.append(guest)

    async def _kill_holder(self, session: str, number: int) -> None:
        """Of the terminals: they all end, and others are opened."""
        await self._grounds.client.online_node(NODE, deadline_s=REST_S)
        await self.terminals.kill_holder()

    async def _twice(self, session: str, number: int) -> None:
        """One prompt over two sockets at the same time, as two tabs that both come back online send it."""
        await self._send_over_two(session, number, self._text(session, number))

    async def _twice_over_a_kill(self, session: str, number: int) -> None:
        """And the node is killed meanwhile."""
        async with asyncio.TaskGroup() as group:
            _ = group.create_task(self._faults.strike("kill_node"))
            _ = group.create_task(self._send_over_two(session, number, self._text(session, number)))

    async def _send_over_two(self, session: str, number: int, text: str) -> None:
        params = {"node": NODE, "session": session, "message_id": f"m{number}", "text": text}
        self.told.unknown.add((session, f"m{number}"))

        async def send(socket: Socket) -> None:
            with contextlib.suppress(*BREAKS):
                _ = await socket.call("session.send", params)

        client = self._grounds.client
        async with client.socket() as first, client.socket() as second, asyncio.TaskGroup() as group:
            for socket in (first, second):
                _ = group.create_task(send(socket))
        await self._grounds.client.online_node(NODE, deadline_s=REST_S)
        await self._send_text(session, number, text)

    async def _slow_reader(self, session: str, number: int) -> None:
        """A browser that does not read while much happens: it lags, and comes back with its cursor."""
        session = self._of("scripted")
        await self._grounds.client.online_node(NODE, deadline_s=REST_S)
        await eventually(partial(self._is_at_rest, session), what=f"{session} to rest", deadline_s=REST_S)
        slow = SlowWatcher(self._grounds, session)
        self.slow.append(slow)
        _ = self._owner.start(slow.run(), name=f"slow {number}")
        await eventually(lambda: slow.connections > 0, what="a slow reader to watch")
        try:
            for part in range(FLOOD_PROMPTS):
                await self._send_text(session, 10_000 * (part + 1) + number, f"{part} " + "€" * FLOOD_CHARS)
                with contextlib.suppress(*BREAKS):
                    await self._grounds.op("session.interrupt", session=session, hold_queue=False)
        finally:
            slow.wake()


def word_of(number: int) -> str:
    """What the prompt of this number makes the model say, and no other."""
    return f"word-{number}-end"
