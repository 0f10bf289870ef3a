"""The journal's vocabulary, played by the scripted agent and by the real Claude Code on a scripted model."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.support.client import OpError
from tests.support.installation import CONVERSATION, Installation, installed
from tests.support.model_server import ModelServer
from tests.support.vocabulary import check_journal

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("api journal"),
    pytest.mark.timeout(120),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def claude(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installation]:
    """The agent's environment is given to Main, whose node hands it on."""
    async with ModelServer() as model:
        environ = {
            "ANTHROPIC_BASE_URL": model.url,
            "ANTHROPIC_API_KEY": "sk-ant-scripted",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "CLAUDE_CODE_MAX_RETRIES": "1",
        }
        async with installed(tmp_path_factory.mktemp("home"), {}, environ) as installation:
            yield installation


async def journal(whole: Installation, session: str) -> list[dict[str, Any]]:
    return list((await whole.op("session.events", session=session, limit=1000))["events"])


async def answered(whole: Installation, session: str, prompt: str, **more: Any) -> list[dict[str, Any]]:
    """Play a prompt, allowing once whatever is asked; the events from the prompt on."""
    sent = await whole.send(session, prompt)
    seen: list[dict[str, Any]] = []
    async with whole.watching(session, after=sent["seq"] - 1) as watch:
        while not seen or seen[-1]["type"] != "turn_ended":
            event = await watch.next(60)
            seen.append(event)
            if event["type"] == "approval_requested":
                option = next(each["id"] for each in event["options"] if each["kind"] == "allow_once")
                await whole.op("session.answer", session=session, approval=event["approval"], option=option, **more)
    return seen


async def test_whatever_the_scripted_agent_does_is_in_the_vocabulary(whole: Installation) -> None:
    session = (await whole.session())["id"]
    for prompt in CONVERSATION:
        if prompt == "hold":
            await whole.play(session, "hold", until="agent_message")
            async with whole.watching(session) as watch:
                await whole.op("session.interrupt", session=session)
                while (await watch.until("turn_ended"))[-1]["stop_reason"] != "cancelled":
                    pass
        else:
            await answered(whole, session, prompt, answers={"q1": "Left"})
    check_journal(await journal(whole, session))


@pytest.mark.cli
async def test_claude_streams_asks_writes_and_shows_the_difference(claude: Installation) -> None:
    session = (await claude.session(provider="claude"))["id"]
    file = claude.work / "note.txt"
    seen = await answered(claude, session, f"say Hello from the model.\nwrite {file} written by Claude\nsay Done.")
    assert seen[-1]["stop_reason"] == "end_turn"
    assert file.read_text().strip() == "written by Claude"
    messages = "".join(event["text"] for event in seen if event["type"] == "agent_message")
    assert "Hello from the model." in messages
    assert [event for event in seen if event["type"] == "delta"], "it streamed"
    [diff] = [
        content
        for event in seen
        if event["type"] == "tool_call_update" and event["status"] == "completed"
        for content in event["content"]
        if content["type"] == "diff"
    ]
    assert (diff["path"], diff["old_text"]) == (str(file), None)
    assert diff["new_text"].strip() == "written by Claude"
    events = await journal(claude, session)
    check_journal(events)
    state = await claude.op("session.get", session=session)
    assert (state["status"], state["head"]) == ("idle", len(events))
    assert state["native_id"]


@pytest.mark.cli
async def test_claude_is_interrupted_and_remembers(claude: Installation) -> None:
    session = (await claude.session(provider="claude"))["id"]
    await answered(claude, session, "say The word is heron.")
    sent = await claude.send(session, "slow 400 0.1")
    async with claude.watching(session, after=sent["seq"]) as watch:
        await watch.until("delta", 60)
        await claude.send(session, "recall")
        assert await claude.op("session.interrupt", session=session) == {"interrupted": True}
        assert (await watch.until("turn_ended"))[-1]["stop_reason"] == "cancelled"
        assert (await claude.op("session.get", session=session))["queue"][0]["text"] == "recall"
        await claude.op("session.queue", session=session, action="release")
        seen = await watch.until("turn_ended", 60)
    assert "heron" in "".join(event["text"] for event in seen if event["type"] == "agent_message")
    check_journal(await journal(claude, session))


@pytest.mark.cli
async def test_claude_is_listed_with_what_it_can_do(claude: Installation) -> None:
    listed = await claude.offered("claude")
    assert listed["version"]
    assert listed["models"]
    assert "default" in [mode["id"] for mode in listed["modes"]]


async def test_an_agent_that_is_not_there_says_what_to_do(tmp_path: Path) -> None:
    settings = {"providers.claude.command": ["/no/such/claude"]}
    async with installed(tmp_path, settings) as whole:
        [listed] = (await whole.op("providers.list"))["providers"]
        assert (listed["id"], listed["available"]) == ("claude", False)
        assert "providers.claude" in listed["reason"]
        with pytest.raises(OpError) as refused:
            await whole.session(provider="claude")
        assert (refused.value.status, refused.value.code) == (502, "provider_failed")
        assert refused.value.problem["detail"] == listed["reason"]
