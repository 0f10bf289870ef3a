"""The seam between the node and any agent.

Commands go down as method calls; everything that happens comes back as values of one async iterator. A provider knows
nothing of journals: it yields the events of `ws.protocol.events` without `seq`, `ts` and `turn`.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from ws.protocol.events import (
    AgentMessage,
    AgentThought,
    ApprovalRequested,
    ApprovalResolved,
    Attachment,
    Delta,
    ModeChanged,
    ModelChanged,
    NativeIdKnown,
    Notice,
    Plan,
    TitleChanged,
    ToolCall,
    ToolCallUpdate,
    TurnEnded,
    TurnStarted,
    Usage,
)
from ws.protocol.providers import ProviderInfo

AgentEvent = (
    NativeIdKnown
    | TurnStarted
    | AgentMessage
    | AgentThought
    | ToolCall
    | ToolCallUpdate
    | Plan
    | ApprovalRequested
    | ApprovalResolved
    | ModeChanged
    | ModelChanged
    | TitleChanged
    | Usage
    | TurnEnded
    | Notice
    | Delta
)
"""What an agent may yield.

- `TurnStarted` only for a turn that the agent began by itself; a prompted turn is started by the session.
- Each prompt is answered by exactly one `TurnEnded`, after which nothing of that turn follows. Before it the agent has
  closed every tool call (completed or failed) and withdrawn every approval that is still open
  (`ApprovalResolved(outcome="withdrawn")`).
- `ApprovalRequested` has `expires_at` empty: the session sets the deadline and answers no when it passes.
- A `Delta` of a block comes before the durable block with the same `message_id`; a retry restarts at offset 0.
"""


class ProviderFailed(Exception):
    """The agent cannot start or has died; the text is one sentence with the remedy."""


@dataclass(frozen=True)
class SessionSpec:
    """What an agent is opened with. `native_id` is None for a new session, else the one to resume.

    `new_native_id` is the id that a new native session gets when the provider lets its caller choose (a UUID).
    """

    path: Path
    model: str | None = None
    mode: str | None = None
    effort: str | None = None
    native_id: str | None = None
    new_native_id: str | None = None


@dataclass(frozen=True)
class Prompt:
    message_id: str
    text: str
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True)
class Decision:
    """The answer to an approval: the id of one of its options, and what the user changed or said."""

    option: str
    updated_input: Mapping[str, Any] | None = None
    answers: Mapping[str, str | list[str]] | None = None
    message: str | None = None


@dataclass(frozen=True)
class AgentProcess:
    """An agent's operating-system process; pid and start time (clock ticks since boot, proc(5)) name it for ever."""

    pid: int
    start_time: int
    command: str = ""


@dataclass(frozen=True)
class ProcessRecorder:
    """How the owner of the sessions learns of agent processes, so that a restarted node can end leftovers."""

    started: Callable[[AgentProcess], None] = field(default=lambda process: None)
    ended: Callable[[AgentProcess], None] = field(default=lambda process: None)


class Agent(Protocol):
    """One live agent session. All methods are called from one event loop; none blocks it."""

    def events(self) -> AsyncIterator[AgentEvent]:
        """Everything that happens, from now until the agent ends; iterated once.

        Ends normally after `close`. Raises :class:`ProviderFailed` when the agent died; a running turn has then been
        closed by `TurnEnded(stop_reason="error")` before.
        """
        ...

    async def prompt(self, prompt: Prompt) -> None:
        """Start a turn. Called only while no prompted turn runs. Raises :class:`ProviderFailed`."""
        ...

    async def interrupt(self) -> None:
        """Ask the running turn to end; its `TurnEnded(stop_reason="cancelled")` follows. No turn: nothing happens."""
        ...

    async def answer(self, approval: str, decision: Decision) -> None:
        """Answer an open approval. The agent does not echo it: the session journals the answer itself.

        Raises KeyError when that approval is not open (withdrawn meanwhile).
        """
        ...

    async def set_model(self, model: str | None, effort: str | None) -> None:
        """Use this model from the next turn on. Raises :class:`ProviderFailed` when the agent refuses."""
        ...

    async def set_mode(self, mode: str) -> None:
        """Use this permission mode from now on. Raises :class:`ProviderFailed` when the agent refuses."""
        ...

    async def close(self) -> None:
        """End the agent and its processes within 5 s; idempotent."""
        ...


class Provider(Protocol):
    """A kind of agent on this node."""

    @property
    def id(self) -> str: ...

    async def describe(self, *, is_awaited: bool = False) -> ProviderInfo:
        """What it can do, cached by the provider; a missing agent is described as not available, with a reason.

        Within 2 s, which for an agent that is slow to start means not available yet; `is_awaited` waits for it, at most
        30 s.
        """
        ...

    async def open(self, spec: SessionSpec, recorder: ProcessRecorder) -> Agent:
        """Start or resume an agent. Raises :class:`ProviderFailed`."""
        ...

    async def close(self) -> None:
        """End what all agents of this provider share."""
        ...
