"""session.fork, session.rewind, session.stop_task and steering, with a whole installation."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.support.client import OpError
from tests.support.installation import BACKGROUND, Installation, installed, scripted

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("api past")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def whole(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installation]:
    """With an agent that leaves tasks in the background."""
    home = tmp_path_factory.mktemp("home")
    async with installed(home, scripted(home, BACKGROUND)) as installation:
        yield installation


async def refusal(whole: Installation, op: str, **params: Any) -> tuple[str | None, str]:
    with pytest.raises(OpError) as refused:
        await whole.op(op, **params)
    return refused.value.code, str(refused.value.problem["detail"])


async def events(whole: Installation, session: str) -> list[dict[str, Any]]:
    return list((await whole.op("session.events", session=session, limit=1000))["events"])


def answers(told: list[dict[str, Any]]) -> list[str]:
    return [each["text"] for each in told if each["type"] == "agent_message"]


async def test_a_fork_goes_on_with_the_memory_up_to_its_point(whole: Installation) -> None:
    session = (await whole.session(title="Origin"))["id"]
    first = await whole.play(session, "hello")
    await whole.play(session, "think")
    await whole.play(session, "stream")
    made = (await whole.op("session.fork", session=session, seq=first[-1]["seq"]))["session"]
    assert (made["title"], made["status"]) == ("Origin (fork)", "idle")
    listed = (await whole.op("session.list"))["sessions"]
    assert made["id"] in [each["id"] for each in listed]
    assert answers(await whole.play(made["id"], "recall")) == ["I remember: hello"]
    assert answers(await whole.play(session, "recall")) == ["I remember: hello / think / stream"]
    edited = (await whole.op("session.fork", session=session, before="think", title="Otherwise"))["session"]
    assert answers(await whole.play(edited["id"], "recall")) == ["I remember: hello"]
    state = await whole.op("session.get", session=edited["id"])
    assert state["forked_from"]["session"] == session
    assert [each["seq"] for each in await events(whole, edited["id"])] == list(range(1, state["head"] + 1))


async def test_forking_from_a_message_that_is_not_there(whole: Installation) -> None:
    session = (await whole.session())["id"]
    assert await refusal(whole, "session.fork", session=session, before="nothing") == (
        "not_found",
        "This session has no such prompt, or has gone back to before it: load the session anew.",
    )
    assert (await refusal(whole, "session.fork", session=session, seq=1000))[0] == "not_found"
    assert (await refusal(whole, "session.fork", session="nobody"))[0] == "not_found"
    assert (await refusal(whole, "session.rewind", session=session, message_id="nothing"))[0] == "not_found"


async def test_going_back_puts_the_files_back_and_forgets(whole: Installation) -> None:
    session = (await whole.session(mode="accept"))["id"]
    await whole.play(session, "hello")
    await whole.play(session, "write")
    file = whole.work / "written.txt"
    assert file.read_text() == "by the agent\n"
    asked = {"session": session, "message_id": "write", "code": True}
    told = await whole.op("session.rewind", dry_run=True, **asked)
    assert told["files"] == [{"path": str(file), "insertions": 0, "deletions": 1}]
    assert file.exists()
    done = await whole.op("session.rewind", **asked)
    assert done["files"] == told["files"]
    assert not file.exists()
    assert (await refusal(whole, "session.rewind", **asked))[0] == "not_found"
    assert answers(await whole.play(session, "recall")) == ["I remember: hello"]
    assert [each["type"] for each in await events(whole, session)].count("rewound") == 1


async def test_while_a_turn_runs_there_is_no_going_back(whole: Installation) -> None:
    session = (await whole.session())["id"]
    await whole.play(session, "hold", until="agent_message")
    code, detail = await refusal(whole, "session.rewind", session=session, message_id="hold")
    assert (code, "stop it" in detail) == ("conflict", True)
    await whole.op("session.interrupt", session=session)


async def test_a_steered_prompt_is_part_of_the_running_turn(whole: Installation) -> None:
    session = (await whole.session())["id"]
    async with whole.watching(session) as watch:
        begun = await whole.send(session, "hold")
        await watch.until("agent_message")
        steered: dict[str, Any] = {"session": session, "message_id": "s1", "text": "hello", "delivery": "steer"}
        async with asyncio.TaskGroup() as calls:
            sent = [calls.create_task(whole.op("session.send", **steered)) for _ in range(4)]
        assert sorted(each.result()["duplicate"] for each in sent) == [False, True, True, True]
        assert {each.result()["state"] for each in sent} == {"running"}
        await watch.until("turn_ended")
    told = await events(whole, session)
    assert [each["message_id"] for each in told if each["type"] == "user_message"] == ["hold", "s1"]
    assert len({each["turn"] for each in told if each["seq"] > begun["seq"] and "turn" in each}) == 1
    assert answers(told)[-1] == "Hello there, friend."
    code, _ = await refusal(whole, "session.rewind", session=session, message_id="s1")
    assert code == "conflict"


async def test_what_is_left_in_the_background_is_shown_and_stopped(whole: Installation) -> None:
    session = (await whole.session())["id"]
    async with whole.watching(session) as watch:
        await whole.send(session, "background")
        assert (await watch.until("agent_state"))[-1]["process"] == "starting"
        assert (await watch.until("agent_state"))[-1] == {"type": "agent_state", "process": "live"}
        (task,) = (await watch.until("agent_state"))[-1]["tasks"]
        assert (task["title"], task["kind"]) == ("make watch", "command")
        async with whole.watching(session) as late:
            assert (await late.until("agent_state"))[-1]["tasks"] == [task]
        await whole.op("session.stop_task", session=session, task=task["id"])
        assert "tasks" not in (await watch.until("agent_state"))[-1]
    code, detail = await refusal(whole, "session.stop_task", session=session, task=task["id"])
    assert (code, detail) == ("not_found", "The agent has no such task running any more.")
    assert "agent_state" not in [each["type"] for each in await events(whole, session)]


async def test_a_task_that_ends_has_the_agent_speak_by_itself(whole: Installation) -> None:
    session = (await whole.session())["id"]
    async with whole.watching(session) as watch:
        await whole.send(session, "build")
        await watch.until("turn_ended")
        own = await watch.until("turn_ended")
    assert answers(own) == ["The build is done."]
    assert "user_message" not in [each["type"] for each in own]
