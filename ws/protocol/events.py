"""What a session's journal is made of, and the ephemeral deltas beside it.

A provider yields these values without `seq` and `ts`; the node's journal stamps them. Order is by `seq` (1, 2, 3 …,
dense within an `epoch`), never by time. The vocabulary follows the Agent Client Protocol, so a page
never names a provider.
"""

from typing import Annotated, Any, Literal

import msgspec

from ws.protocol.base import ApprovalKey, MessageKey, SessionKey, Struct, Timestamp
from ws.protocol.providers import SlashCommand

MAX_EVENT_BYTES = 1024 * 1024
"""An encoded event is never larger: one event must always fit an empty outbox. Longer messages are several blocks."""

ToolKind = Literal["read", "edit", "delete", "move", "search", "execute", "think", "fetch", "other"]
ToolStatus = Literal["in_progress", "completed", "failed"]
OptionKind = Literal["allow_once", "allow_session", "allow_always", "reject_once", "reject_always"]
ApprovalKind = Literal["tool", "question", "plan"]
Outcome = Literal["selected", "expired", "withdrawn"]
StopReason = Literal["end_turn", "cancelled", "refusal", "max_tokens", "error", "node_restarted"]


class TextContent(Struct, frozen=True, kw_only=True, tag="text", tag_field="type"):
    """Output of a tool as people read it."""

    text: str


class DiffContent(Struct, frozen=True, kw_only=True, tag="diff", tag_field="type"):
    """A file change. `old_text` is None for a new file."""

    path: str
    old_text: str | None
    new_text: str


class ImageContent(Struct, frozen=True, kw_only=True, tag="image", tag_field="type"):
    """A picture as `data:` URL."""

    mime: str
    data_url: str


ToolContent = TextContent | DiffContent | ImageContent


class PlanEntry(Struct, frozen=True, kw_only=True):
    content: str
    status: Literal["pending", "in_progress", "completed"]


class ApprovalOption(Struct, frozen=True, kw_only=True):
    """One thing the user may answer. `name` writes the exact rule out that "session" or "always" would remember.

    `mode` is set when choosing it puts the session into that mode.
    """

    id: Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
    name: str
    kind: OptionKind
    mode: str | None = None


class QuestionChoice(Struct, frozen=True, kw_only=True):
    label: str
    description: str


class Question(Struct, frozen=True, kw_only=True):
    """One question of an approval of kind `question`; answered by label(s) or free text under its `id`."""

    id: str
    question: str
    header: str
    options: list[QuestionChoice]
    multiple: bool
    is_secret: bool


class Attachment(Struct, frozen=True, kw_only=True):
    """Something sent with a prompt: a picture (`data:` URL) or a file of the workspace (absolute path)."""

    type: Literal["image", "file"]
    name: Annotated[str, msgspec.Meta(max_length=255)] = ""
    mime: Annotated[str, msgspec.Meta(max_length=128)] = ""
    data_url: str | None = None
    path: Annotated[str, msgspec.Meta(max_length=4096)] | None = None


class ForkPoint(Struct, frozen=True, kw_only=True):
    """Where a session branched off: after event `seq` of `session` on the same node.

    `native_id` and `anchor` are the agent's own names for that session and that point (None: its end); a new session of
    the agent begins with its history up to there.
    """

    session: SessionKey
    seq: int
    native_id: str | None = None
    anchor: str | None = None


class RewoundFile(Struct, frozen=True, kw_only=True):
    """A file that going back puts back. Counts are lines that it then gains and loses, None when not known."""

    path: str
    insertions: int | None = None
    deletions: int | None = None


class Event(Struct, frozen=True, kw_only=True, tag_field="type"):
    """Header of every journal event. `turn` is absent outside turns. A provider leaves all three at their defaults."""

    seq: int = 0
    ts: Timestamp = ""
    turn: str | None = None


class SessionStarted(Event, frozen=True, kw_only=True, tag="session_started"):
    provider: str
    path: str
    model: str | None
    mode: str | None
    effort: str | None = None
    title: str | None = None
    native_id: str | None = None
    forked_from: ForkPoint | None = None


class NativeIdKnown(Event, frozen=True, kw_only=True, tag="native_id_known"):
    """The agent told (or changed) the id under which it resumes this session."""

    native_id: str


class PromptQueued(Event, frozen=True, kw_only=True, tag="prompt_queued"):
    message_id: MessageKey
    text: str
    attachments: list[Attachment]
    by: str


class PromptEdited(Event, frozen=True, kw_only=True, tag="prompt_edited"):
    message_id: MessageKey
    text: str
    by: str


class PromptMoved(Event, frozen=True, kw_only=True, tag="prompt_moved"):
    """The prompt now stands before `before`, or last when that is absent."""

    message_id: MessageKey
    before: MessageKey | None = None
    by: str


class PromptDropped(Event, frozen=True, kw_only=True, tag="prompt_dropped"):
    message_id: MessageKey
    by: str


class QueueHeld(Event, frozen=True, kw_only=True, tag="queue_held"):
    by: str


class QueueReleased(Event, frozen=True, kw_only=True, tag="queue_released"):
    by: str


class UserMessage(Event, frozen=True, kw_only=True, tag="user_message"):
    """Written when the turn of this prompt starts, right after `turn_started`; takes the prompt off the queue."""

    message_id: MessageKey
    text: str
    attachments: list[Attachment]
    by: str


class TurnStarted(Event, frozen=True, kw_only=True, tag="turn_started"):
    """A turn begins; from here to `turn_ended` every event of the agent carries its `turn`."""


class AgentMessage(Event, frozen=True, kw_only=True, tag="agent_message"):
    """A finished block of prose. A long one is several blocks of one `message_id` with `part` 0, 1 …"""

    message_id: MessageKey
    text: str
    part: int | None = None
    parent: str | None = None


class AgentThought(Event, frozen=True, kw_only=True, tag="agent_thought"):
    message_id: MessageKey
    text: str
    part: int | None = None
    parent: str | None = None


class ToolCall(Event, frozen=True, kw_only=True, tag="tool_call"):
    """`parent` is the tool call of the sub-agent that made this one."""

    tool_call_id: str
    name: str
    kind: ToolKind
    title: str
    input: dict[str, Any]
    parent: str | None = None


class ToolCallUpdate(Event, frozen=True, kw_only=True, tag="tool_call_update"):
    """The last update of a call with status completed or failed closes it. `content` replaces earlier content."""

    tool_call_id: str
    status: ToolStatus
    content: list[ToolContent]


class Plan(Event, frozen=True, kw_only=True, tag="plan"):
    """The whole plan, replacing the one before."""

    entries: list[PlanEntry]


class ApprovalRequested(Event, frozen=True, kw_only=True, tag="approval_requested"):
    """The agent waits for an answer until `expires_at` (RFC 3339), then is told no."""

    approval: ApprovalKey
    kind: ApprovalKind
    title: str
    input: dict[str, Any]
    options: list[ApprovalOption]
    tool_call_id: str | None = None
    questions: list[Question] | None = None
    expires_at: Timestamp = ""


class ApprovalResolved(Event, frozen=True, kw_only=True, tag="approval_resolved"):
    """`option` and `by` are set when somebody selected; `withdrawn` means that the turn ended or the agent gave up."""

    approval: ApprovalKey
    outcome: Outcome
    option: str | None = None
    by: str | None = None


class ModeChanged(Event, frozen=True, kw_only=True, tag="mode_changed"):
    mode: str
    by: str | None = None


class ModelChanged(Event, frozen=True, kw_only=True, tag="model_changed"):
    model: str | None = None
    effort: str | None = None
    by: str | None = None


class TitleChanged(Event, frozen=True, kw_only=True, tag="title_changed"):
    """`by` is absent when the agent or the first prompt named the session."""

    title: str
    by: str | None = None


class Archived(Event, frozen=True, kw_only=True, tag="archived"):
    archived: bool
    by: str | None = None


class Usage(Event, frozen=True, kw_only=True, tag="usage"):
    """Running totals of the session; `context_*` in tokens."""

    input_tokens: int
    output_tokens: int
    cost_usd: float | None = None
    context_used: int | None = None
    context_size: int | None = None


class TurnEnded(Event, frozen=True, kw_only=True, tag="turn_ended"):
    """The last event of its turn. `error` is one sentence with the remedy, set when `stop_reason` is error.

    `anchor` is the agent's own name for the point of its history after this turn, to fork from and to go back to.
    """

    stop_reason: StopReason
    error: str | None = None
    anchor: str | None = None


class Rewound(Event, frozen=True, kw_only=True, tag="rewound"):
    """The session went back to before the prompt `message_id`: it and what came after it count no more.

    `native_id` and `resume_at` are what the agent is resumed with next, None for from the start and at the end;
    `files` were put back.
    """

    message_id: MessageKey
    files: list[RewoundFile]
    by: str
    native_id: str | None = None
    resume_at: str | None = None


class Notice(Event, frozen=True, kw_only=True, tag="notice"):
    """Something worth telling that is none of the above: a retry, an event of a newer agent that is not known yet."""

    level: Literal["info", "warning", "error"]
    code: str
    text: str


JournalEvent = (
    SessionStarted
    | NativeIdKnown
    | PromptQueued
    | PromptEdited
    | PromptMoved
    | PromptDropped
    | QueueHeld
    | QueueReleased
    | UserMessage
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
    | Archived
    | Usage
    | TurnEnded
    | Rewound
    | Notice
)


class Delta(Struct, frozen=True, kw_only=True, tag="delta", tag_field="type"):
    """Streaming text: `text` begins at character `offset` of the block `message_id`. Ephemeral, never journalled.

    The durable block with the same `message_id` supersedes all deltas. A delta with offset 0 restarts the block.
    Offsets count Unicode code points.
    """

    message_id: MessageKey
    kind: Literal["text", "thought"]
    offset: int
    text: str
    parent: str | None = None


class Live(Struct, frozen=True, kw_only=True, tag="live", tag_field="type"):
    """Everything up to `head` has been delivered; what follows is live."""

    head: int


class Reset(Struct, frozen=True, kw_only=True, tag="reset", tag_field="type"):
    """The reader's cursor is of another epoch or past the head: forget the view; events follow from 1."""

    epoch: str


class BackgroundTask(Struct, frozen=True, kw_only=True):
    """Something that the agent left running, by itself or as an agent of its own; session.stop_task takes its `id`."""

    id: str
    kind: Literal["command", "agent", "other"]
    title: str
    started: Timestamp
    tool_call_id: str | None = None


class ToolServer(Struct, frozen=True, kw_only=True):
    """A server of tools (MCP) that the agent uses; `problem` says why it is not connected."""

    name: str
    status: Literal["connected", "starting", "failed", "needs_sign_in", "disabled"]
    problem: str | None = None


class AgentState(Struct, frozen=True, kw_only=True, tag="agent_state", tag_field="type"):
    """The agent's program as it is now, whole at each change. Ephemeral: it is in no journal and dies with the program.

    `process` is what the third light of the page shows. `commands` are those of this session, None while not known.
    """

    process: Literal["none", "starting", "live"]
    tasks: list[BackgroundTask] = []
    servers: list[ToolServer] = []
    commands: list[SlashCommand] | None = None


WatchEvent = JournalEvent | Delta | AgentState | Live | Reset
