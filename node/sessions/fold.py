"""The state of a session as a pure function of its journal.

The page folds the same events (frontend-src/src/stores/facts.ts); tests/transcripts/fold/*.json hold both to the same
answers. `unread` is not in the journal and stays false here. `news` is the newest ended turn or ask.
"""

from collections.abc import Iterable, Sequence
from typing import Any, assert_never

from msgspec.structs import replace

from ws.protocol.base import SessionId
from ws.protocol.events import (
    AgentMessage,
    AgentThought,
    ApprovalRequested,
    ApprovalResolved,
    Archived,
    JournalEvent,
    ModeChanged,
    ModelChanged,
    NativeIdKnown,
    Notice,
    Plan,
    PromptDropped,
    PromptEdited,
    PromptMoved,
    PromptQueued,
    QueueHeld,
    QueueReleased,
    Rewound,
    SessionStarted,
    TitleChanged,
    ToolCall,
    ToolCallUpdate,
    TurnEnded,
    TurnStarted,
    Usage,
    UserMessage,
)
from ws.protocol.sessions import QueuedPrompt, SessionState, Status, Turn

Changes = dict[str, Any]


def empty_state(session: SessionId, node: str, epoch: str) -> SessionState:
    """The state before the first event."""
    return SessionState(
        id=session,
        node=node,
        epoch=epoch,
        head=0,
        path="",
        provider="",
        title="",
        status="idle",
        updated="",
        unread=False,
        pending_approvals=0,
        model=None,
        mode=None,
        archived=False,
        turn=None,
        plan=[],
        queue=[],
        queue_held=False,
        approvals=[],
        usage=None,
    )


def fold(state: SessionState, events: Iterable[JournalEvent]) -> SessionState:
    """The state after `events`, which are stamped and follow its head."""
    for event in events:
        state = _after(state, event)
    return state


def _after(state: SessionState, event: JournalEvent) -> SessionState:
    changes = _changes(state, event)
    if changes.keys() & {"turn", "approvals", "error"}:
        changes["pending_approvals"] = len(changes.get("approvals", state.approvals))
        changes["status"] = _status(
            is_running=changes.get("turn", state.turn) is not None,
            is_waiting=changes["pending_approvals"] > 0,
            error=changes.get("error", state.error),
        )
    if isinstance(event, TurnEnded | ApprovalRequested):
        changes["news"] = event.seq
    return replace(state, head=event.seq, updated=event.ts, **changes)


def _status(*, is_running: bool, is_waiting: bool, error: str | None) -> Status:
    if is_running:
        return "waiting" if is_waiting else "running"
    return "idle" if error is None else "failed"


def _changes(state: SessionState, event: JournalEvent) -> Changes:
    match event:
        case TurnStarted():
            return {"turn": Turn(id=event.turn or "", started=event.ts), "error": None}
        case UserMessage():
            turn = None if state.turn is None else replace(state.turn, message_id=event.message_id)
            return {"turn": turn, "queue": _without(state.queue, event.message_id)}
        case TurnEnded():
            return _turn_ended(state, event)
        case ApprovalRequested():
            return {"approvals": [*state.approvals, event]}
        case ApprovalResolved():
            return {"approvals": [each for each in state.approvals if each.approval != event.approval]}
        case Plan():
            return {"plan": event.entries}
        case Usage():
            return {"usage": event}
        case AgentMessage() | AgentThought() | ToolCall() | ToolCallUpdate() | Notice():
            return {}
        case PromptQueued() | PromptEdited() | PromptMoved() | PromptDropped() | QueueHeld() | QueueReleased():
            return _queue_changes(state.queue, event)
        case _:
            return _setting_changes(state, event)


def _turn_ended(state: SessionState, event: TurnEnded) -> Changes:
    # An agent that was resumed at a point of its past has gone on from there once it names a new one.
    resume_at = state.resume_at if event.anchor is None else None
    return {"turn": None, "approvals": [], "error": _error(event), "resume_at": resume_at}


def _error(event: TurnEnded) -> str | None:
    return (event.error or "") if event.stop_reason in {"error", "node_restarted"} else None


QueueEvent = PromptQueued | PromptEdited | PromptMoved | PromptDropped | QueueHeld | QueueReleased


def _queue_changes(queue: Sequence[QueuedPrompt], event: QueueEvent) -> Changes:
    match event:
        case PromptQueued():
            prompt = QueuedPrompt(
                message_id=event.message_id, text=event.text, attachments=event.attachments, by=event.by
            )
            return {"queue": [*queue, prompt]}
        case PromptEdited():
            return {
                "queue": [
                    replace(each, text=event.text) if each.message_id == event.message_id else each for each in queue
                ]
            }
        case PromptMoved():
            return {"queue": _moved(queue, event.message_id, event.before)}
        case PromptDropped():
            return {"queue": _without(queue, event.message_id)}
        case QueueHeld():
            return {"queue_held": True}
        case QueueReleased():
            return {"queue_held": False}
        case _:
            assert_never(event)


def _without(queue: Sequence[QueuedPrompt], message_id: str) -> list[QueuedPrompt]:
    return [each for each in queue if each.message_id != message_id]


def _moved(queue: Sequence[QueuedPrompt], message_id: str, before: str | None) -> list[QueuedPrompt]:
    moved = [each for each in queue if each.message_id == message_id]
    rest = _without(queue, message_id)
    place = next((index for index, each in enumerate(rest) if each.message_id == before), len(rest))
    return [*rest[:place], *moved, *rest[place:]]


SettingEvent = Rewound | SessionStarted | NativeIdKnown | ModeChanged | ModelChanged | TitleChanged | Archived


def _setting_changes(state: SessionState, event: SettingEvent) -> Changes:
    match event:
        case SessionStarted():
            return {
                "provider": event.provider,
                "path": event.path,
                "model": event.model,
                "mode": event.mode,
                "effort": event.effort,
                "title": state.title if event.title is None else event.title,
                "native_id": event.native_id,
                "forked_from": event.forked_from,
            }
        case Rewound():
            # What the agent is resumed with stands here from now on: it branches off nowhere any more.
            fork = state.forked_from
            return {
                "native_id": event.native_id,
                "resume_at": event.resume_at,
                "error": None,
                "forked_from": None if fork is None else replace(fork, native_id=None, anchor=None),
            }
        case NativeIdKnown():
            return {"native_id": event.native_id}
        case ModeChanged():
            return {"mode": event.mode}
        case ModelChanged():
            return {"model": event.model, "effort": event.effort}
        case TitleChanged():
            return {"title": event.title}
        case Archived():
            return {"archived": event.archived}
        case _:
            assert_never(event)
