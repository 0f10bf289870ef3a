"""Rows of session.* and the inbox."""

from ws.protocol import nodes, sessions
from ws.protocol.events import WatchEvent
from ws.protocol.op import Place, act, read

_AGENT_START_S = 60.0
"""An agent CLI may take seconds to start on a busy machine."""

SESSIONS = (
    act(
        "session.create",
        sessions.SessionCreateParams,
        sessions.SessionResult,
        "Begin a session in a folder with an agent.",
        deadline_s=_AGENT_START_S,
        audit="session.created",
    ),
    read(
        "session.list",
        sessions.SessionListParams,
        sessions.SessionListResult,
        "Sessions of one node or of all; those of offline nodes from Main's cache.",
        place=Place.EACH,
    ),
    read(
        "session.list_watch",
        sessions.SessionListParams,
        sessions.SessionListResult,
        "The list, then each change.",
        place=Place.MAIN,
        events=sessions.SessionListEvent,
    ),
    read("session.get", sessions.SessionParams, sessions.SessionState, "The state of a session at its head."),
    act(
        "session.update",
        sessions.SessionUpdateParams,
        sessions.SessionResult,
        "Change title, model, effort, mode or archive it.",
        deadline_s=_AGENT_START_S,
        idempotent=True,
        audit="session.updated",
    ),
    act(
        "session.delete",
        sessions.SessionParams,
        nodes.Empty,
        "Delete a session and its journal; the agent's own transcript stays.",
        audit="session.deleted",
    ),
    act(
        "session.send",
        sessions.SessionSendParams,
        sessions.SessionSendResult,
        "Send a prompt; it is in the journal when the answer comes. Sending a message_id again changes nothing.",
        idempotent=True,
    ),
    act(
        "session.queue",
        sessions.SessionQueueParams,
        sessions.SessionQueueResult,
        "List, edit, move, drop or release queued prompts.",
    ),
    act(
        "session.interrupt",
        sessions.SessionInterruptParams,
        sessions.SessionInterruptResult,
        "End the running turn.",
        idempotent=True,
    ),
    act(
        "session.answer",
        sessions.SessionAnswerParams,
        sessions.SessionAnswerResult,
        "Answer an approval; the first answer wins.",
        audit="approval.answered",
    ),
    read("session.events", sessions.SessionEventsParams, sessions.SessionEventsResult, "A page of the journal."),
    read(
        "session.watch",
        sessions.SessionWatchParams,
        sessions.SessionWatchResult,
        "Every event after a cursor in order exactly once, then live ones.",
        events=WatchEvent,
    ),
    act(
        "session.fork",
        sessions.SessionForkParams,
        sessions.SessionResult,
        "Begin a new session from a point of this one.",
        deadline_s=_AGENT_START_S,
        audit="session.forked",
    ),
    act(
        "session.rewind",
        sessions.SessionRewindParams,
        sessions.SessionRewindResult,
        "Go back to before a prompt; the files too, where the agent keeps what they were.",
        deadline_s=_AGENT_START_S,
        audit="session.rewound",
    ),
    act(
        "session.stop_task",
        sessions.SessionStopTaskParams,
        nodes.Empty,
        "Stop something that the agent left running in the background.",
        audit="session.task_stopped",
    ),
    read(
        "session.export",
        sessions.SessionExportParams,
        sessions.SessionExportResult,
        "The journal as a document to keep.",
        deadline_s=30.0,
    ),
    read(
        "inbox.watch",
        nodes.NodesParams,
        sessions.InboxResult,
        "Pending approvals of all nodes, then changes and ended turns.",
        place=Place.MAIN,
        events=sessions.InboxEvent,
    ),
)
