"""The turns that a session's agent still knows: what forking and going back refer to. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import msgspec

from ws.protocol.errors import ErrorCode, WireError

TYPES = ("session_started", "native_id_known", "turn_started", "user_message", "turn_ended", "rewound")
"""Of the events that `Mark` is read from."""


class _Origin(msgspec.Struct, frozen=True):
    native_id: str | None = None


class Mark(msgspec.Struct, frozen=True):
    """As much of such an event as the past needs; a prompt's pictures are not kept in memory."""

    type: str
    seq: int
    message_id: str | None = None
    native_id: str | None = None
    anchor: str | None = None
    forked_from: _Origin | None = None


read_mark = msgspec.json.Decoder(Mark).decode


@dataclass(slots=True)
class PastTurn:
    """`last` is 0 while it runs. `native_id` is the agent's own session in which it happened."""

    first: int
    last: int = 0
    prompts: list[str] = field(default_factory=list)
    anchor: str | None = None
    native_id: str | None = None


class Past:
    """The turns in order, less those that were undone by going back."""

    def __init__(self, marks: Iterable[Mark]) -> None:
        self.turns: list[PastTurn] = []
        self._native_id: str | None = None
        for mark in marks:
            self._take(mark)

    def _take(self, mark: Mark) -> None:
        match mark.type:
            case "session_started":
                origin = mark.forked_from
                self._native_id = mark.native_id or (None if origin is None else origin.native_id)
            case "native_id_known":
                self._native_id = mark.native_id
            case "turn_started":
                self.turns.append(PastTurn(mark.seq))
            case "user_message" if self.turns and mark.message_id is not None:
                self.turns[-1].prompts.append(mark.message_id)
            case "turn_ended" if self.turns:
                turn = self.turns[-1]
                turn.last, turn.anchor, turn.native_id = mark.seq, mark.anchor, self._native_id
            case "rewound":
                del self.turns[self._index(mark.message_id) :]
                self._native_id = mark.native_id
            case _:
                pass

    def _index(self, message_id: str | None) -> int:
        """Of the turn with this prompt; beyond the last when there is none."""
        found = [index for index, turn in enumerate(self.turns) if message_id in turn.prompts]
        return found[-1] if found else len(self.turns)

    def before(self, message_id: str) -> int:
        """How many turns came before the one that this prompt began.

        Raises `not_found`, and `conflict` for a prompt that was given to a turn while it ran.
        """
        index = self._index(message_id)
        if index == len(self.turns):
            raise WireError(
                ErrorCode.NOT_FOUND,
                "This session has no such prompt, or has gone back to before it: load the session anew.",
            )
        if self.turns[index].prompts[0] != message_id:
            raise WireError(
                ErrorCode.CONFLICT,
                "This prompt was given to a turn that was running: choose the prompt that began that turn.",
            )
        return index

    def ended(self, seq: int | None) -> int:
        """How many turns had ended at `seq`, or by now."""
        return sum(turn.last > 0 and (seq is None or turn.last <= seq) for turn in self.turns)


def anchor_of(turns: Sequence[PastTurn]) -> PastTurn | None:
    """The last turn that the agent has named, behind which it can go on; None when it has named none."""
    return next((turn for turn in reversed(turns) if turn.anchor is not None), None)
