"""Random acts by seed. `Plan` says how much of what; a longer run is a larger plan."""

import asyncio
import contextlib
import random
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from tests.chaos.grounds import Grounds
from tests.chaos.watcher import BREAKS, Watcher
from tests.support.client import OpError
from tests.support.waiting import eventually
from ws.tasks import TaskOwner

REST_S = 60.0
SCRIPTED_PROMPTS = ("hello", "stream", "hold", "write", "ask", "plan", "think", "fail", "crash")
CLAUDE_PROMPTS = ("say hello", "slow 40 0.05", "hang", "run echo heron", "error 401", "recall")


@dataclass(frozen=True)
class Plan:
    """`acts` in all; each kind comes as often as its weight says."""

    acts: int = 60
    scripted_sessions: int = 2
    claude_sessions: int = 1
    weights: dict[str, int] = field(
        default_factory=lambda: {
            "send": 10, "answer": 8, "interrupt": 4, "join": 2, "leave": 2,
            "cut": 3, "kill_node": 1, "kill_main": 1,
        }
    )  # fmt: skip


@dataclass
class Told:
    """What the driver was answered: the measure of what must be in the journals. Prompts are (session, message id)."""

    accepted: set[tuple[str, str]] = field(default_factory=set)
    refused: set[tuple[str, str]] = field(default_factory=set)
    unknown: set[tuple[str, str]] = field(default_factory=set)
    answered: Counter[str] = field(default_factory=Counter)
    done: Counter[str] = field(default_factory=Counter)


class Driver:
    """Everything random comes from `seed`, so that a failure can be looked at again."""

    def __init__(self, grounds: Grounds, plan: Plan, seed: int, owner: TaskOwner) -> None:
        self.told = Told()
        self.sessions: dict[str, tuple[str, ...]] = {}
        self.staying: list[Watcher] = []
        self.left: list[Watcher] = []
        self._grounds = grounds
        self._plan = plan
        self._random = random.Random(seed)
        self._owner = owner
        self._guests: list[tuple[Watcher, asyncio.Task[None]]] = []

    async def prepare(self) -> None:
        """Make the sessions, each with a watcher who stays from the first event to the last."""
        kinds: list[tuple[str, tuple[str, ...]]] = [("scripted", SCRIPTED_PROMPTS)] * self._plan.scripted_sessions
        kinds += [("claude", CLAUDE_PROMPTS)] * self._plan.claude_sessions
        for provider, prompts in kinds:
            model = {"model": "claude-sonnet-4-5"} if provider == "claude" else {}
            made = await self._grounds.op("session.create", path=str(self._grounds.work), provider=provider, **model)
            session = str(made["session"]["id"])
            self.sessions[session] = prompts
            watcher = Watcher(self._grounds, session)
            self.staying.append(watcher)
            _ = self._owner.start(watcher.run(), name=f"watch {session}")

    async def run(self) -> None:
        """All acts of the plan. Breaks of the others are part of it; anything else is a fault and is raised."""
        kinds, weights = zip(*self._plan.weights.items(), strict=True)
        for number in range(self._plan.acts):
            kind = self._random.choices(kinds, weights)[0]
            session = self._random.choice(list(self.sessions))
            with contextlib.suppress(*BREAKS):
                await getattr(self, f"_{kind}")(session, number)
                self.told.done[kind] += 1
            await asyncio.sleep(self._random.uniform(0, 0.3))  # people think, agents work

    async def settle(self) -> None:
        """Answer, release and interrupt until every session has come to rest and every watcher has seen its end."""
        for session in self.sessions:
            await eventually(partial(self._is_at_rest, session), what=f"{session} to rest", deadline_s=REST_S)
        for watcher in [*self.staying, *(guest for guest, _ in self._guests)]:
            await eventually(partial(self._has_seen_all, watcher), what=f"{watcher} to see all", deadline_s=REST_S)

    @property
    def watchers(self) -> list[Watcher]:
        return [*self.staying, *self.left, *(guest for guest, _ in self._guests)]

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

    async def _state(self, session: str) -> dict[str, Any]:
        return await self._grounds.op("session.get", session=session)

    async def _send(self, session: str, number: int) -> None:
        """As a page sends: with one message id, until there is an answer, for a while."""
        prompt = (session, f"m{number}")
        text = self._random.choice(self.sessions[session])
        for _ in range(self._random.randint(1, 5)):
            try:
                await self._grounds.op("session.send", session=session, message_id=prompt[1], text=text)
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
        option = self._random.choice(asked["options"])["id"]
        given: dict[str, Any] = {}
        if asked["kind"] == "question":
            given["answers"] = {each["question"]: each["options"][0]["label"] for each in asked.get("questions", [])}
        try:
            await self._grounds.op(
                "session.answer", session=session, approval=asked["approval"], option=option, **given
            )
        except OpError as error:
            if error.code not in {"conflict", "not_found", "node_offline"}:
                raise AssertionError(f"an answer was refused: {error}") from error
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

    async def _cut(self, session: str, number: int) -> None:
        self._grounds.proxy.cut()

    async def _kill_node(self, session: str, number: int) -> None:
        await self._grounds.kill_node()

    async def _kill_main(self, session: str, number: int) -> None:
        await self._grounds.kill_main()
