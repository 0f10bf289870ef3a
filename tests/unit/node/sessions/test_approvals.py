"""Approvals: answered once, by whoever is first; denied at the deadline; withdrawn with their turn."""

import asyncio
from pathlib import Path

import pytest
from msgspec.structs import replace

from node.sessions import approvals
from node.sessions.service import Patience
from tests.support.agents import FakeAgent, approval
from tests.support.waiting import eventually
from tests.unit.node.sessions.bench import Bench, bench
from ws.protocol.errors import ErrorCode, WireError
from ws.protocol.events import ApprovalOption, ApprovalResolved, Notice, TurnEnded


async def _asking(node: Bench, *names: str) -> tuple[str, FakeAgent]:
    session = await node.create()
    await node.send(session, "m1")
    await node.prompted()
    await node.provider.agent.say(*(approval(name) for name in names))
    await node.until(session, lambda state: len(state.approvals) == len(names))
    return session, node.provider.agent


async def test_the_first_answer_wins_and_the_others_hear_who_won(tmp_path: Path) -> None:
    async with bench(tmp_path) as node:
        session, agent = await _asking(node, "p1")
        async with asyncio.TaskGroup() as group:
            answers = [
                group.create_task(_try(node, session, "p1", option, by))
                for option, by in (("session", "ada"), ("no", "bob"), ("yes", "eve"))
            ]
        results = [task.result() for task in answers]
        assert isinstance(results[0], int)
        for lost in results[1:]:
            assert isinstance(lost, WireError)
            assert (lost.code, lost.detail) == (
                ErrorCode.CONFLICT,
                "ada has answered this already: Allow for this session.",
            )
        await agent.end()
        await node.idle(session)
        assert agent.answers["p1"].option == "session"


async def test_what_an_agent_asks_beyond_all_measure_is_not_allowed(tmp_path: Path) -> None:
    async with bench(tmp_path) as node:
        names = [f"p{number}" for number in range(approvals.MAX_OPEN)]
        session, agent = await _asking(node, *names)
        await agent.say(approval("more"), approval("still-more"))
        await eventually(lambda: len(agent.answers) == 2, what="the last to be refused")
        assert {name: decision.option for name, decision in agent.answers.items()} == {"more": "no", "still-more": "no"}
        assert [each.approval for each in node.service.get(session).approvals] == names
        await node.answer(session, "p0", "yes")
        await agent.say(approval("again"))
        await node.until(session, lambda state: state.approvals[-1].approval == "again")
        notices = [event.code for event in await node.events(session) if isinstance(event, Notice)]
        assert notices == ["too_many_asks"] * 2


async def test_large_asks_fill_the_room_sooner(tmp_path: Path) -> None:
    async with bench(tmp_path) as node:
        session, agent = await _asking(node)
        large = [replace(approval(f"p{number}"), input={"text": "x" * 700_000}) for number in range(4)]
        await agent.say(*large)
        await eventually(lambda: len(agent.answers) == 2, what="the last to be refused")
        assert list(agent.answers) == ["p2", "p3"]
        state = await node.until(session, lambda state: len(state.approvals) == 2)
        assert [each.approval for each in state.approvals] == ["p0", "p1"]


async def test_who_won_is_known_after_a_restart(tmp_path: Path) -> None:
    async with bench(tmp_path) as node:
        session, _ = await _asking(node, "p1", "p2")
        await node.answer(session, "p1", "yes", by="ada")
        await node.restart(is_crash=True)
        with pytest.raises(WireError, match=r"ada has answered this already: Allow once\."):
            await node.answer(session, "p1", "no")
        with pytest.raises(WireError, match="does not ask this any more") as late:
            await node.answer(session, "p2", "yes")
        assert late.value.code is ErrorCode.CONFLICT


async def test_an_unknown_approval_is_not_found_and_an_unknown_option_invalid(tmp_path: Path) -> None:
    async with bench(tmp_path) as node:
        session, agent = await _asking(node, "p1")
        with pytest.raises(WireError) as unknown:
            await node.answer(session, "p9", "yes")
        assert unknown.value.code is ErrorCode.NOT_FOUND
        with pytest.raises(WireError) as invalid:
            await node.answer(session, "p1", "maybe")
        assert invalid.value.errors is not None
        assert (invalid.value.code, invalid.value.errors[0].path) == (ErrorCode.INVALID, "params.option")
        assert agent.answers == {}


async def test_an_answer_carries_what_the_user_changed_and_said(tmp_path: Path) -> None:
    async with bench(tmp_path) as node:
        session, agent = await _asking(node, "p1")
        await node.answer(
            session, "p1", "no", updated_input={"command": "make -n"}, answers={"q": ["a", "b"]}, message="Not now"
        )
        await agent.end()
        await node.idle(session)
        decision = agent.answers["p1"]
        assert (decision.updated_input, decision.answers, decision.message) == (
            {"command": "make -n"},
            {"q": ["a", "b"]},
            "Not now",
        )


async def test_an_approval_that_nobody_answers_is_denied_at_its_deadline(tmp_path: Path) -> None:
    async with bench(tmp_path, patience=Patience(approval_timeout_s=0.05)) as node:
        session, agent = await _asking(node, "p1")
        await node.until(session, lambda state: not state.approvals)
        with pytest.raises(WireError, match="Nobody answered in time"):
            await node.answer(session, "p1", "yes")
        await agent.end()
        await node.idle(session)
        assert agent.answers["p1"].option == "no"
        outcomes = [event.outcome for event in await node.events(session) if isinstance(event, ApprovalResolved)]
        assert outcomes == ["expired"]


async def test_an_approval_without_a_way_to_say_no_is_denied_by_an_interrupt(tmp_path: Path) -> None:
    only_yes = [ApprovalOption(id="yes", name="Go", kind="allow_once")]
    async with bench(tmp_path, patience=Patience(approval_timeout_s=0.05)) as node:
        session = await node.create()
        await node.send(session, "m1")
        await node.prompted()
        await node.provider.agent.say(approval("p1", options=only_yes))
        await node.idle(session)
        assert node.provider.agent.interrupts == 1


async def test_what_is_asked_is_withdrawn_when_the_turn_ends(tmp_path: Path) -> None:
    async with bench(tmp_path) as node:
        session, agent = await _asking(node, "p1", "p2")
        agent.waiting.clear()  # this agent forgets to withdraw
        await agent.say(TurnEnded(stop_reason="end_turn"))
        state = await node.idle(session)
        assert (state.approvals, state.pending_approvals, state.status) == ([], 0, "idle")
        assert (await node.types(session))[-3:] == ["approval_resolved", "approval_resolved", "turn_ended"]


async def _try(node: Bench, session: str, name: str, option: str, by: str) -> int | WireError:
    try:
        return await node.answer(session, name, option, by)
    except WireError as error:
        return error
