"""session.*: creating, listing, sending, queueing, interrupting, answering."""

import asyncio
from typing import Any

import pytest

from tests.support.client import OpError
from tests.support.installation import Installation

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("api sessions")]

SUMMARY = {
    "id", "node", "path", "provider", "title", "status", "updated", "unread", "pending_approvals", "model", "mode",
}  # fmt: skip
STATE = SUMMARY | {"epoch", "head", "plan", "queue", "approvals", "usage"}


async def state(whole: Installation, session: str) -> dict[str, Any]:
    return await whole.op("session.get", session=session)


async def waiting(whole: Installation, prompt: str) -> tuple[str, dict[str, Any]]:
    """A session whose agent asks, and what it asks."""
    session = (await whole.session())["id"]
    events = await whole.play(session, prompt, until="approval_requested")
    return session, events[-1]


async def test_creating_answers_the_row_of_the_list(whole: Installation) -> None:
    made = await whole.session(title="Mine", model="brisk", mode="plan")
    assert set(made) >= SUMMARY
    expected = {
        "node": whole.node,
        "path": str(whole.work),
        "provider": "scripted",
        "title": "Mine",
        "status": "idle",
        "pending_approvals": 0,
        "model": "brisk",
        "mode": "plan",
    }
    assert {name: made[name] for name in expected} == expected
    for params in ({}, {"node": whole.node}, {"path": str(whole.work)}, {"query": "mIN"}):
        listed = await whole.client.op("session.list", **params)
        assert set(listed) == {"sessions", "offline"}
        assert listed["offline"] == []
        assert made in listed["sessions"], params
    for params in ({"path": "/"}, {"query": "nothing like it"}):
        assert made not in (await whole.client.op("session.list", **params))["sessions"]
    with pytest.raises(OpError) as refused:
        await whole.client.op("session.list", node="nobody")
    assert refused.value.code == "not_found"


async def test_getting_answers_the_state_at_the_head(whole: Installation) -> None:
    session = (await whole.session())["id"]
    events = await whole.play(session, "hello")
    got = await state(whole, session)
    assert set(got) >= STATE
    assert got["head"] == events[-1]["seq"]
    assert (got["status"], got["queue"], got["approvals"], got["plan"]) == ("idle", [], [], [])
    assert got.get("turn") is None
    assert {"input_tokens", "output_tokens"} <= set(got["usage"])


async def test_a_running_and_a_waiting_session_say_so(whole: Installation) -> None:
    session, asked = await waiting(whole, "write")
    got = await state(whole, session)
    assert (got["status"], got["pending_approvals"]) == ("waiting", 1)
    assert [each["approval"] for each in got["approvals"]] == [asked["approval"]]
    assert got["turn"]["id"] == asked["turn"]
    await whole.op("session.interrupt", session=session)
    await whole.play(session, "hold", until="agent_message")
    assert (await state(whole, session))["status"] == "running"
    await whole.op("session.interrupt", session=session)


async def test_a_failed_turn_leaves_a_failed_session_that_goes_on(whole: Installation) -> None:
    for prompt in ("fail", "crash"):
        session = (await whole.session())["id"]
        ended = (await whole.play(session, prompt))[-1]
        assert ended["stop_reason"] == "error"
        assert ended["error"].endswith((".", "session."))
        assert (await state(whole, session))["status"] == "failed"
        assert (await whole.play(session, "hello"))[-1]["stop_reason"] == "end_turn"
        assert (await state(whole, session))["status"] == "idle"


async def test_sending_is_journalled_before_the_answer_and_once(whole: Installation) -> None:
    session = (await whole.session())["id"]
    sent = await whole.send(session, "hello", "m1")
    assert set(sent) == {"seq", "state", "duplicate"}
    assert (sent["state"], sent["duplicate"]) == ("running", False)
    page = await whole.op("session.events", session=session, after=sent["seq"] - 1, limit=1)
    assert (page["events"][0]["type"], page["events"][0]["message_id"]) == ("prompt_queued", "m1")
    async with asyncio.TaskGroup() as calls:
        again = [calls.create_task(whole.send(session, "hello", "m1")) for _ in range(5)]
    assert {(each.result()["seq"], each.result()["duplicate"]) for each in again} == {(sent["seq"], True)}
    async with whole.watching(session) as watch:
        await watch.until("turn_ended")
    assert (await whole.send(session, "something else", "m1"))["duplicate"] is True
    events = (await whole.op("session.events", session=session, limit=1000))["events"]
    assert [each["type"] for each in events].count("user_message") == 1
    assert [each["text"] for each in events if each["type"] == "user_message"] == ["hello"]


async def test_the_same_message_sent_at_once_runs_once(whole: Installation) -> None:
    session = (await whole.session())["id"]
    async with asyncio.TaskGroup() as calls:
        sent = [calls.create_task(whole.send(session, "hello", "twice")) for _ in range(8)]
    assert sorted(each.result()["duplicate"] for each in sent) == [False] + [True] * 7
    assert len({each.result()["seq"] for each in sent}) == 1


@pytest.mark.parametrize("message_id", ["a", "m" * 128, "ü/../ 😀", "a\nb"])
async def test_the_client_chooses_the_message_id(whole: Installation, message_id: str) -> None:
    session = (await whole.session())["id"]
    sent = await whole.send(session, "hello", message_id)
    async with whole.watching(session, after=sent["seq"] - 1) as watch:
        assert (await watch.next())["message_id"] == message_id


async def queue(whole: Installation, session: str, action: str, **params: Any) -> list[str]:
    answer = await whole.op("session.queue", session=session, action=action, **params)
    return [each["message_id"] for each in answer["queue"]]


async def test_prompts_wait_can_be_changed_and_run_in_their_order(whole: Installation) -> None:
    session = (await whole.session())["id"]
    await whole.play(session, "hold", until="agent_message")
    for name in ("a", "b", "c", "d"):
        assert (await whole.send(session, "hello", name))["state"] == "queued"
    assert await queue(whole, session, "list") == ["a", "b", "c", "d"]
    assert await queue(whole, session, "move", message_id="d", before="a") == ["d", "a", "b", "c"]
    assert await queue(whole, session, "move", message_id="d") == ["a", "b", "c", "d"]
    assert await queue(whole, session, "drop", message_id="b") == ["a", "c", "d"]
    await queue(whole, session, "edit", message_id="c", text="think")
    assert [each["text"] for each in (await state(whole, session))["queue"]] == ["hello", "think", "hello"]
    for action, params in (("drop", {}), ("edit", {"text": "x"}), ("move", {})):
        with pytest.raises(OpError) as refused:
            await queue(whole, session, action, message_id="b", **params)
        assert refused.value.code == "not_found"
    async with whole.watching(session) as watch:
        assert await whole.op("session.interrupt", session=session, hold_queue=False) == {"interrupted": True}
        ends = [(await watch.until("turn_ended"))[-1]["stop_reason"] for _ in range(4)]
    assert ends == ["cancelled", "end_turn", "end_turn", "end_turn"]
    events = (await whole.op("session.events", session=session, limit=1000))["events"]
    assert [(each["message_id"], each["text"]) for each in events if each["type"] == "user_message"] == [
        ("hold", "hold"),
        ("a", "hello"),
        ("c", "think"),
        ("d", "hello"),
    ]
    kinds = [each["type"] for each in events]
    assert {"prompt_queued", "prompt_edited", "prompt_moved", "prompt_dropped"} <= set(kinds)


async def test_an_interrupt_cancels_the_turn_and_holds_the_queue_until_it_is_released(whole: Installation) -> None:
    session = (await whole.session())["id"]
    await whole.play(session, "hold", until="agent_message")
    await whole.send(session, "hello", "later")
    async with whole.watching(session) as watch:
        await whole.op("session.interrupt", session=session)
        ended = (await watch.until("turn_ended"))[-1]
        assert ended["stop_reason"] == "cancelled"
        got = await state(whole, session)
        assert [each["message_id"] for each in got["queue"]] == ["later"]
        assert got["status"] == "idle"
        assert await queue(whole, session, "release") == []
        assert (await watch.until("turn_ended"))[-1]["stop_reason"] == "end_turn"
    kinds = [each["type"] for each in (await whole.op("session.events", session=session, limit=1000))["events"]]
    assert kinds.index("queue_held") < kinds.index("queue_released")
    assert await whole.op("session.interrupt", session=session) == {"interrupted": False}


async def test_the_first_answer_wins_and_the_others_learn_the_winner(whole: Installation) -> None:
    session, asked = await waiting(whole, "write")
    assert asked["kind"] == "tool"
    assert {"id", "name", "kind"} == set(asked["options"][0])
    assert asked["expires_at"].endswith("Z")
    options = {each["kind"]: each for each in asked["options"]}
    yes, no = options["allow_once"], options["reject_once"]

    async def answer(option: str) -> dict[str, Any] | OpError:
        try:
            return await whole.op("session.answer", session=session, approval=asked["approval"], option=option)
        except OpError as refused:
            return refused

    async with asyncio.TaskGroup() as racing:
        runs = [racing.create_task(answer(each["id"])) for each in (yes, no, yes, no)]
    results = [run.result() for run in runs]
    refused = [each for each in results if isinstance(each, OpError)]
    assert len(refused) == 3
    events = (await whole.op("session.events", session=session, limit=1000))["events"]
    [resolved] = [each for each in events if each["type"] == "approval_resolved"]
    assert (resolved["outcome"], resolved["by"]) == ("selected", "ada")
    won = next(each for each in asked["options"] if each["id"] == resolved["option"])
    for each in refused:
        assert (each.status, each.code) == (409, "conflict")
        assert "ada" in each.problem["detail"]
        assert won["name"] in each.problem["detail"]
        assert each.problem["winner"] == {"option": won["id"], "by": "ada"}


async def test_an_answer_must_fit_and_an_approval_that_is_over_takes_none(whole: Installation) -> None:
    session, asked = await waiting(whole, "write")
    with pytest.raises(OpError) as refused:
        await whole.op("session.answer", session=session, approval=asked["approval"], option="nonsense")
    assert [each["path"] for each in refused.value.problem["errors"]] == ["params.option"]
    with pytest.raises(OpError) as unknown:
        await whole.op("session.answer", session=session, approval="nope", option="allow")
    assert unknown.value.code == "not_found"
    await whole.op("session.interrupt", session=session)
    async with whole.watching(session) as watch:
        seen = await watch.until("turn_ended")
    withdrawn = next(each for each in seen if each["type"] == "approval_resolved")
    assert withdrawn["outcome"] == "withdrawn"
    with pytest.raises(OpError) as late:
        await whole.op("session.answer", session=session, approval=asked["approval"], option="allow")
    assert late.value.code == "conflict"


async def test_a_question_is_answered_and_the_agent_reads_it(whole: Installation) -> None:
    session, asked = await waiting(whole, "ask")
    assert asked["kind"] == "question"
    [question] = asked["questions"]
    option = next(each["id"] for each in asked["options"] if each["kind"] == "allow_once")
    async with whole.watching(session, after=asked["seq"]) as watch:
        answers = {question["id"]: "Right"}
        await whole.op("session.answer", session=session, approval=asked["approval"], option=option, answers=answers)
        seen = await watch.until("turn_ended")
    assert [each["text"] for each in seen if each["type"] == "agent_message"] == ["Right"]


async def test_a_plan_and_its_tasks_are_shown(whole: Installation) -> None:
    session, asked = await waiting(whole, "plan")
    assert asked["kind"] == "plan"
    assert [set(entry) for entry in (await state(whole, session))["plan"]] == [{"content", "status"}] * 2
    await whole.op("session.interrupt", session=session)


async def test_updating_changes_what_is_given_and_is_journalled(whole: Installation) -> None:
    session = (await whole.session())["id"]
    updated = await whole.op("session.update", session=session, title="New", model="brisk", mode="accept")
    assert (updated["session"]["title"], updated["session"]["model"], updated["session"]["mode"]) == (
        "New",
        "brisk",
        "accept",
    )
    kinds = [each["type"] for each in (await whole.op("session.events", session=session))["events"]]
    assert {"title_changed", "model_changed", "mode_changed"} <= set(kinds)
    await whole.op("session.update", session=session, archived=True)
    assert session not in [each["id"] for each in (await whole.client.op("session.list"))["sessions"]]
    found = (await whole.client.op("session.list", archived=True))["sessions"]
    assert session in [each["id"] for each in found]


async def test_deleting_forgets_the_session_and_its_watchers_are_told(whole: Installation) -> None:
    session = (await whole.session())["id"]
    async with whole.watching(session) as watch:
        await watch.until("live")
        assert await whole.op("session.delete", session=session) == {}
        ended = (await watch.until("ended"))[-1]
        assert ended["error"]["code"] == "not_found"
    for op in ("session.get", "session.delete", "session.events", "session.watch"):
        with pytest.raises(OpError) as refused:
            await whole.op(op, session=session)
        assert refused.value.code == "not_found"


async def test_a_session_is_exported_as_a_document(whole: Installation) -> None:
    session = (await whole.session())["id"]
    await whole.play(session, "hello", until="turn_ended")
    told = await whole.op("session.export", session=session)
    assert told["name"].endswith(".md")
    assert "> hello" in told["content"]
    raw = await whole.op("session.export", session=session, format="json")
    assert len(raw["content"].splitlines()) == (await state(whole, session))["head"]
