"""Turns that somebody adds in a terminal to a session of ours: found, taken in once, never guessed."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from node.sessions.native.continued import Mark, missing
from providers.base import WentBack
from tests.support.waiting import eventually
from tests.unit.node.sessions.bench import DEADLINE_S, NODE, Bench, bench, decode_watched
from tests.unit.node.sessions.test_native import FakeHistory, journal, provider, rows, turn
from ws.protocol.base import now
from ws.protocol.events import (
    AgentMessage,
    AgentState,
    BackgroundTask,
    JournalEvent,
    Notice,
    TurnEnded,
    TurnStarted,
    UserMessage,
)
from ws.protocol.sessions import SessionRewindParams, SessionWatchParams


def at(second: int) -> str:
    return f"2026-11-20T10:00:0{second}.000Z"


def marks(name: str, began: int, ended: int, *, anchor: str | None = None, reason: str = "end_turn") -> list[Mark]:
    return [
        Mark("prompt_queued", at(began), message_id=name),
        Mark("turn_started", at(began)),
        Mark("user_message", at(began), message_id=name),
        Mark("turn_ended", at(ended), anchor=anchor, stop_reason=reason),
    ]


def found(known: list[Mark], transcript: list[JournalEvent], **given: Any) -> list[JournalEvent]:
    values = {"is_open": False, "is_final": False} | given
    return missing(known, transcript, lambda name: f"native-{name}", **values)


def said(events: list[JournalEvent]) -> list[str]:
    return [event.text for event in events if isinstance(event, AgentMessage)]


def test_what_comes_behind_the_last_turn_that_both_have() -> None:
    known = [*marks("p1", 1, 1), *marks("m1", 2, 2, anchor="e2")]
    new = found(known, turn(1) + turn(2) + turn(3) + turn(4))
    assert said(new) == ["Did 3", "Did 4"]
    assert isinstance(new[0], Notice)
    assert (new[0].code, new[0].text, new[0].ts) == ("continued_elsewhere", "Continued elsewhere: 2 turns.", at(3))
    assert new[1:] == turn(3) + turn(4)
    assert found(known, turn(1) + turn(2)) == []


def test_without_a_common_turn_nothing_is_guessed() -> None:
    assert found(marks("m1", 1, 1, anchor="elsewhere"), turn(3) + turn(4)) == []
    assert found([], turn(3)) == []
    assert found(marks("m1", 1, 1, anchor="e1"), []) == []


def test_a_turn_of_ours_that_was_cut_is_known_by_its_prompt() -> None:
    cut: list[JournalEvent] = [
        TurnStarted(ts=at(2)),
        UserMessage(message_id="native-m1", text="x", attachments=[], by="terminal", ts=at(2)),
    ]
    known = [*marks("p1", 1, 1), *marks("m1", 2, 8, reason="node_restarted")]
    ended = TurnEnded(stop_reason="cancelled", ts=at(3))
    assert said(found(known, [*turn(1), *cut, ended, *turn(4)])) == ["Did 4"], "also while this node was down"
    assert found(known, [*turn(1), *cut], is_final=True) == []


def test_a_cut_turn_whose_prompt_the_transcript_does_not_name_hides_what_came_until_its_end() -> None:
    known = [*marks("p1", 1, 1), *marks("m1", 2, 5, reason="node_restarted")]
    assert said(found(known, turn(1) + turn(2) + turn(4) + turn(6))) == ["Did 6"], "rather too little than twice"


def test_what_stands_under_another_name_in_the_time_of_a_turn_of_ours_is_ours() -> None:
    known = [*marks("p1", 1, 1), *marks("command", 3, 5)]
    assert found(known, turn(1) + turn(4)) == []
    assert said(found(known, turn(1) + turn(4) + turn(6))) == ["Did 6"]


def test_turns_without_names_of_ours_are_told_by_their_times() -> None:
    known = [*marks("x1", 1, 2), *marks("x2", 5, 6)]
    nameless = turn(1) + turn(5)
    assert found(known, nameless) == []
    assert said(found(known, nameless + turn(7))) == ["Did 7"]


def test_what_fell_between_two_turns_of_ours_comes_late_and_says_so() -> None:
    known = [*marks("p1", 1, 1), *marks("m1", 5, 6, anchor="e5")]
    transcript = turn(1) + turn(3) + turn(4, is_ended=False) + turn(5) + turn(7)
    new = found(known, transcript)
    assert said(new) == ["Did 3", "Did 7"]
    texts = [event.text for event in new if isinstance(event, Notice)]
    assert texts == ["Continued elsewhere before the last turn above: 1 turn.", "Continued elsewhere: 1 turn."]
    assert said(found(known, transcript, is_copied=True)) == ["Did 7"]
    assert said(found([*known, *marks("p3", 3, 3)], transcript)) == ["Did 7"], "taken in once"


def test_an_anchor_that_is_told_again_for_a_turn_without_a_trace_proves_nothing() -> None:
    known = [*marks("p1", 1, 1, anchor="e1"), *marks("command", 3, 5, anchor="e1", reason="node_restarted")]
    assert found(known, turn(1) + turn(4)) == []


def test_a_turn_that_the_agent_began_by_itself_is_taken_in_only_behind_a_prompt() -> None:
    own: list[JournalEvent] = [TurnStarted(ts=at(2)), AgentMessage(message_id="b", text="By myself", ts=at(2))]
    ended = TurnEnded(stop_reason="end_turn", anchor="b", ts=at(2))
    known = marks("p1", 1, 1)
    assert found(known, [*turn(1), *own, ended]) == []
    assert said(found(known, [*turn(1), *turn(2), *own, ended])) == ["Did 2", "By myself"]


@pytest.mark.parametrize("is_open", [True, False])
def test_the_last_turn_may_still_go_on(is_open: bool) -> None:
    known = marks("p1", 1, 1)
    whole, part = turn(1) + turn(2), turn(1) + turn(2) + turn(3, is_ended=False)
    assert said(found(known, whole, is_open=is_open)) == ([] if is_open else ["Did 2"])
    assert said(found(known, part, is_open=is_open)) == ["Did 2"]
    final = found(known, part, is_open=is_open, is_final=True)
    assert said(final) == (["Did 2"] if is_open else ["Did 2", "Did 3"])
    assert isinstance(final[-1], TurnEnded)


def later(name: str, *, is_ended: bool = True) -> list[JournalEvent]:
    """A turn of the terminal, surely behind the last writing of our agent."""
    ts = (datetime.now(UTC) + timedelta(seconds=5)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    begun: list[JournalEvent] = [
        TurnStarted(ts=ts),
        UserMessage(message_id=f"p-{name}", text=f"Do {name}", attachments=[], by="terminal", ts=ts),
        AgentMessage(message_id=f"a-{name}", text=f"Did {name}", ts=ts),
    ]
    return [*begun, TurnEnded(stop_reason="end_turn", anchor=f"e-{name}", ts=ts)] if is_ended else begun


def ours(name: str) -> list[JournalEvent]:
    """What an agent writes of a prompt of ours."""
    return [
        TurnStarted(ts=now()),
        UserMessage(message_id=f"native-{name}", text="Do it", attachments=[], by="terminal", ts=now()),
        AgentMessage(message_id=f"a-{name}", text="Did it", ts=now()),
        TurnEnded(stop_reason="end_turn", anchor=f"e-{name}", ts=now()),
    ]


async def taken_over(node: Bench, history: FakeHistory) -> str:
    """One of ours, with an agent that idles."""
    (native,) = await rows(node)
    await node.send(native.id, "m1")
    await node.idle(native.id)
    history.grow("one", ours("m1"))
    return native.id


async def answers(node: Bench, session: str) -> list[str]:
    return said(await journal(node, session))


def eager(history: FakeHistory) -> Any:
    made = provider(history)
    made.is_eager = True
    return made


async def test_looking_takes_it_in_once_and_ends_the_agent_that_does_not_know_of_it(tmp_path: Path) -> None:
    history = FakeHistory({"one": turn(1)})
    async with bench(tmp_path, eager(history)) as node, asyncio.timeout(DEADLINE_S):
        session = await taken_over(node, history)
        history.grow("one", later("x"))
        _, stream = await node.service.watch_any(SessionWatchParams(node=NODE, session=session))
        async for body in stream:
            event = decode_watched(body)
            if isinstance(event, TurnEnded) and event.anchor == "e-x":
                break
        assert await answers(node, session) == ["Did 1", "Did Do it", "Did x"]
        assert node.provider.agent.is_closed
        history.grow("one", later("y"))
        async for body in stream:
            event = decode_watched(body)
            if isinstance(event, TurnEnded) and event.anchor == "e-y":
                break
        await node.send(session, "m2")
        await node.idle(session)
        assert await answers(node, session) == ["Did 1", "Did Do it", "Did x", "Did y", "Did Do it"]
        assert (len(node.provider.agents), node.provider.agent.spec.native_id) == (2, "one")


async def test_prompts_at_the_same_time_take_it_in_once_before_they_are_sent(tmp_path: Path) -> None:
    history = FakeHistory({"one": turn(1)})
    async with bench(tmp_path, eager(history)) as node:
        session = await taken_over(node, history)
        history.grow("one", later("x") + later("y", is_ended=False))
        async with asyncio.TaskGroup() as calls:
            for number in range(4):
                _ = calls.create_task(node.send(session, f"n{number % 2}"))
        await node.idle(session)
        assert await answers(node, session) == ["Did 1", "Did Do it", "Did x", "Did y", "Did Do it", "Did Do it"]


async def test_it_is_there_once_after_a_kill(tmp_path: Path) -> None:
    history = FakeHistory({"one": turn(1)})
    async with bench(tmp_path, eager(history)) as node:
        session = await taken_over(node, history)
        history.grow("one", later("x"))
        await node.restart(is_crash=True)
        for _ in range(2):
            await node.service._elsewhere.catch_up(node.service._shelf.get(session).session)
            assert await answers(node, session) == ["Did 1", "Did Do it", "Did x"]
            await node.restart(is_crash=True)


async def test_background_work_of_the_agent_is_not_ended_for_it(tmp_path: Path) -> None:
    history = FakeHistory({"one": turn(1)})
    async with bench(tmp_path, eager(history)) as node:
        session = await taken_over(node, history)
        shelved = node.service._shelf.get(session).session
        task = BackgroundTask(id="b1", kind="command", title="make", started=now())
        await node.provider.agent.say(AgentState(process="live", tasks=[task]))
        await eventually(lambda: bool(shelved.journal.agent.tasks), what="the task", deadline_s=DEADLINE_S)
        history.grow("one", later("x"))
        shelved.turn_ended = at(1)
        await node.service._elsewhere.catch_up(shelved)
        assert await answers(node, session) == ["Did 1", "Did Do it"]
        assert not node.provider.agent.is_closed


async def test_behind_a_point_that_was_gone_back_to_nothing_is_taken_in(tmp_path: Path) -> None:
    history = FakeHistory({"one": turn(1)})
    made = eager(history)
    made.going_back = WentBack(files=[], native_id="one", resume_at="e1")
    async with bench(tmp_path, made) as node:
        session = await taken_over(node, history)
        await node.service.rewind(SessionRewindParams(node=NODE, session=session, message_id="m1"), "ada")
        history.grow("one", later("x"))
        await node.service._elsewhere.catch_up(node.service._shelf.get(session).session)
        assert await answers(node, session) == ["Did 1", "Did Do it"], "the agent goes on without it"
