"""A new session that begins with the past of another one: where it branches off, and which events it begins with."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from node.sessions.journal import Journal, decode_event
from node.sessions.past import Past, PastTurn, anchor_of
from ws.protocol.errors import ErrorCode, FieldError, WireError
from ws.protocol.events import (
    Archived,
    ForkPoint,
    JournalEvent,
    ModeChanged,
    ModelChanged,
    NativeIdKnown,
    PromptDropped,
    PromptEdited,
    PromptMoved,
    PromptQueued,
    QueueHeld,
    QueueReleased,
    Rewound,
    SessionStarted,
    TitleChanged,
)
from ws.protocol.sessions import SessionForkParams, SessionState

MAX_TITLE_CHARS = 200
_SUFFIX = " (fork)"

_LEFT_OUT = (
    SessionStarted,
    NativeIdKnown,
    ModeChanged,
    ModelChanged,
    TitleChanged,
    Archived,
    PromptEdited,
    PromptMoved,
    PromptDropped,
    QueueHeld,
    QueueReleased,
    Rewound,
)
"""Settings stand in the fork's first event; nothing waits in it, and it is not bound to the agent's other session."""


@dataclass(frozen=True)
class Branch:
    """The first event of the fork, and the turns of the other journal that it begins with."""

    started: SessionStarted
    turns: Sequence[PastTurn]


def branch(state: SessionState, past: Past, params: SessionForkParams, mode: str | None) -> Branch:
    """Where `params` says. `mode` is the fork's. Raises `invalid`, `not_found` and `conflict` with what is wrong."""
    count = _turns(state, past, params)
    turns = [turn for turn in past.turns[:count] if turn.last]
    known = anchor_of(turns) or (turns[-1] if turns else None)
    if known is not None and known.native_id is not None and known.anchor is None and count < len(past.turns):
        raise WireError(
            ErrorCode.CONFLICT,
            "The agent has not named that point of its past: fork the whole session once no turn runs.",
        )
    point = ForkPoint(
        session=state.id,
        seq=turns[-1].last if turns else 1,
        native_id=None if known is None else known.native_id,
        anchor=None if known is None else known.anchor,
    )
    title = params.title
    if title is None and state.title:
        title = state.title[: MAX_TITLE_CHARS - len(_SUFFIX)] + _SUFFIX
    return Branch(
        SessionStarted(
            provider=state.provider,
            path=state.path,
            model=state.model,
            mode=mode,
            effort=state.effort,
            title=title,
            forked_from=point,
        ),
        turns,
    )


def _turns(state: SessionState, past: Past, params: SessionForkParams) -> int:
    if params.seq is not None and params.before is not None:
        raise WireError(
            ErrorCode.INVALID,
            "`seq` and `before` exclude each other.",
            errors=[FieldError(path="params.before", message="not together with `seq`")],
        )
    if params.before is not None:
        return past.before(params.before)
    if params.seq is not None and params.seq > state.head:
        raise WireError(ErrorCode.NOT_FOUND, f"This session has no event {params.seq}: its last one is {state.head}.")
    return past.ended(params.seq)


async def begun(journal: Journal, made: Branch, by: str) -> AsyncIterator[list[JournalEvent]]:
    """What follows the fork's first event. Its past keeps its times, so the last event says when it was made."""
    async for events in copied(journal, made.turns):
        yield events
    if made.started.title:
        yield [TitleChanged(title=made.started.title, by=by)]


async def copied(journal: Journal, turns: Sequence[PastTurn]) -> AsyncIterator[list[JournalEvent]]:
    """The events of these turns with the prompts that began them, to be appended to another journal. In batches."""
    if not turns:
        return
    prompts = {prompt for turn in turns for prompt in turn.prompts}
    seqs = [range(turn.first, turn.last + 1) for turn in turns]
    after, cut = 0, turns[-1].last
    while after < cut:
        page = await journal.page(after)
        if not page:
            raise WireError(ErrorCode.NOT_FOUND, "This session has been deleted.")
        events = await asyncio.to_thread(lambda bodies: [decode_event(body) for body in bodies], page)
        after = events[-1].seq
        yield [replace(event, seq=0, turn=None) for event in events if _is_kept(event, seqs, prompts)]


def _is_kept(event: JournalEvent, seqs: list[range], prompts: set[str]) -> bool:
    """`seqs` are of turns, in order; those that `event` is beyond are dropped from it."""
    while seqs and event.seq >= seqs[0].stop:
        del seqs[0]
    if isinstance(event, PromptQueued):
        return event.message_id in prompts
    return bool(seqs) and event.seq in seqs[0] and not isinstance(event, _LEFT_OUT)
