"""Everything that breaks. Each fault returns when what was broken stands again, or goes on by itself."""

import asyncio
import contextlib
import datetime as dt
import os
import random
import signal

from tests.chaos.grounds import Grounds
from tests.chaos.journal_file import tear
from tests.support.waiting import eventually

QUIET_S = (0.2, 1.5)
"""How long a network is silent."""

FAULTS = (
    "kill_main",
    "kill_node",
    "kill_agent",
    "tear_journal",
    "cut",
    "delay",
    "stall",
    "mute",
    "deafen",
    "half_close",
)
"""The method of each is called like it. `slow_reader`, `twice` and `two_at_once` are the driver's: they need more."""

PAIRS = (
    ("kill_main", "kill_node"),
    ("kill_agent", "cut"),
    ("mute", "kill_agent"),
    ("delay", "kill_node"),
    ("half_close", "kill_main"),
    ("stall", "tear_journal"),
)
"""Faults that strike at the same time."""


class Faults:
    """On these grounds, by this chance."""

    def __init__(self, grounds: Grounds, chance: random.Random) -> None:
        self._grounds = grounds
        self._chance = chance

    async def strike(self, name: str) -> None:
        """The fault of that name."""
        await getattr(self, name)()

    async def kill_main(self) -> None:
        await self._grounds.kill_main()

    async def kill_node(self) -> None:
        await self._grounds.kill_node()

    async def tear_journal(self) -> None:
        """Kill the node while it writes: behind the last whole page of the log there is half a page."""

        async def torn() -> None:
            await asyncio.to_thread(tear, self._grounds.database)

        await self._grounds.kill_node(meanwhile=torn)

    async def kill_agent(self) -> None:
        """One agent's program; waits for one to be there, for a while."""
        with contextlib.suppress(AssertionError):
            agents = await eventually(self._grounds.agents, what="an agent to kill", deadline_s=5.0)
            agent = self._chance.choice(sorted(agents))
            with contextlib.suppress(ProcessLookupError):
                self._grounds.kills.append(dt.datetime.now(dt.UTC))
                os.kill(agent, signal.SIGKILL)
                self._grounds.note(f"killed agent {agent}")

    async def cut(self) -> None:
        self._grounds.proxy.cut()

    async def half_close(self) -> None:
        self._grounds.proxy.half_close()

    async def delay(self) -> None:
        """A slow line: every chunk waits."""
        self._grounds.proxy.delay_s = self._chance.uniform(0.02, 0.2)
        await asyncio.sleep(self._quiet_s())
        self._grounds.proxy.delay_s = 0.0

    async def stall(self) -> None:
        """A pulled cable that is plugged in again."""
        self._grounds.proxy.stall()
        await self._resumed()

    async def mute(self) -> None:
        """Half of a connection is silent: nothing comes down."""
        self._grounds.proxy.mute()
        await self._resumed()

    async def deafen(self) -> None:
        """And the other half: nothing goes up."""
        self._grounds.proxy.deafen()
        await self._resumed()

    async def _resumed(self) -> None:
        await asyncio.sleep(self._quiet_s())
        self._grounds.proxy.resume()

    def _quiet_s(self) -> float:
        return self._chance.uniform(*QUIET_S)
