"""The seam between the node and any agent.

Commands go down as method calls; everything that happens comes back as values of one async iterator. A provider knows
nothing of journals: it yields the events of `ws.protocol.events` without `seq`, `ts` and `turn`.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from ws.protocol.events import (
    AgentMessage,
    AgentState,
    AgentThought,
    ApprovalRequested,
    ApprovalResolved,
    Attachment,
    Delta,
    JournalEvent,
    ModeChanged,
    ModelChanged,
    NativeIdKnown,
    Notice,
    Plan,
    RewoundFile,
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
    | AgentState
)
"""What an agent may yield.

- `TurnStarted` only for a turn that the agent began by itself; a prompted turn is started by the session.
- Each prompt is answered by exactly one `TurnEnded`, after which nothing of that turn follows. Before it the agent has
  closed every tool call (completed or failed) and withdrawn every approval that is still open
  (`ApprovalResolved(outcome="withdrawn")`).
- `ApprovalRequested` has `expires_at` empty: the session sets the deadline and answers no when it passes.
- `TurnEnded.anchor` names the point after the turn, for `ForkOf` and `GoingBack`; None when the agent cannot say.
- `AgentState` whenever it changes, between turns too; its `process` is the session's to fill in.
- A `Delta` of a block comes before the durable block with the same `message_id`; a retry restarts at offset 0.
"""


class ProviderFailed(Exception):
    """The agent cannot start or has died; the text is one sentence with the remedy."""


class AgentGone(ProviderFailed):
    """The agent had ended before it was told this: another one can be opened and told the same."""


@dataclass(frozen=True)
class ForkOf:
    """A native session whose history a new one begins with, up to `anchor` (None: all of it)."""

    native_id: str
    anchor: str | None = None


@dataclass(frozen=True)
class SessionSpec:
    """What an agent is opened with. `native_id` is None for a new session, else the one to resume.

    `resume_at` is the anchor to resume it at, None for its end. `fork_of` only without `native_id`.
    `new_native_id` is the id that a new native session gets when the provider lets its caller choose (a UUID).
    """

    path: Path
    model: str | None = None
    mode: str | None = None
    effort: str | None = None
    native_id: str | None = None
    new_native_id: str | None = None
    resume_at: str | None = None
    fork_of: ForkOf | None = None


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
class GoingBack:
    """To before the prompt `message_id`.

    `turn` is the anchor of that prompt's own turn, `before` that of the turn before it; None when there is none.
    """

    message_id: str
    turn: str | None
    before: str | None
    code: bool
    is_dry_run: bool


@dataclass(frozen=True)
class WentBack:
    """What going back does to files, and what the session is resumed with from then on (see `SessionSpec`).

    `native_id` None: as a new session.
    """

    files: Sequence[RewoundFile]
    native_id: str | None
    resume_at: str | None = None


@dataclass(frozen=True)
class AgentProcess:
    """An agent's operating-system process; pid and start time (clock ticks since boot, proc(5)) name it for ever.

    What it starts has `mark` in its environment (:data:`providers.process.MARK`); empty when it was given none.
    """

    pid: int
    start_time: int
    command: str = ""
    mark: str = ""


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
        """Start a turn. Called only while no prompted turn runs. Raises :class:`ProviderFailed`.

        Raises :class:`AgentGone`, at once, when the prompt has reached nobody because the agent ended before.
        """
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

    async def steer(self, prompt: Prompt) -> bool:
        """Give a prompt to the running turn. False when it has none that takes it: then it was not taken."""
        ...

    async def stop_task(self, task: str) -> None:
        """Stop a background task; `AgentState` without it follows. Raises KeyError when it runs no more."""
        ...

    async def go_back(self, to: GoingBack) -> WentBack:
        """Go back to before a prompt; only between turns. Raises :class:`ProviderFailed`, nothing was changed then.

        With `is_dry_run` only tell what it would do. The session closes the agent afterwards and opens it with what is
        returned. Only of providers with the feature `rewind`.
        """
        ...

    async def close(self) -> None:
        """End the agent and its processes within 5 s; idempotent."""
        ...


@dataclass(frozen=True)
class NativeSession:
    """A session in the agent's own store. `turns` counts its prompts; None when that is not known without reading all.

    `title` may be empty. `updated` is RFC 3339 UTC. `is_running`: a process that is not ours has it open now.
    """

    native_id: str
    path: Path
    title: str
    updated: str
    branch: str | None = None
    turns: int | None = None
    is_running: bool = False


class NativeHistory(Protocol):
    """The sessions that an agent keeps by itself. Never writes."""

    @property
    def is_followed(self) -> bool:
        """Whether they are read from the agent's files, at no cost; else each transcript starts the agent.

        Those are read only for who opens a session, and a session of ours is not compared with them.
        """
        ...

    async def sessions(self) -> Sequence[NativeSession]:
        """All, the newest first. Incremental: only what has changed since the last call is read (2,000: < 50 ms)."""
        ...

    async def session(self, native_id: str) -> NativeSession | None:
        """One of them."""
        ...

    async def transcript(self, native_id: str) -> Sequence[JournalEvent]:
        """What happened in it, as a journal: whole turns with their prompts (`UserMessage`), `ts` set, `seq` not.

        Read again after it has grown it begins the same; a turn that has not ended lacks its `TurnEnded`. At most
        64 MiB are read, the newest; then a `Notice` comes first that says so. Raises KeyError when there is no such
        session, :class:`ProviderFailed` when it cannot be read.
        """
        ...

    def prompt_name(self, message_id: str) -> str | None:
        """What a prompt of ours with this id is called in a transcript (`UserMessage.message_id`); None: unknown."""
        ...

    async def changed(self) -> None:
        """Return when something may have changed since the call; costs nothing while nothing does."""
        ...


class Provider(Protocol):
    """A kind of agent on this node."""

    @property
    def id(self) -> str: ...

    @property
    def history(self) -> NativeHistory | None:
        """None: it keeps none that can be listed."""
        ...

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
