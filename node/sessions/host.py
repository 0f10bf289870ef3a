"""What the life of a session's agent stands on: the session as it sees it, and what it works with."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from node.sessions.presence import Process
from providers.base import AgentEvent, ProcessRecorder, Provider, SessionSpec
from ws.tasks import TaskOwner


@dataclass(frozen=True)
class Staff:
    """What an agent's life needs."""

    provider: Callable[[], Provider]
    """Raises ProviderFailed when this node has it no more."""
    recorder: ProcessRecorder
    owner: TaskOwner


class Host(Protocol):
    """`take` and what follows it are called one at a time, in the session's serial."""

    def spec(self) -> SessionSpec:
        """What to open an agent with now."""

    async def allowed_mode(self, mode: str | None) -> str | None:
        """The mode itself, or what stands for one that the node's policy does not allow (any more)."""

    def process_is(self, process: Process) -> None:
        """The agent's program starts, lives, or is gone."""

    async def take(self, events: Sequence[AgentEvent]) -> None:
        """Journal what the agent said. Raises WireError when it cannot be written."""

    async def agent_refused(self, failure: str) -> None:
        """The agent could not be opened for the turn that runs."""

    async def agent_ended(self, failure: str) -> None:
        """The agent is gone; a turn that it was given and has not ended is over."""
