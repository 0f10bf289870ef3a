"""Ending what a holder leaves behind that was killed: nobody else knows of those programs."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from node.terminal.holder import record
from node.terminal.holder.ending import GIVE_UP_AFTER_S, Ending, living_groups


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """`sessions` of a holder that was killed with its node, and where they are `written`."""

    sessions: list[int]
    written: dict[Path, record.Written]

    async def end(self) -> None:
        """End them; only then what is written goes: should this node be killed meanwhile, the next one does it."""
        await end_sessions(self.sessions)
        await asyncio.to_thread(self.forget)

    def forget(self) -> None:
        for path, written in self.written.items():
            record.remove(path, written)


async def end_sessions(leaders: Iterable[int]) -> None:
    """End the sessions of these programs as the holder would have; returns when they are over."""
    loop = asyncio.get_running_loop()
    endings = [Ending(leader, loop.time()) for leader in leaders]
    give_up_s = loop.time() + GIVE_UP_AFTER_S
    while endings:
        try:
            living = await asyncio.to_thread(living_groups)
        except OSError:  # no descriptor for a look; the next one will tell
            if loop.time() >= give_up_s:
                raise
        else:
            now_s = loop.time()
            endings = [ending for ending in endings if not ending.advance(now_s, living)]
        if endings:
            await asyncio.sleep(Ending.POLL_S)
