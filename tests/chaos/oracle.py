"""What must be true of the journals afterwards, whatever has happened."""

from collections import Counter
from typing import Any

import msgspec

from node.sessions.fold import empty_state, fold
from tests.chaos.driver import Driver
from tests.chaos.grounds import NODE, Grounds
from ws.protocol.base import SessionId
from ws.protocol.events import JournalEvent
from ws.protocol.sessions import SessionState

IN_NO_JOURNAL = {"unread": False}
"""Fields of a state that the events do not tell."""


async def journal_of(grounds: Grounds, session: str) -> list[dict[str, Any]]:
    """Every event, page by page."""
    events: list[dict[str, Any]] = []
    while True:
        page = await grounds.op("session.events", session=session, after=len(events), limit=200)
        events += page["events"]
        if len(events) >= page["head"] or not page["events"]:
            return events


async def judge(grounds: Grounds, driver: Driver) -> None:
    """Raises AssertionError naming the promise that was broken."""
    journals = {session: await journal_of(grounds, session) for session in driver.sessions}
    for session, events in journals.items():
        assert [event["seq"] for event in events] == list(range(1, len(events) + 1)), "seq is dense from 1"
        _judge_prompts(driver, session, events)
        _judge_turns(events)
        _judge_approvals(driver, events)
        await _judge_fold(grounds, session, events)
    for watcher in driver.watchers:
        assert not watcher.faults, watcher.faults
        assert watcher.seen == journals[watcher.session][: len(watcher.seen)], "a watcher saw what is in the journal"
    for watcher in driver.staying:
        assert len(watcher.seen) == len(journals[watcher.session]), "who stayed saw everything"


def _judge_prompts(driver: Driver, session: str, events: list[dict[str, Any]]) -> None:
    queued = Counter(event["message_id"] for event in events if event["type"] == "prompt_queued")
    ran = Counter(event["message_id"] for event in events if event["type"] == "user_message")
    accepted = {message for owner, message in driver.told.accepted if owner == session}
    unknown = {message for owner, message in driver.told.unknown if owner == session}
    for message in accepted:
        assert (queued[message], ran[message]) == (1, 1), f"{message} was accepted: queued and run exactly once"
    for message in unknown:
        assert queued[message] <= 1, f"{message} was never answered: at most once"
        assert ran[message] == queued[message], f"{message} ran as often as it was queued"
    assert set(queued) <= accepted | unknown, "nothing was sent by nobody"


def _judge_turns(events: list[dict[str, Any]]) -> None:
    running: str | None = None
    for event in events:
        if event["type"] == "turn_started":
            assert running is None, f"{event} while {running} runs"
            running = event["turn"]
        elif event["type"] == "turn_ended":
            assert event["turn"] == running, f"{event} ends a turn that does not run"
            running = None
    assert running is None, "every turn ends"


def _judge_approvals(driver: Driver, events: list[dict[str, Any]]) -> None:
    asked = Counter(event["approval"] for event in events if event["type"] == "approval_requested")
    resolved = Counter(event["approval"] for event in events if event["type"] == "approval_resolved")
    assert resolved == asked, "every approval is resolved exactly once"
    assert set(asked.values()) <= {1}, "an approval is asked once"
    selected = {event["approval"] for event in events if event.get("outcome") == "selected"}
    for approval in asked:
        assert driver.told.answered[approval] <= 1, f"{approval} was answered twice"
        if driver.told.answered[approval]:
            assert approval in selected, f"the answer to {approval} was accepted and is in the journal"


async def _judge_fold(grounds: Grounds, session: str, events: list[dict[str, Any]]) -> None:
    told = await grounds.op("session.get", session=session)
    decoded = [msgspec.convert(event, JournalEvent) for event in events]
    folded = fold(empty_state(SessionId(session), NODE, told["epoch"]), decoded)
    shown = msgspec.convert({**told, **IN_NO_JOURNAL}, SessionState)
    assert shown == folded, "session.get is the fold of session.events"
