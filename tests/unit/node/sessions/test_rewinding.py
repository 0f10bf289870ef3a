"""Going back to before a prompt."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from node.sessions.service import Patience
from providers.base import GoingBack, ProviderFailed, WentBack
from tests.support.waiting import eventually
from tests.unit.node.sessions.bench import NODE, Bench, bench
from tests.unit.node.sessions.test_forking import fork, provider, three_turns, turn
from ws.protocol.errors import ErrorCode, WireError
from ws.protocol.events import NativeIdKnown, Rewound, RewoundFile, TurnEnded
from ws.protocol.sessions import SessionRewindParams, SessionRewindResult

FILES = [RewoundFile(path="/workspace/app/a.c", insertions=1, deletions=2)]


async def rewind(node: Bench, session: str, message_id: str, **params: Any) -> SessionRewindResult:
    given = SessionRewindParams(node=NODE, session=session, message_id=message_id, **params)
    return await node.service.rewind(given, "ada")


async def refusal(node: Bench, session: str, message_id: str, **params: Any) -> WireError:
    with pytest.raises(WireError) as refused:
        await rewind(node, session, message_id, **params)
    return refused.value


async def test_the_agent_is_asked_and_the_next_one_resumes_where_it_says(tmp_path: Path) -> None:
    async with bench(tmp_path, provider()) as node:
        session = await three_turns(node)
        node.provider.going_back = WentBack(FILES, "native", "a1")
        result = await rewind(node, session, "m2", code=True)
        assert (result.files, result.session.status) == (FILES, "idle")
        asked = GoingBack(message_id="m2", turn="a2", before="a1", code=True, is_dry_run=False)
        assert node.provider.agent.went_back == [asked]
        state = node.service.get(session)
        assert (await node.events(session))[-1] == Rewound(
            seq=state.head,
            ts=state.updated,
            message_id="m2",
            files=FILES,
            by="ada",
            native_id="native",
            resume_at="a1",
        )
        await node.send(session, "m4")
        await node.prompted()
        assert len(node.provider.agents) == 2
        spec = node.provider.agent.spec
        assert (spec.native_id, spec.resume_at) == ("native", "a1")
        await node.provider.agent.end(TurnEnded(stop_reason="end_turn", anchor="a4"))
        await node.idle(session)
        await node.restart(is_crash=False)
        await node.send(session, "m5")
        await node.prompted()
        spec = node.provider.agent.spec
        assert (spec.native_id, spec.resume_at) == ("native", None), "it has gone on from there"


async def test_what_was_undone_before_counts_no_more(tmp_path: Path) -> None:
    async with bench(tmp_path, provider()) as node:
        session = await three_turns(node)
        node.provider.going_back = WentBack([], "native", "a1")
        await rewind(node, session, "m2")
        for gone in ("m2", "m3"):
            assert (await refusal(node, session, gone)).code == ErrorCode.NOT_FOUND
        await turn(node, session, "m4", anchor="a4")
        await rewind(node, session, "m4")
        asked = node.provider.agents[-1].went_back
        assert asked == [GoingBack(message_id="m4", turn="a4", before="a1", code=False, is_dry_run=False)]
        node.provider.going_back = WentBack([], None)
        await rewind(node, session, "m1")
        assert node.provider.agent.went_back[-1].before is None
        await node.send(session, "m5")
        await node.prompted()
        spec = node.provider.agent.spec
        assert (spec.native_id, spec.resume_at, spec.fork_of) == (None, None, None)


async def test_a_dry_run_changes_nothing_and_opens_an_agent_only_to_ask(tmp_path: Path) -> None:
    async with bench(tmp_path, provider()) as node:
        session = await three_turns(node)
        await node.restart(is_crash=False)
        before, agents = await node.events(session), len(node.provider.agents)
        node.provider.going_back = WentBack(FILES, "native", "a2")
        assert (await rewind(node, session, "m3", code=True, dry_run=True)).files == FILES
        assert await node.events(session) == before
        assert len(node.provider.agents) == agents + 1
        assert node.provider.agent.prompts == []
        await node.send(session, "m4")
        await node.prompted()
        assert len(node.provider.agents) == agents + 1, "the one that was asked goes on"


async def test_what_an_agent_says_after_it_was_sent_back_is_not_heard(tmp_path: Path) -> None:
    async with bench(tmp_path, provider()) as node:
        session = await three_turns(node)
        node.provider.going_back = WentBack([], "native", "a1")
        old = node.provider.agent
        await old.say(NativeIdKnown(native_id="late"))
        await rewind(node, session, "m2")
        await old.say(NativeIdKnown(native_id="later"))
        await node.send(session, "m4")
        await node.prompted()
        assert node.provider.agent.spec.native_id == "native"


async def test_going_back_again_at_once_waits_for_the_end_of_the_agent(tmp_path: Path) -> None:
    async with bench(tmp_path, provider()) as node:
        session = await three_turns(node)
        node.provider.going_back = WentBack([], "native", "a2")
        async with asyncio.timeout(5):
            await rewind(node, session, "m3")
            node.provider.going_back = WentBack([], "native", "a1")
            await rewind(node, session, "m2")
        first, second = node.provider.agents
        assert ([len(first.went_back), len(second.went_back)], first.is_closed) == ([1, 1], True)
        await turn(node, session, "m4", anchor="a4")
        assert node.provider.agent.spec.resume_at == "a1"


async def test_going_back_while_the_agent_ends_by_itself_asks_another_one(tmp_path: Path) -> None:
    async with bench(tmp_path, provider()) as node:
        session = await three_turns(node)
        node.provider.going_back = WentBack([], "native", "a1")
        node.provider.agent.die()
        async with asyncio.timeout(5):
            await rewind(node, session, "m2", dry_run=True)
        assert len(node.provider.agents) == 2


async def test_going_back_takes_an_agent_that_is_being_opened_for_a_prompt_taken_back(tmp_path: Path) -> None:
    async with bench(tmp_path, provider()) as node:
        session = await three_turns(node)
        await node.restart(is_crash=False)
        node.provider.gate = asyncio.Event()
        node.provider.opened.clear()
        agents = len(node.provider.agents)
        await node.send(session, "m4")
        await node.provider.opened.wait()
        await node.interrupt(session)
        await node.idle(session)
        async with asyncio.timeout(5), asyncio.TaskGroup() as calls:
            asked = calls.create_task(rewind(node, session, "m2", dry_run=True))
            await node.until(session, lambda state: state.turn is None)
            node.provider.gate.set()
        assert asked.result().session.status == "idle"
        assert len(node.provider.agents) == agents + 1


async def test_what_cannot_be_is_refused_with_a_sentence_and_changes_nothing(tmp_path: Path) -> None:
    async with bench(tmp_path, provider()) as node:
        session = await three_turns(node)
        before = await node.events(session)
        assert (await refusal(node, session, "nothing")).code == ErrorCode.NOT_FOUND
        node.provider.going_back = ProviderFailed("Files cannot be put back: use Git.")
        failed = await refusal(node, session, "m1", code=True)
        assert (failed.code, failed.detail) == (ErrorCode.PROVIDER_FAILED, "Files cannot be put back: use Git.")
        assert await node.events(session) == before
        await node.send(session, "m4")
        await node.prompted()
        assert (await refusal(node, session, "m1")).code == ErrorCode.CONFLICT
        await node.provider.agent.end()
        await node.idle(session)
        node.provider.features.clear()
        assert (await refusal(node, session, "m1")).code == ErrorCode.UNSUPPORTED


async def test_an_agent_that_does_not_start_refuses_and_the_session_goes_on(tmp_path: Path) -> None:
    async with bench(tmp_path, provider()) as node:
        session = await three_turns(node)
        await node.restart(is_crash=False)
        node.provider.failure = "The fake agent is not installed."
        failed = await refusal(node, session, "m1")
        assert (failed.code, failed.detail) == (ErrorCode.PROVIDER_FAILED, "The fake agent is not installed.")
        node.provider.failure = None
        await turn(node, session, "m4", anchor="a4")


async def test_a_session_that_no_agent_ever_had_needs_none_to_go_back(tmp_path: Path) -> None:
    async with bench(tmp_path, provider()) as node:
        node.provider.failure = "The fake agent is not installed."
        session = await node.create()
        await node.send(session, "m1")
        assert (await node.idle(session)).status == "failed"
        assert (await rewind(node, session, "m1")).session.status == "idle"


async def test_a_fork_without_a_turn_of_its_own_is_not_sent_back(tmp_path: Path) -> None:
    async with bench(tmp_path, provider()) as node:
        made = await fork(node, await three_turns(node))
        refused = await refusal(node, made.id, "m2")
        assert (refused.code, "fork the session it came from" in refused.detail) == (ErrorCode.CONFLICT, True)


async def test_an_agent_that_was_only_asked_is_ended_when_it_idles(tmp_path: Path) -> None:
    asked = provider()
    async with bench(tmp_path, asked, patience=Patience(idle_timeout_s=0.05)) as node:
        session = await three_turns(node)
        await node.restart(is_crash=False)
        await rewind(node, session, "m3", dry_run=True)
        await eventually(lambda: asked.live == 0, what="the end of the idle agent")
