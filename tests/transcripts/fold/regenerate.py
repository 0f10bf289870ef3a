"""Write the files of this folder anew: `python -m tests.transcripts.fold.regenerate`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from node.sessions.fold import empty_state, fold
from tests.transcripts.fold.cases import CASES
from ws.protocol.base import SessionId
from ws.protocol.events import JournalEvent, TurnEnded, TurnStarted

HERE = Path(__file__).parent


def stamped(events: Sequence[JournalEvent]) -> list[JournalEvent]:
    """With `seq`, `ts` and `turn` as the journal gives them."""
    found: list[JournalEvent] = []
    turn: str | None = None
    for seq, event in enumerate(events, 1):
        if isinstance(event, TurnStarted):
            turn = f"t{seq}"
        found.append(replace(event, seq=seq, ts=f"2026-11-20T10:00:{seq:02}.000Z", turn=turn))
        if isinstance(event, TurnEnded):
            turn = None
    return found


def golden(events: Sequence[JournalEvent]) -> dict[str, Any]:
    """What a file holds: the events, and the state that the node makes of them."""
    journal = stamped(events)
    return {"events": journal, "state": fold(empty_state(SessionId("s1"), "laptop", "e1"), journal)}


def text_of(events: Sequence[JournalEvent]) -> str:
    """A file's text."""
    return msgspec.json.format(msgspec.json.encode(golden(events)), indent=2).decode() + "\n"


def main() -> None:
    """Write every file and remove those of cases that are gone."""
    for stale in HERE.glob("*.json"):
        if stale.stem not in CASES:
            stale.unlink()
    for name, events in CASES.items():
        (HERE / f"{name}.json").write_text(text_of(events), encoding="utf-8")


if __name__ == "__main__":
    main()
