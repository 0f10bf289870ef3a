"""What must be true of the journals afterwards, whatever has happened."""

import asyncio
import datetime as dt
import os
import re
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec

from node.sessions.fold import empty_state, fold
from tests.chaos.driver import MODELLED, Driver
from tests.chaos.grounds import NODE, Grounds
from tests.support.processes import ROOT
from ws.protocol.base import SessionId
from ws.protocol.events import JournalEvent
from ws.protocol.sessions import SessionState

TRIED_AGAIN = ("error", "drop", "hang")
"""Prompts at which the agent asks the model anew by itself, once: CLAUDE_CODE_MAX_RETRIES."""

GONE = re.compile("has ended|was ended by signal 9")
"""In what a turn ends with when its agent died."""
UNNOTICED = dt.timedelta(seconds=1)
"""A prompt may be written to a program that was killed a moment ago: nobody can know that it was not read."""

PAGE_DEADLINE_S = 90.0
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
    rows = (await grounds.op("session.list"))["sessions"]
    listed = [each["id"] for each in rows if each["status"] != "native"]
    journals |= {session: await journal_of(grounds, session) for session in listed if session not in journals}
    _judge_native(rows, journals)
    for session, events in journals.items():
        assert [event["seq"] for event in events] == list(range(1, len(events) + 1)), "seq is dense from 1"
        _judge_turns(events)
        _judge_ends(grounds, session, events)
        if session in driver.sessions:  # else a fork of which nobody was told
            _judge_prompts(driver, session, events)
            _judge_approvals(driver, events)
            if driver.sessions[session] in MODELLED:
                _judge_model(grounds, driver, session, events)
        await _judge_fold(grounds, session, events)
    for watcher in driver.watchers:
        assert not watcher.faults, watcher.faults
        assert watcher.seen == journals[watcher.session][: len(watcher.seen)], "a watcher saw what is in the journal"
    for watcher in driver.staying:
        assert len(watcher.seen) == len(journals[watcher.session]), "who stayed saw everything"


def _judge_prompts(driver: Driver, session: str, events: list[dict[str, Any]]) -> None:
    queued = Counter(event["message_id"] for event in events if event["type"] == "prompt_queued")
    ran = Counter(event["message_id"] for event in events if event["type"] == "user_message")
    dropped = Counter(event["message_id"] for event in events if event["type"] == "prompt_dropped")
    taken = ran + dropped
    inherited = driver.changed.inherited.get(session, set())
    accepted = {message for owner, message in driver.told.accepted if owner == session}
    unknown = {message for owner, message in driver.told.unknown if owner == session}
    for message in accepted:
        assert (queued[message], taken[message]) == (1, 1), f"{message} was accepted: queued and run exactly once"
    for message in unknown | inherited:
        assert queued[message] <= 1, f"{message} was never answered: at most once"
        assert taken[message] == queued[message], f"{message} ran as often as it was queued"
    assert set(queued) <= accepted | unknown | inherited, "nothing was sent by nobody"
    _judge_texts(events)
    for owner, message in driver.changed.dropped:
        assert owner != session or dropped[message] == 1, f"{message} was taken off the queue"
    back = Counter(event["message_id"] for event in events if event["type"] == "rewound")
    for owner, message in driver.changed.rewound:
        assert owner != session or back[message] == 1, f"the session went back to before {message}"


def _judge_texts(events: list[dict[str, Any]]) -> None:
    last: dict[str, str] = {}
    for event in events:
        if event["type"] in {"prompt_queued", "prompt_edited"}:
            last[event["message_id"]] = event["text"]
        elif event["type"] == "user_message":
            assert event["text"] == last[event["message_id"]], f"{event['message_id']} ran as it was edited last"


def _judge_model(grounds: Grounds, driver: Driver, session: str, events: list[dict[str, Any]]) -> None:
    """A prompt reaches the model once for its turn, and does if the turn ended well."""
    ran = [event for event in events if event["type"] == "user_message"]
    texts = {event["message_id"]: event["text"] for event in ran}
    steered = {turn for turn, prompts in Counter(event["turn"] for event in ran).items() if prompts > 1}
    turns = {event["turn"]: event["message_id"] for event in ran if event["turn"] not in steered}
    ended = {event["turn"]: event["stop_reason"] for event in events if event["type"] == "turn_ended"}
    for turn, message in turns.items():
        asked = [
            request
            for request in grounds.model.requests
            if request.at.prompt == texts[message] and request.at.acts_done == 0 and request.body.get("tools")
        ]
        most = 2 if texts[message].startswith(TRIED_AGAIN) else 1
        assert len(asked) <= most, f"{message} reached the model {len(asked)} times"
        if ended[turn] == "end_turn":
            assert asked, f"{message} ended well and never reached the model"


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


def _judge_native(rows: list[dict[str, Any]], journals: dict[str, list[dict[str, Any]]]) -> None:
    """What a session of ours is, or once was, to its agent is not listed as a session of the agent's own beside it."""
    natives = {row["native_id"]: row["id"] for row in rows if row["status"] == "native"}
    for session, events in journals.items():
        ours = {event["native_id"] for event in events if event.get("native_id")}
        assert not ours & natives.keys(), f"{session} is listed twice: {ours & natives.keys()}"


def _judge_ends(grounds: Grounds, session: str, events: list[dict[str, Any]]) -> None:
    """An agent that has ended takes only the turn with it that it was at: what waited goes to the next agent."""
    begun: dict[str, str] = {}
    for event in events:
        if event["type"] == "turn_started":
            begun[event["turn"]] = event["ts"]
        elif event["type"] == "turn_ended" and GONE.search(event.get("error") or ""):
            start = dt.datetime.fromisoformat(begun[event["turn"]]) - UNNOTICED
            end = dt.datetime.fromisoformat(event["ts"]) + dt.timedelta(milliseconds=1)  # they are cut to milliseconds
            assert any(start <= at <= end for at in grounds.kills), (
                f"{session}: turn {event['turn']} ended with {event['error']!r}, and no agent was killed in it"
            )


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
    golden = msgspec.json.encode({"events": events, "state": told})
    await asyncio.to_thread((grounds.folds / f"{session}.json").write_bytes, golden)
    decoded = [msgspec.convert(event, JournalEvent) for event in events]
    folded = fold(empty_state(SessionId(session), NODE, told["epoch"]), decoded)
    shown = msgspec.convert({**told, **IN_NO_JOURNAL}, SessionState)
    assert shown == folded, "session.get is the fold of session.events"


async def judge_page(folder: Path) -> None:
    """The page's own reducer over the journals that `judge` has left in `folder` comes to what the node answers."""
    npm = shutil.which("npm")
    assert npm is not None, "the page's tests need Node.js"
    arguments = ("--prefix", str(ROOT / "frontend-src"), "run", "test", "--silent", "--", "src/stores/golden.test.ts")
    process = await asyncio.create_subprocess_exec(
        npm,
        *arguments,
        env={**os.environ, "GOLDEN_FOLDER": str(folder)},  # noqa: TID251 - npm and node as the tests have them
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await asyncio.wait_for(process.communicate(), PAGE_DEADLINE_S)
    assert process.returncode == 0, said.decode("utf-8", "replace")
