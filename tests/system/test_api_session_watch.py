"""session.events and session.watch: pages, cursors, live, reset, who joins late; inbox and lists that are watched."""

import asyncio
from typing import Any

import pytest

from tests.support.client import OpError
from tests.support.installation import WORDS, Installation

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("api session watch")]


async def played(whole: Installation, *prompts: str) -> tuple[str, int]:
    """A session with these turns, and its head."""
    session = (await whole.session())["id"]
    head = 0
    for number, prompt in enumerate(prompts):
        sent = await whole.send(session, prompt, f"m{number}")
        async with whole.watching(session, after=sent["seq"] - 1) as watch:
            head = (await watch.until("turn_ended"))[-1]["seq"]
    return session, head


async def page(whole: Installation, session: str, **params: Any) -> list[int]:
    answer = await whole.op("session.events", session=session, **params)
    assert set(answer) == {"epoch", "events", "head"}
    return [event["seq"] for event in answer["events"]]


async def test_pages_are_those_of_the_contract(whole: Installation) -> None:
    session, head = await played(whole, "hello", "think")
    every = list(range(1, head + 1))
    assert head > 10
    assert await page(whole, session, limit=1000) == every
    assert await page(whole, session, limit=3) == [1, 2, 3]
    assert await page(whole, session, after=4, limit=3) == [5, 6, 7]
    assert await page(whole, session, after=head, limit=3) == []
    assert await page(whole, session, after=head + 100, limit=3) == []
    assert await page(whole, session, before=6, limit=3) == [3, 4, 5]
    assert await page(whole, session, before=1, limit=3) == []
    assert await page(whole, session, before=head + 1, limit=2) == [head - 1, head]


async def test_every_event_has_its_header_and_turns_are_whole(whole: Installation) -> None:
    session, _ = await played(whole, "hello", "think", "fail")
    events = (await whole.op("session.events", session=session, limit=1000))["events"]
    assert events[0]["type"] == "session_started"
    assert {"provider", "path", "model", "mode"} <= set(events[0])
    assert all(event["ts"].endswith("Z") and event["type"] for event in events)
    turns: dict[str, list[str]] = {}
    for event in events:
        if "turn" in event:
            turns.setdefault(event["turn"], []).append(event["type"])
    assert len(turns) == 3
    for kinds in turns.values():
        assert kinds[:2] == ["turn_started", "user_message"]
        assert kinds[-1] == "turn_ended"
    call = next(event for event in events if event["type"] == "tool_call")
    assert {"tool_call_id", "name", "kind", "title", "input"} <= set(call)
    update = next(event for event in events if event["type"] == "tool_call_update" and event["status"] == "completed")
    assert update["content"] == [{"type": "text", "text": "a b"}]


async def test_a_watch_brings_each_event_once_then_live(whole: Installation) -> None:
    session, head = await played(whole, "hello")
    for after in (0, 1, head - 1, head):
        async with whole.watching(session, after=after) as watch:
            assert set(watch.result) == {"epoch", "head"}
            assert watch.result["head"] == head
            seen = await watch.until("live")
        assert [event.get("seq") for event in seen[:-1]] == list(range(after + 1, head + 1))


async def test_nothing_is_lost_or_doubled_between_the_past_and_the_present(whole: Installation) -> None:
    session, _ = await played(whole, "hello")
    sent = await whole.send(session, "stream")

    async def watched() -> list[int]:
        async with whole.watching(session) as watch:
            seen = await watch.until("turn_ended")
            while seen[-1]["seq"] < sent["seq"]:
                seen += await watch.until("turn_ended")
        return [event["seq"] for event in seen if event.get("seq")]

    async with asyncio.TaskGroup() as watching:
        runs = []
        for _ in range(6):
            runs.append(watching.create_task(watched()))
            await whole.op("session.get", session=session)
    for run in runs:
        assert run.result() == list(range(1, run.result()[-1] + 1))


async def test_who_joins_in_the_middle_of_a_message_gets_it_from_its_beginning(whole: Installation) -> None:
    session = (await whole.session())["id"]
    await whole.send(session, "stream")
    async with whole.watching(session) as first:
        while (await first.until("delta"))[-1]["offset"] < 50:
            pass
        async with whole.watching(session) as late:
            before = await late.until("live")
            assert not [event for event in before if event["type"] == "delta"]
            delta = await late.next()
            assert (delta["type"], delta["kind"], delta["offset"]) == ("delta", "text", 0)
            assert await late.next() == {"type": "agent_state", "process": "live"}
            assert len(delta["text"]) > 50
            text, streamed = "", delta["message_id"]
            while delta["type"] == "delta":
                assert set(delta) >= {"message_id", "kind", "offset", "text"}
                assert "seq" not in delta
                assert delta["offset"] == len(text)
                text += delta["text"]
                delta = await late.next()
            assert (delta["type"], delta["message_id"], delta["text"]) == ("agent_message", streamed, WORDS)
            assert WORDS.startswith(text)


@pytest.mark.parametrize("wrong", ["epoch", "beyond"])
async def test_a_cursor_that_is_not_of_this_journal_is_reset(whole: Installation, wrong: str) -> None:
    session, head = await played(whole, "hello")
    params = {"after": 3, "epoch": "another"} if wrong == "epoch" else {"after": head + 5}
    async with whole.watching(session, **params) as watch:
        seen = await watch.until("live")
    assert seen[0]["type"] == "reset"
    assert [event["seq"] for event in seen[1:-1]] == list(range(1, head + 1))


async def test_the_right_epoch_is_no_reset(whole: Installation) -> None:
    session, head = await played(whole, "hello")
    epoch = (await whole.op("session.get", session=session))["epoch"]
    async with whole.watching(session, after=head - 1, epoch=epoch) as watch:
        assert [event["type"] for event in await watch.until("live")] == ["turn_ended", "live"]


async def test_between_turns_only_acts_of_users_are_journalled(whole: Installation) -> None:
    session, head = await played(whole, "hello")
    await whole.op("session.update", session=session, title="Changed")
    after = (await whole.op("session.events", session=session, after=head))["events"]
    assert [event["type"] for event in after] == ["title_changed"]


async def test_an_unknown_session_cannot_be_watched(whole: Installation) -> None:
    with pytest.raises(OpError) as refused:
        async with whole.watching("nope"):
            pass
    assert refused.value.code == "not_found"


async def test_the_inbox_has_what_waits_what_is_resolved_and_what_ended(whole: Installation) -> None:
    session = (await whole.session())["id"]
    async with whole.client.socket() as socket:
        inbox = await socket.subscribe("inbox.watch")
        assert "approvals" in inbox.result
        asked = (await whole.play(session, "write", until="approval_requested"))[-1]
        shown = (await inbox.until("approval"))[-1]
        assert (shown["session"]["id"], shown["approval"]["approval"]) == (session, asked["approval"])
        late = await socket.subscribe("inbox.watch")
        assert asked["approval"] in [each["approval"]["approval"] for each in late.result["approvals"]]
        await whole.op("session.answer", session=session, approval=asked["approval"], option="allow")
        resolved = (await inbox.until("resolved"))[-1]
        assert (resolved["session"], resolved["approval"]) == (session, asked["approval"])
        assert (resolved["outcome"], resolved["by"]) == ("selected", "ada")
        ended = (await inbox.until("turn_ended"))[-1]
        assert (ended["session"]["id"], ended["stop_reason"]) == (session, "end_turn")


async def test_the_list_is_watched(whole: Installation) -> None:
    async with whole.client.socket() as socket:
        watch = await socket.subscribe("session.list_watch")
        assert set(watch.result) == {"sessions", "offline"}
        session = (await whole.session(title="Fresh"))["id"]
        shown = (await watch.until("session"))[-1]
        assert (shown["session"]["id"], shown["session"]["title"]) == (session, "Fresh")
        await whole.op("session.delete", session=session)
        removed = (await watch.until("removed"))[-1]
        assert (removed["node"], removed["id"]) == (whole.node, session)
