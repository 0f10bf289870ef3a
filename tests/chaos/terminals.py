"""The terminals of a run of chaos: counters and one that is typed into, each with readers who stay."""

import asyncio
import contextlib
import os
import random
import signal
from collections import Counter
from dataclasses import dataclass, field
from functools import partial

from tests.chaos.counting import SAY_BACK, Pace
from tests.chaos.grounds import Grounds
from tests.chaos.reader import KINDS, Kind, Reader, Typist
from tests.chaos.watcher import BREAKS, PAUSE_S
from tests.support.waiting import eventually
from ws.tasks import TaskOwner

REST_S = 60.0
FLOOD = Pace(lines=5000, pause_s=0.05)
"""About 1 MB/s: what the slow reader can just take."""
STREAM = Pace(lines=200, pause_s=0.05)
QUIET = Pace(lines=1, pause_s=0.1)
COUNTERS: tuple[tuple[Pace, tuple[Kind, ...]], ...] = (
    (FLOOD, KINDS),
    (STREAM, ("fast", "cutting")),
    (QUIET, ("fast", "half_closing")),
)


@dataclass
class Held:
    """A terminal that is open, and who reads it."""

    terminal: str
    pace: Pace | None
    readers: list[Reader] = field(default_factory=list)
    is_doomed: bool = False
    """Its holder was killed: it may, and must, end."""


class Terminals:
    """`seed` decides when readers misbehave. `kill_holder` is its own fault: every terminal ends with it."""

    def __init__(self, grounds: Grounds, seed: int, owner: TaskOwner) -> None:
        self.held: list[Held] = []
        self.holders_killed = 0
        self._grounds = grounds
        self._random = random.Random(seed)
        self._owner = owner

    async def prepare(self) -> None:
        """Open one of each, with its readers."""
        for pace, kinds in COUNTERS:
            held = Held(await self._open(pace.command), pace)
            held.readers = [Reader(self._grounds, held.terminal, kind, self._chance()) for kind in kinds]
            self._begin(held)
        held = Held(await self._open(SAY_BACK), None)
        typist = Typist(self._grounds, held.terminal, "fast", self._chance())
        held.readers = [typist]
        self._begin(held)
        _ = self._owner.start(typist.type(), name=f"typist of {held.terminal}")

    def _chance(self) -> random.Random:
        return random.Random(self._random.random())

    def _begin(self, held: Held) -> None:
        self.held.append(held)
        for reader in held.readers:
            _ = self._owner.start(reader.run(), name=f"{reader.kind} reader of {held.terminal}")

    async def _open(self, command: list[str]) -> str:
        """As a page does: until there is an answer."""
        async with asyncio.timeout(REST_S):
            while True:
                with contextlib.suppress(*BREAKS):
                    opened = await self._grounds.op(
                        "terminal.open", path=str(self._grounds.work), cols=80, rows=24, command=command
                    )
                    return str(opened["terminal"])
                await asyncio.sleep(PAUSE_S)

    async def kill_holder(self) -> None:
        """``kill -9``; everybody is told that their terminal is gone, and new ones open at once."""
        holders = await eventually(self._grounds.holders, what="the holder", deadline_s=REST_S)
        doomed = [held for held in self.held if not held.is_doomed]
        for held in doomed:
            held.is_doomed = True
        for holder in holders:  # two while one starts: it detaches itself
            with contextlib.suppress(ProcessLookupError):
                os.kill(holder, signal.SIGKILL)
        self.holders_killed += 1
        for held in doomed:
            await eventually(
                partial(_have_ended, held),
                what=f"{_unended(held)} to hear that the terminal is gone",
                deadline_s=REST_S,
            )
        await self.prepare()

    async def settle(self) -> None:
        """Every reader of a terminal that is open comes as far as any of them is now."""
        listed = {each["terminal"]: each for each in (await self._grounds.op("terminal.list"))["terminals"]}
        for held in self.held:
            assert (held.terminal in listed) != held.is_doomed, f"{held.terminal} is there, if its holder is"
            if held.is_doomed:
                continue
            assert listed[held.terminal]["running"], f"{held.terminal} runs"
            newcomer = Reader(self._grounds, held.terminal, "fast", self._chance())
            if held.pace is not None:
                held.readers.append(newcomer)
                _ = self._owner.start(newcomer.run(), name=f"newcomer of {held.terminal}")
            goal = max(reader.position for reader in held.readers)
            for reader in held.readers:
                reader.is_calm = True
                await eventually(
                    partial(_has_come, reader, goal), what=f"{reader} to come to {goal}", deadline_s=REST_S
                )

    def judge(self) -> None:
        """Raises AssertionError naming the promise that was broken."""
        for held in self.held:
            for reader in held.readers:
                assert not reader.faults, f"{reader.kind} reader of {held.terminal}: {reader.faults}"
                assert held.is_doomed or reader.ended is None, f"{held.terminal} ended by itself: {reader.ended}"
                assert held.is_doomed or reader.connections, f"{reader} was never attached"
                if held.pace is QUIET:
                    assert not reader.skipped, f"a quiet terminal has nothing to skip: {reader.skipped}"
                if isinstance(reader, Typist):
                    reader.judge()
                    assert held.is_doomed or reader.acknowledged, "nothing that was typed came back"

    @property
    def told(self) -> Counter[str]:
        """For the summary."""
        readers = [reader for held in self.held for reader in held.readers]
        typists = [reader for reader in readers if isinstance(reader, Typist)]
        told = Counter({f"terminal readers, {kind}": 0 for kind in KINDS})
        told.update(f"terminal readers, {reader.kind}" for reader in readers)
        told["terminals"] = len(self.held)
        told["terminal attachments"] = sum(reader.connections for reader in readers)
        told["terminal gaps told"] = sum(len(reader.skipped) for reader in readers)
        told["terminal MB read"] = sum(reader.read_bytes for reader in readers) // 1_000_000
        told["lines typed"] = sum(typist.typed for typist in typists)
        told["lines come back"] = sum(typist.acknowledged for typist in typists)
        return told


def _have_ended(held: Held) -> bool:
    return not _unended(held)


def _unended(held: Held) -> list[Reader]:
    return [reader for reader in held.readers if reader.ended is None and not reader.faults]


def _has_come(reader: Reader, goal: int) -> bool:
    return reader.position >= goal or bool(reader.faults)
