"""What somebody added elsewhere to the agent's session behind one of ours, found by comparing. Pure."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec

from ws.protocol.events import (
    AgentMessage,
    AgentThought,
    JournalEvent,
    Notice,
    TurnEnded,
    TurnStarted,
    UserMessage,
)

TYPES = ("prompt_queued", "turn_started", "user_message", "turn_ended")
"""Of the events that `Mark` is read from."""

PromptName = Callable[[str], str | None]
"""How the transcript calls a prompt of ours; None when it does not tell."""


class Mark(msgspec.Struct, frozen=True):
    """As much of such an event as comparing needs."""

    type: str
    ts: str = ""
    message_id: str | None = None
    anchor: str | None = None
    stop_reason: str | None = None


read_mark = msgspec.json.Decoder(Mark).decode


@dataclass(slots=True)
class _Own:
    """A turn of the journal. `names` are those by which a transcript may tell it."""

    began: str
    ended: str = ""
    names: set[str] = field(default_factory=set)
    is_cut: bool = False


@dataclass(slots=True)
class _Told:
    """A turn of the transcript."""

    events: list[JournalEvent]
    names: set[str] = field(default_factory=set)
    is_prompted: bool = False

    @property
    def is_whole(self) -> bool:
        return isinstance(self.events[-1], TurnEnded)


def missing(
    marks: Iterable[Mark],
    transcript: Sequence[JournalEvent],
    prompt_name: PromptName,
    *,
    is_open: bool,
    is_final: bool,
    is_copied: bool = False,
) -> list[JournalEvent]:
    """The turns that the journal lacks, with a notice before them. Often nothing.

    Those behind the last turn that both have, and those that fell between two of ours: they come late, and say so.
    `is_open`: a program writes it, so its last turn may still go on. `is_final`: it goes on here now, so a turn that
    has not ended has been cut off. `is_copied`: the journal begins with another session's turns, whose times prove
    nothing. Without a common turn nothing is missing: then nobody can say what is new.
    """
    told = _told(transcript)
    own, names = _own(marks, prompt_name)
    told_names = {name for turn in told for name in turn.names}
    spans = [span for turn in own if (span := _span(turn, is_told=bool(turn.names & told_names))) is not None]
    common = [
        number
        for number, turn in enumerate(told)
        # Some agents tell no name that we know (Qwen Code): then the time alone says whose a turn is.
        if turn.names & names or _is_within(turn.events[0].ts, spans)
    ]
    if not common:
        return []
    known = set(common)
    between = [told[number] for number in range(common[0], common[-1]) if number not in known]
    between = [] if is_copied else [turn for turn in between if turn.is_prompted and turn.is_whole]
    added = told[common[-1] + 1 :]
    while added and not added[0].is_prompted:
        del added[0]  # the agent began it by itself, maybe while it was ours
    if added and (is_open or not (is_final or added[-1].is_whole)):
        del added[-1]
    return [*_shown(between, " before the last turn above"), *_shown(added, "")]


def _shown(turns: Sequence[_Told], where: str) -> list[JournalEvent]:
    if not turns:
        return []
    count = "1 turn" if len(turns) == 1 else f"{len(turns)} turns"
    said = f"Continued elsewhere{where}: {count}."
    notice = Notice(level="info", code="continued_elsewhere", text=said, ts=turns[0].events[0].ts)
    return [notice, *(event for turn in turns for event in _ended(turn))]


def _own(marks: Iterable[Mark], prompt_name: PromptName) -> tuple[list[_Own], set[str]]:
    turns: list[_Own] = []
    names: set[str] = set()
    for mark in marks:
        told: set[str] = set()
        if mark.message_id is not None:
            told = {mark.message_id, prompt_name(mark.message_id) or mark.message_id}
        if mark.type == "turn_started":
            turns.append(_Own(mark.ts))
        elif mark.type == "turn_ended" and turns:
            turns[-1].ended, turns[-1].is_cut = mark.ts, mark.stop_reason == "node_restarted"
            # A turn of which the agent has kept nothing has the anchor of the one before.
            told = {mark.anchor} - names if mark.anchor is not None else set()
        if mark.type != "prompt_queued" and turns:
            turns[-1].names |= told
        names |= told
    return turns, names


def _told(transcript: Sequence[JournalEvent]) -> list[_Told]:
    turns: list[_Told] = []
    is_running = False
    for event in transcript:
        if isinstance(event, TurnStarted):
            turns.append(_Told([]))
            is_running = True
        if not is_running:
            continue
        turn = turns[-1]
        turn.events.append(event)
        match event:
            case UserMessage():
                turn.is_prompted = True
                turn.names.add(event.message_id)
            case AgentMessage() | AgentThought():
                turn.names.add(event.message_id)
            case TurnEnded():
                is_running = False
                turn.names |= {event.anchor} if event.anchor is not None else set()
            case _:
                pass
    return turns


def _span(turn: _Own, *, is_told: bool) -> tuple[datetime, datetime] | None:
    """When it ran: what the transcript tells of that time belongs to it. None when it is told and its end not known.

    A command, or what an agent did after a plan was accepted, stands in the transcript under a name that is not ours.
    """
    began, ended = _time(turn.began), _time(turn.ended)
    return None if began is None or ended is None or (turn.is_cut and is_told) else (began, ended)


def _is_within(ts: str, spans: Sequence[tuple[datetime, datetime]]) -> bool:
    time = _time(ts)
    return time is not None and any(began <= time <= ended for began, ended in spans)


def _time(ts: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(ts)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _ended(turn: _Told) -> list[JournalEvent]:
    if turn.is_whole:
        return turn.events
    return [*turn.events, TurnEnded(stop_reason="cancelled", ts=turn.events[-1].ts)]
