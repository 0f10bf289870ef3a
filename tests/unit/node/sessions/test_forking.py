"""A new session that begins with the past of another one."""

from pathlib import Path

import pytest

from providers.base import ForkOf
from tests.support.agents import FakeProvider
from tests.unit.node.sessions.bench import NODE, Bench, bench
from ws.protocol.errors import ErrorCode, WireError
from ws.protocol.events import (
    AgentMessage,
    ForkPoint,
    JournalEvent,
    ModeChanged,
    NativeIdKnown,
    Rewound,
    SessionStarted,
    TitleChanged,
    TurnEnded,
    UserMessage,
)
from ws.protocol.sessions import SessionForkParams, SessionSummary, SessionUpdateParams


def provider() -> FakeProvider:
    return FakeProvider(features=["fork", "rewind"])


async def turn(node: Bench, session: str, message_id: str, *, anchor: str | None) -> None:
    """A whole turn with one answer."""
    await node.send(session, message_id, f"Do {message_id}")
    await node.prompted()
    await node.provider.agent.say(
        NativeIdKnown(native_id="native"), AgentMessage(message_id=f"{message_id}-reply", text=f"Did {message_id}")
    )
    await node.provider.agent.end(TurnEnded(stop_reason="end_turn", anchor=anchor))
    await node.idle(session)


async def three_turns(node: Bench) -> str:
    session = await node.create(title="Mine")
    for number in (1, 2, 3):
        await turn(node, session, f"m{number}", anchor=f"a{number}")
    return session


async def fork(node: Bench, session: str, **params: int | str) -> SessionSummary:
    return await node.service.fork(SessionForkParams(node=NODE, session=session, **params), "ada")  # type: ignore[arg-type]


def said(events: list[JournalEvent]) -> list[str]:
    return [event.text for event in events if isinstance(event, UserMessage | AgentMessage)]


def point(events: list[JournalEvent]) -> ForkPoint | None:
    assert isinstance(events[0], SessionStarted)
    return events[0].forked_from


async def test_a_fork_begins_with_the_turns_and_nothing_else(tmp_path: Path) -> None:
    async with bench(tmp_path, provider()) as node:
        session = await three_turns(node)
        await node.service.update(SessionUpdateParams(node=NODE, session=session, mode="edit"), "ada")
        before = await node.events(session)
        made = await fork(node, session)
        events = await node.events(made.id)
        assert [event.seq for event in events] == list(range(1, len(events) + 1))
        assert said(events) == said(before)
        assert (made.title, made.mode, made.status, made.native_id) == ("Mine (fork)", "edit", "idle", None)
        ended = [event.seq for event in before if isinstance(event, TurnEnded)]
        assert point(events) == ForkPoint(session=session, seq=ended[-1], native_id="native", anchor="a3")
        assert not any(isinstance(event, NativeIdKnown | ModeChanged) for event in events)
        assert events[-1] == TitleChanged(seq=len(events), ts=made.updated, title="Mine (fork)", by="ada")
        assert made.updated > before[-1].ts, "it is the newest one"
        assert [event.ts for event in events[1:-1]] == [
            event.ts for event in before[1:] if not isinstance(event, NativeIdKnown | ModeChanged)
        ]
        turns = [event.turn for event in events if event.turn is not None]
        assert len(set(turns)) == 3
        assert await node.events(session) == before, "the session itself is as it was"
        await node.restart(is_crash=True)
        assert await node.events(made.id) == events


async def test_the_agent_forks_with_the_first_prompt_and_only_once(tmp_path: Path) -> None:
    async with bench(tmp_path, provider()) as node:
        session = await three_turns(node)
        made = await fork(node, session, seq=(await node.events(session))[-2].seq)
        await node.restart(is_crash=False)
        await node.send(made.id, "f1")
        await node.prompted()
        spec = node.provider.agent.spec
        assert (spec.native_id, spec.fork_of) == (None, ForkOf("native", "a2"))
        await node.provider.agent.say(NativeIdKnown(native_id="other"))
        await node.provider.agent.end(TurnEnded(stop_reason="end_turn", anchor="b1"))
        await node.idle(made.id)
        await node.restart(is_crash=False)
        await node.send(made.id, "f2")
        await node.prompted()
        spec = node.provider.agent.spec
        assert (spec.native_id, spec.fork_of) == ("other", None)
        again = point(await node.events((await fork(node, made.id)).id))
        assert again is not None
        assert (again.session, again.native_id, again.anchor) == (made.id, "other", "b1")
        copy_of_copy = await fork(node, made.id, before="m2")
        found = point(await node.events(copy_of_copy.id))
        assert found is not None
        assert (found.native_id, found.anchor) == ("native", "a1"), "its own agent's session has no such point"


async def test_before_a_prompt_its_answer_is_missing_and_it_may_be_sent_again(tmp_path: Path) -> None:
    async with bench(tmp_path, provider()) as node:
        session = await three_turns(node)
        made = await fork(node, session, before="m2", title="Other way")
        events = await node.events(made.id)
        assert (said(events), made.title) == (["Do m1", "Did m1"], "Other way")
        assert (await node.send(made.id, "m1")).duplicate
        assert not (await node.send(made.id, "m2", "Do it otherwise")).duplicate
        first = await fork(node, session, before="m1")
        events = await node.events(first.id)
        assert (said(events), point(events)) == ([], ForkPoint(session=session, seq=1))
        await node.restart(is_crash=False)
        await node.send(first.id, "n1")
        await node.prompted()
        assert node.provider.agent.spec.fork_of is None, "an empty past is a new session of the agent"


async def test_while_a_turn_runs_what_has_ended_is_forked_and_nothing_waits_in_it(tmp_path: Path) -> None:
    async with bench(tmp_path, provider()) as node:
        session = await three_turns(node)
        await node.send(session, "m4", "Do m4")
        await node.prompted()
        await node.send(session, "m5", "Do m5")
        for params in ({}, {"before": "m4"}):
            made = await fork(node, session, **params)
            assert said(await node.events(made.id))[-1] == "Did m3"
            assert (node.service.get(made.id).queue, made.status) == ([], "idle")


async def test_what_was_undone_is_not_in_a_fork(tmp_path: Path) -> None:
    async with bench(tmp_path, provider()) as node:
        session = await three_turns(node)
        shelved = node.service._shelf.get(session)
        await shelved.session.note([Rewound(message_id="m2", files=[], by="ada", native_id="native", resume_at="a1")])
        await turn(node, session, "m4", anchor="a4")
        events = await node.events((await fork(node, session)).id)
        assert said(events) == ["Do m1", "Did m1", "Do m4", "Did m4"]
        with pytest.raises(WireError) as refused:
            await fork(node, session, before="m3")
        assert refused.value.code == ErrorCode.NOT_FOUND


async def test_a_turn_without_an_anchor_is_forked_from_the_last_one_that_has_one(tmp_path: Path) -> None:
    async with bench(tmp_path, provider()) as node:
        session = await three_turns(node)
        await turn(node, session, "m4", anchor=None)
        made = await fork(node, session)
        found = point(await node.events(made.id))
        assert found is not None
        assert found.anchor == "a3"


async def test_an_agent_that_names_no_points_of_its_past_is_forked_at_its_end_only(tmp_path: Path) -> None:
    async with bench(tmp_path, provider()) as node:
        session = await node.create()
        await turn(node, session, "m1", anchor=None)
        await turn(node, session, "m2", anchor=None)
        with pytest.raises(WireError) as refused:
            await fork(node, session, before="m2")
        assert (refused.value.code, "fork the whole session" in refused.value.detail) == (ErrorCode.CONFLICT, True)
        assert point(await node.events((await fork(node, session, before="m1")).id)) == ForkPoint(
            session=session, seq=1, native_id=None, anchor=None
        )
        whole = point(await node.events((await fork(node, session)).id))
        assert whole is not None
        assert (whole.native_id, whole.anchor) == ("native", None)


async def test_what_cannot_be_forked_is_refused_with_a_sentence(tmp_path: Path) -> None:
    async with bench(tmp_path, provider()) as node:
        session = await three_turns(node)
        head = node.service.get(session).head
        for params, code in (
            ({"before": "nothing"}, ErrorCode.NOT_FOUND),
            ({"seq": head + 1}, ErrorCode.NOT_FOUND),
            ({"seq": 3, "before": "m1"}, ErrorCode.INVALID),
        ):
            with pytest.raises(WireError) as refused:
                await fork(node, session, **params)
            assert refused.value.code == code
        with pytest.raises(WireError) as refused:
            await fork(node, "nobody")
        assert refused.value.code == ErrorCode.NOT_FOUND
        node.provider.features.clear()
        with pytest.raises(WireError) as refused:
            await fork(node, session)
        assert (refused.value.code, refused.value.detail[:4]) == (ErrorCode.UNSUPPORTED, "Fake")


async def test_a_mode_above_the_policy_is_not_taken_along(tmp_path: Path) -> None:
    async with bench(tmp_path, provider()) as node:
        session = await node.create(mode="free")
        node.options["max_mode"] = "ask"
        await node.restart(is_crash=False)
        assert (await fork(node, session)).mode == "ask"


async def test_a_half_written_fork_is_gone_after_a_restart(tmp_path: Path) -> None:
    async with bench(tmp_path, provider()) as node:
        session = await three_turns(node)
        number = await node.store.journals.create(node.service.get(session).id + "x", "e", is_filling=True)  # type: ignore[arg-type]
        assert number > 0
        await node.restart(is_crash=True)
        assert [each.session.state.id for each in node.service._shelf.all()] == [session]
        assert len(await node.store.journals.load()) == 1
