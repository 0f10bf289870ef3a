"""Acts on what has been and on what waits: forks, going back, steering, a queue that is edited."""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.grounds import Grounds
from tests.chaos.watcher import BREAKS
from tests.support.client import OpError

ACTS = ("fork", "rewind", "edit")
MAX_FORKS = 4
"""In a run: each is a session more that is watched and judged."""

REFUSALS = {"conflict", "not_found", "node_offline", "provider_failed", "unsupported", "timeout"}
"""A turn runs, it is gone by now, nobody is there, the agent was killed or cannot: what may be said to these."""


@dataclass
class Changed:
    """What was answered. Prompts are (session, message id)."""

    inherited: dict[str, set[str]] = field(default_factory=dict)
    dropped: set[tuple[str, str]] = field(default_factory=set)
    rewound: set[tuple[str, str]] = field(default_factory=set)


class PastActs:
    """`adopt` takes a new session and its provider into the run; `known` names the prompts of a session so far."""

    def __init__(
        self,
        grounds: Grounds,
        chance: random.Random,
        adopt: Callable[[str, str], None],
        known: Callable[[str], set[str]],
    ) -> None:
        self.changed = Changed()
        self._grounds = grounds
        self._random = chance
        self._adopt = adopt
        self._known = known

    async def fork(self, session: str) -> None:
        """The whole of it, or up to before one of its prompts."""
        if len(self.changed.inherited) >= MAX_FORKS:
            return
        where = {"before": self._random.choice(ran)} if (ran := await self._ran(session)) and self._coin() else {}
        made = (await self._try("session.fork", session=session, **where) or {}).get("session")
        if made is not None:
            self.changed.inherited[made["id"]] = self._known(session)
            self._adopt(made["id"], made["provider"])

    async def rewind(self, session: str) -> None:
        """To before one of its prompts; while a turn runs it is refused."""
        ran = await self._ran(session)
        if not ran:
            return
        message = self._random.choice(ran[-4:])
        if await self._try("session.rewind", session=session, message_id=message) is not None:
            self.changed.rewound.add((session, message))

    async def edit(self, session: str) -> None:
        """Drop, move or edit something that waits."""
        queue = (await self._grounds.op("session.get", session=session))["queue"]
        if not queue:
            return
        prompt = self._random.choice(queue)
        asked = {"session": session, "message_id": prompt["message_id"]}
        match self._random.choice(("drop", "move", "edit")):
            case "drop":
                if await self._try("session.queue", action="drop", **asked) is not None:
                    self.changed.dropped.add((session, prompt["message_id"]))
            case "move":
                await self._try("session.queue", action="move", before=queue[0]["message_id"], **asked)
            case _:
                await self._try("session.queue", action="edit", text=prompt["text"] + "\n", **asked)

    def of(self, name: str) -> Callable[[str], Awaitable[None]]:
        """The act of that name."""
        act: Callable[[str], Awaitable[None]] = getattr(self, name)
        return act

    async def _ran(self, session: str) -> list[str]:
        page = await self._grounds.op("session.events", session=session, limit=1000)
        return [event["message_id"] for event in page["events"] if event["type"] == "user_message"]

    async def _try(self, op: str, **params: Any) -> dict[str, Any] | None:
        """The answer; None when it was refused for a good reason, or nobody knows."""
        try:
            return await self._grounds.op(op, **params)
        except OpError as error:
            if error.code not in REFUSALS:
                raise AssertionError(f"{op} was refused: {error}") from error
        except BREAKS:
            pass
        return None

    def _coin(self) -> bool:
        return self._random.random() < 0.5
