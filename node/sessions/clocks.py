"""The deadlines of one session: an approval nobody answers, an agent that idles, an interrupt that is not heeded."""

import asyncio
import functools
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any

from ws.protocol.events import ApprovalRequested, ApprovalResolved, JournalEvent, TurnEnded, TurnStarted
from ws.tasks import TaskOwner

INTERRUPT_DEADLINE_S = 10.0
"""An agent that has not ended its turn by then is ended itself."""

Alarm = Callable[[], Coroutine[Any, Any, None]]


@dataclass(frozen=True)
class Rules:
    """What the node's configuration says about the sessions of one agent."""

    approval_timeout_s: float
    idle_timeout_s: float
    is_mode_allowed: Callable[[str], Awaitable[bool]]
    allowed_mode: Callable[[str | None], Awaitable[str | None]]
    """The mode itself, or what stands for one that the policy does not allow (any more)."""
    leave: Callable[[str], Awaitable[None]]
    """The session goes on with another native session than this one, which is no session of its own then."""


class Clocks:
    """Set by what is journalled. What is due then is a task of the owner."""

    def __init__(
        self,
        owner: TaskOwner,
        rules: Rules,
        *,
        on_expired: Callable[[str], Coroutine[Any, Any, None]],
        on_idle: Alarm,
        on_ignored: Alarm,
    ) -> None:
        self._owner = owner
        self._rules = rules
        self._on_expired = on_expired
        self._on_idle = on_idle
        self._on_ignored = on_ignored
        self._handles: dict[str, asyncio.TimerHandle] = {}

    def heed(self, events: Iterable[JournalEvent]) -> None:
        """Set and cancel what follows from these events."""
        for event in events:
            match event:
                case ApprovalRequested():
                    alarm = functools.partial(self._on_expired, event.approval)
                    self._set(f"approval {event.approval}", self._rules.approval_timeout_s, alarm)
                case ApprovalResolved():
                    self._cancel(f"approval {event.approval}")
                case TurnStarted():
                    self._cancel("idle")
                case TurnEnded():
                    self._cancel("interrupt")
                    self._set("idle", self._rules.idle_timeout_s, self._on_idle)
                case _:
                    pass

    def interrupted(self) -> None:
        """The agent was told to end its turn."""
        self._set("interrupt", INTERRUPT_DEADLINE_S, self._on_ignored)

    def rested(self) -> None:
        """The agent was asked something between turns."""
        self._set("idle", self._rules.idle_timeout_s, self._on_idle)

    def stop(self) -> None:
        """Cancel everything."""
        for name in list(self._handles):
            self._cancel(name)

    def _set(self, name: str, after_s: float, alarm: Alarm) -> None:
        self._cancel(name)
        self._handles[name] = asyncio.get_running_loop().call_later(after_s, self._due, name, alarm)

    def _cancel(self, name: str) -> None:
        handle = self._handles.pop(name, None)
        if handle is not None:
            handle.cancel()

    def _due(self, name: str, alarm: Alarm) -> None:
        del self._handles[name]
        _ = self._owner.start(alarm(), name=name)
