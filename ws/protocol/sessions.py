"""Sessions: chosen by node + path + provider, kept in a journal on the node."""

from typing import Annotated, Any, Literal

import msgspec

from ws.protocol.base import (
    ID_PATTERN,
    AbsolutePath,
    ApprovalKey,
    Cursor,
    Limit,
    MessageKey,
    NodeKey,
    SessionKey,
    ShortText,
    Struct,
    Timestamp,
)
from ws.protocol.events import (
    ApprovalRequested,
    Attachment,
    ForkPoint,
    JournalEvent,
    Outcome,
    PlanEntry,
    RewoundFile,
    Usage,
)

MAX_PROMPT_CHARS = 256 * 1024
MAX_PAGE_BYTES = 4 * 1024 * 1024
"""A page of session.events ends here at the latest: half of the link's largest frame."""

Status = Literal["idle", "running", "waiting", "failed", "native"]
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_PROMPT_CHARS)]
Title = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
ProviderKey = Annotated[str, msgspec.Meta(pattern=ID_PATTERN)]


class SessionSummary(Struct, frozen=True, kw_only=True):
    """A session as lists show it. `stale` marks Main's cached row of an offline node.

    `news` is the `seq` of the last event that is worth coming back for (a turn that ended, an ask); `unread`: the
    caller has not looked since. Status `native` is a session that the agent has by itself: `turns` counts its prompts,
    `is_running_elsewhere` while somebody has it open in a terminal; its first prompt here makes it one of ours under
    the same id.
    """

    id: SessionKey
    node: NodeKey
    path: str
    provider: str
    title: str
    status: Status
    updated: Timestamp
    unread: bool
    pending_approvals: int
    model: str | None
    mode: str | None
    archived: bool
    native_id: str | None = None
    effort: str | None = None
    stale: bool = False
    news: int = 0
    branch: str | None = None
    turns: int | None = None
    is_running_elsewhere: bool = False


class QueuedPrompt(Struct, frozen=True, kw_only=True):
    message_id: MessageKey
    text: str
    attachments: list[Attachment]
    by: str


class Turn(Struct, frozen=True, kw_only=True):
    """The running turn."""

    id: str
    started: Timestamp
    message_id: MessageKey | None = None


class SessionState(SessionSummary, frozen=True, kw_only=True):
    """The fold of the journal up to `head`: the list fields and what a page needs beside the log itself."""

    epoch: str
    head: int
    turn: Turn | None
    plan: list[PlanEntry]
    queue: list[QueuedPrompt]
    queue_held: bool
    approvals: list[ApprovalRequested]
    usage: Usage | None
    error: str | None = None
    forked_from: ForkPoint | None = None
    resume_at: str | None = None


class SessionCreateParams(Struct, frozen=True, kw_only=True):
    """`resume` continues a native session of that provider."""

    node: NodeKey
    path: AbsolutePath
    provider: ProviderKey
    model: ShortText | None = None
    effort: ShortText | None = None
    mode: ShortText | None = None
    title: Title | None = None
    resume: ShortText | None = None


class SessionResult(Struct, frozen=True, kw_only=True):
    session: SessionSummary


class SessionListParams(Struct, frozen=True, kw_only=True):
    """All nodes when `node` is absent. Archived ones only with `archived`; native ones unless `native` is false.

    session.list_watch tells of native ones never: they are asked for with session.list. What a cursor holds is in
    ws.protocol.paging: Main hands the one it was given to every node.
    """

    node: NodeKey | None = None
    path: AbsolutePath | None = None
    query: ShortText | None = None
    archived: bool = False
    native: bool = True
    limit: Limit = 500
    cursor: Cursor | None = None


class SessionListResult(Struct, frozen=True, kw_only=True):
    """The most recently changed first."""

    sessions: list[SessionSummary]
    offline: list[NodeKey]
    next_cursor: str | None = None


class SessionChanged(Struct, frozen=True, kw_only=True, tag="session", tag_field="type"):
    session: SessionSummary


class SessionRemoved(Struct, frozen=True, kw_only=True, tag="removed", tag_field="type"):
    node: NodeKey
    id: SessionKey


SessionListEvent = SessionChanged | SessionRemoved


class SessionParams(Struct, frozen=True, kw_only=True):
    node: NodeKey
    session: SessionKey


class SessionUpdateParams(Struct, frozen=True, kw_only=True):
    node: NodeKey
    session: SessionKey
    title: Title | None = None
    model: ShortText | None = None
    effort: ShortText | None = None
    mode: ShortText | None = None
    archived: bool | None = None


class SessionSendParams(Struct, frozen=True, kw_only=True):
    """While a turn runs the prompt waits for its end; `steer` gives it to the running turn where the agent can."""

    node: NodeKey
    session: SessionKey
    message_id: MessageKey
    text: Text
    attachments: Annotated[list[Attachment], msgspec.Meta(max_length=20)] = []
    delivery: Literal["queue", "steer"] = "queue"


class SessionSendResult(Struct, frozen=True, kw_only=True):
    """`seq` is the journal entry of the prompt; it is on disk when this answer is sent."""

    seq: int
    state: Literal["running", "queued"]
    duplicate: bool


class SessionQueueParams(Struct, frozen=True, kw_only=True):
    """`message_id` is needed but for list and release; `text` for edit; `before` (absent: last) for move."""

    node: NodeKey
    session: SessionKey
    action: Literal["list", "edit", "move", "drop", "release"]
    message_id: MessageKey | None = None
    text: Text | None = None
    before: MessageKey | None = None


class SessionQueueResult(Struct, frozen=True, kw_only=True):
    queue: list[QueuedPrompt]
    held: bool


class SessionInterruptParams(Struct, frozen=True, kw_only=True):
    node: NodeKey
    session: SessionKey
    hold_queue: bool = True


class SessionInterruptResult(Struct, frozen=True, kw_only=True):
    """`interrupted` is false when no turn ran."""

    interrupted: bool


class SessionAnswerParams(Struct, frozen=True, kw_only=True):
    """`answers` maps question ids to a label, a list of labels or free text; `message` goes to the agent with a no."""

    node: NodeKey
    session: SessionKey
    approval: ApprovalKey
    option: Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
    updated_input: dict[str, Any] | None = None
    answers: dict[str, str | list[str]] | None = None
    message: Annotated[str, msgspec.Meta(max_length=10_000)] | None = None


class SessionAnswerResult(Struct, frozen=True, kw_only=True):
    seq: int


class SessionEventsParams(Struct, frozen=True, kw_only=True):
    """`after`: ascending from there. `before`: the `limit` events before it, still ascending. Neither: from 1."""

    node: NodeKey
    session: SessionKey
    after: Annotated[int, msgspec.Meta(ge=0)] | None = None
    before: Annotated[int, msgspec.Meta(ge=1)] | None = None
    limit: Limit = 500


class SessionEventsResult(Struct, frozen=True, kw_only=True):
    epoch: str
    events: list[JournalEvent]
    head: int


class SessionWatchParams(Struct, frozen=True, kw_only=True):
    """`after` is the last `seq` the reader has, 0 for all. `epoch` is that of the reader's view, absent at first."""

    node: NodeKey
    session: SessionKey
    after: Annotated[int, msgspec.Meta(ge=0)] = 0
    epoch: Annotated[str, msgspec.Meta(max_length=64)] | None = None


class SessionWatchResult(Struct, frozen=True, kw_only=True):
    epoch: str
    head: int


class InboxItem(Struct, frozen=True, kw_only=True, tag="approval", tag_field="type"):
    """A pending approval of a session that the caller may see."""

    session: SessionSummary
    approval: ApprovalRequested


class InboxResolved(Struct, frozen=True, kw_only=True, tag="resolved", tag_field="type"):
    """It is asked no more. `outcome`, `option` and `by` as in `approval_resolved`; all absent when the session or its
    node has gone, and from nodes of an older build.
    """

    node: NodeKey
    session: SessionKey
    approval: ApprovalKey
    outcome: Outcome | None = None
    option: str | None = None
    by: str | None = None


class InboxTurnEnded(Struct, frozen=True, kw_only=True, tag="turn_ended", tag_field="type"):
    session: SessionSummary
    stop_reason: str


InboxEvent = InboxItem | InboxResolved | InboxTurnEnded


class InboxResult(Struct, frozen=True, kw_only=True):
    approvals: list[InboxItem]


class SessionForkParams(Struct, frozen=True, kw_only=True):
    """A new session that begins with this one's history: up to `seq`, or to before the prompt `before`; else all of it.

    `seq` counts to the end of the last turn at or before it.
    """

    node: NodeKey
    session: SessionKey
    seq: Annotated[int, msgspec.Meta(ge=1)] | None = None
    before: MessageKey | None = None
    title: Title | None = None


class SessionRewindParams(Struct, frozen=True, kw_only=True):
    """Back to before the prompt `message_id`; `code` also puts the files back. `dry_run` only tells which."""

    node: NodeKey
    session: SessionKey
    message_id: MessageKey
    code: bool = False
    dry_run: bool = False


class SessionRewindResult(Struct, frozen=True, kw_only=True):
    """`files` were put back, or would be."""

    session: SessionSummary
    files: list[RewoundFile]


class SessionStopTaskParams(Struct, frozen=True, kw_only=True):
    """`task` is the id of a background task in `agent_state`."""

    node: NodeKey
    session: SessionKey
    task: Annotated[str, msgspec.Meta(min_length=1, max_length=128)]


class SessionExportParams(Struct, frozen=True, kw_only=True):
    """The journal as a document to keep: `markdown` for people, `json` (one event a line) for programs.

    `after` goes on where the last answer's `next_after` ended.
    """

    node: NodeKey
    session: SessionKey
    format: Literal["markdown", "json"] = "markdown"
    after: Annotated[int, msgspec.Meta(ge=0)] = 0


class SessionExportResult(Struct, frozen=True, kw_only=True):
    """A part of the document, at most 4 MiB; `next_after` is absent in the last one."""

    name: str
    content: str
    next_after: int | None = None
