"""Sessions are begun, set and deleted."""

import asyncio
from pathlib import Path

import pytest

from tests.support.agents import FakeProvider, approval
from tests.unit.node.sessions.bench import NODE, bench, set_read_only
from ws.protocol.errors import ErrorCode, WireError
from ws.protocol.events import (
    ApprovalOption,
    JournalEvent,
    ModeChanged,
    Notice,
    TurnEnded,
)
from ws.protocol.sessions import SessionEventsParams, SessionUpdateParams


def one(events: list[JournalEvent], kind: type[JournalEvent]) -> JournalEvent:
    (found,) = [event for event in events if isinstance(event, kind)]
    return found


async def test_a_cap_that_came_later_holds_for_sessions_that_were_above_it(tmp_path: Path) -> None:
    async with bench(tmp_path, FakeProvider(is_eager=True, is_starting=True)) as node:
        session = await node.create(mode="free")
        await node.send(session, "m1")
        await node.idle(session)
        node.options["max_mode"] = "ask"
        await node.restart(is_crash=False)
        await node.send(session, "m2")
        await node.idle(session)
        assert [agent.spec.mode for agent in node.provider.agents] == ["free", "ask"]
        assert node.service.get(session).mode == "ask"
        changed = one(await node.events(session), ModeChanged)
        assert changed.turn is not None


async def test_an_answer_that_would_raise_the_mode_above_the_cap_is_not_offered(tmp_path: Path) -> None:
    options = [ApprovalOption(id=mode, name=mode, kind="allow_session", mode=mode) for mode in ("ask", "edit", "free")]
    options.append(ApprovalOption(id="no", name="Deny", kind="reject_once"))
    async with bench(tmp_path, max_mode="ask") as node:
        session = await node.create(mode="plan")
        await node.send(session, "m1")
        await node.prompted()
        await node.provider.agent.say(approval("a1", options=options))
        state = await node.asked(session)
        assert [option.id for option in state.approvals[0].options] == ["ask", "no"]
        with pytest.raises(WireError) as refused:
            await node.answer(session, "a1", "free")
        assert refused.value.code is ErrorCode.INVALID


async def test_a_cursor_beyond_all_numbers_finds_nothing(tmp_path: Path) -> None:
    async with bench(tmp_path) as node:
        session = await node.create()
        for after in (2**63, 2**100):
            page = await node.service.events(SessionEventsParams(node=NODE, session=session, after=after))
            assert (page.events, page.head) == ([], 1)


async def test_settings_reach_the_agent_before_they_are_journalled(tmp_path: Path) -> None:
    async with bench(tmp_path) as node:
        session = await node.create(model="small")
        await node.send(session, "m1")
        await node.prompted()
        node.provider.refused_modes.add("plan")
        with pytest.raises(WireError) as refused:
            await node.service.update(SessionUpdateParams(node=NODE, session=session, mode="plan"), "ada")
        assert refused.value.code is ErrorCode.PROVIDER_FAILED
        assert node.service.get(session).mode == "ask"
        changes = SessionUpdateParams(node=NODE, session=session, mode="edit", model="big", effort="high", title="Hi")
        row = await node.service.update(changes, "ada")
        assert (row.mode, row.model, row.effort, row.title) == ("edit", "big", "high", "Hi")
        assert (node.provider.agent.modes, node.provider.agent.models) == (["edit"], [("big", "high")])


async def test_no_mode_above_the_cap_is_reached_by_anybody(tmp_path: Path) -> None:
    async with bench(tmp_path, max_mode="ask") as node:
        for mode, code in (("edit", ErrorCode.FORBIDDEN), ("free", ErrorCode.FORBIDDEN), ("none", ErrorCode.INVALID)):
            with pytest.raises(WireError) as refused:
                await node.create(mode=mode)
            assert refused.value.code is code
        session = await node.create()
        with pytest.raises(WireError):
            await node.service.update(SessionUpdateParams(node=NODE, session=session, mode="edit"), "ada")
        await node.send(session, "m1")
        await node.prompted()
        await node.provider.agent.say(ModeChanged(mode="free"))
        await node.provider.agent.end()
        await node.idle(session)
        assert node.service.get(session).mode == "ask"
        notice = one(await node.events(session), Notice)
        assert isinstance(notice, Notice)
        assert notice.code == "mode_not_allowed"
        assert node.provider.agent.modes == ["ask"]


async def test_an_agent_without_modes_is_refused_under_a_cap_also_for_what_was_there_before(tmp_path: Path) -> None:
    async with bench(tmp_path) as node:
        node.provider.modes = ()
        session = await node.create()
        node.options["max_mode"] = "edit"
        await node.restart(is_crash=False)
        with pytest.raises(WireError, match="has no modes, so nothing holds it to that") as refused:
            await node.create()
        assert refused.value.code is ErrorCode.FORBIDDEN
        await node.send(session, "m1")
        await node.idle(session)
        ended = one(await node.events(session), TurnEnded)
        assert isinstance(ended, TurnEnded)
        assert (ended.stop_reason, "has no modes" in (ended.error or "")) == ("error", True)
        assert node.provider.agents == []


async def test_a_session_needs_a_folder_and_an_agent_of_this_node(tmp_path: Path) -> None:
    async with bench(tmp_path) as node:
        for params, code in (
            ({"path": "/forbidden/x"}, ErrorCode.FORBIDDEN),
            ({"provider": "nobody"}, ErrorCode.NOT_FOUND),
        ):
            with pytest.raises(WireError) as refused:
                await node.create(**params)
            assert refused.value.code is code
        node.provider.reason = "It is not installed: run the installer."
        with pytest.raises(WireError) as failed:
            await node.create()
        assert (failed.value.code, failed.value.detail) == (ErrorCode.PROVIDER_FAILED, node.provider.reason)


async def test_a_native_session_is_opened_once(tmp_path: Path) -> None:
    async with bench(tmp_path) as node:
        await node.create(resume="native-1")
        with pytest.raises(WireError) as refused:
            await node.create(resume="native-1")
        assert refused.value.code is ErrorCode.CONFLICT


async def test_a_deleted_session_is_gone_with_its_agent_and_its_journal(tmp_path: Path) -> None:
    async with bench(tmp_path) as node:
        session = await node.create()
        await node.send(session, "m1")
        await node.prompted()
        await node.service.delete(session)
        assert node.provider.live == 0
        with pytest.raises(WireError) as gone:
            node.service.get(session)
        assert gone.value.code is ErrorCode.NOT_FOUND
        await node.restart(is_crash=False)
        assert node.service.folders() == []


async def test_a_session_that_two_delete_at_once_is_gone_and_nobody_fails(tmp_path: Path) -> None:
    async with bench(tmp_path) as node:
        session = await node.create()
        async with asyncio.TaskGroup() as group:
            group.create_task(node.service.delete(session))
            group.create_task(node.service.delete(session))
        assert node.service.folders() == []


async def test_a_session_that_cannot_be_deleted_goes_on(tmp_path: Path) -> None:
    async with bench(tmp_path, FakeProvider(is_eager=True)) as node:
        session = await node.create()
        await set_read_only(node.store.database, is_read_only=True)
        with pytest.raises(WireError):
            await node.service.delete(session)
        await set_read_only(node.store.database, is_read_only=False)
        await node.send(session, "m1")
        assert (await node.idle(session)).status == "idle"
        await node.service.delete(session)
        assert node.service.folders() == []
