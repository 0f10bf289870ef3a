"""How turns begin and end in the journal. Pure: from a state to the events that follow."""

from collections.abc import Iterable, Sequence

from ws.protocol.events import (
    ApprovalResolved,
    Delta,
    JournalEvent,
    NativeIdKnown,
    QueueHeld,
    Rewound,
    StopReason,
    TitleChanged,
    TurnEnded,
    TurnStarted,
    UserMessage,
)
from ws.protocol.sessions import SessionState

TITLE_CHARS = 60

NODE = "switchyard"
"""Who did it when nobody did: `by` of a queue that is held because no agent can be started."""


def next_turn(state: SessionState, held_back: Sequence[JournalEvent] = ()) -> list[JournalEvent]:
    """What begins the turn of the first waiting prompt; nothing while a turn runs, or the queue is held or empty.

    `held_back` is what the agent said since the last turn: between turns only users write.
    """
    if state.turn is not None or state.queue_held or not state.queue:
        return []
    prompt = state.queue[0]
    begun: list[JournalEvent] = [
        TurnStarted(),
        UserMessage(message_id=prompt.message_id, text=prompt.text, attachments=list(prompt.attachments), by=prompt.by),
    ]
    if not state.title and (title := title_from(prompt.text)):
        begun.append(TitleChanged(title=title))
    return [*begun, *held_back]


def turn_end(state: SessionState, reason: StopReason, error: str | None = None) -> list[JournalEvent]:
    """What ends the running turn: open approvals are withdrawn, `turn_ended` is last. Nothing when no turn runs."""
    if state.turn is None:
        return []
    return [*withdrawn(state), TurnEnded(stop_reason=reason, error=error)]


def withdrawn(state: SessionState) -> list[JournalEvent]:
    """The end of every approval that is open."""
    return [ApprovalResolved(approval=each.approval, outcome="withdrawn") for each in state.approvals]


def left_behind(state: SessionState, items: Iterable[JournalEvent | Delta]) -> set[str]:
    """The native sessions with which this one goes on no more after `items`: cleared, undone or forgotten."""
    told = [state.native_id, *(item.native_id for item in items if isinstance(item, NativeIdKnown | Rewound))]
    return {each for each in told[:-1] if each is not None and each != told[-1]}


def hold(state: SessionState, by: str) -> list[JournalEvent]:
    """What holds the queue; nothing when it is held already or holds no prompt."""
    return [QueueHeld(by=by)] if state.queue and not state.queue_held else []


def title_from(text: str) -> str:
    """The first words of a prompt, at most 60 characters of its first line that says something."""
    line = next((words for line in text.splitlines() if (words := " ".join(line.split()))), "")
    if len(line) <= TITLE_CHARS:
        return line
    cut = line[: TITLE_CHARS - 1]
    return f"{cut.rpartition(' ')[0] or cut}…"
