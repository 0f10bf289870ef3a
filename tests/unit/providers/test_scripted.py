"""The scripted agent beyond the contract: its files, and the demo that a newcomer sees."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from providers.base import AgentEvent, Decision, ProcessRecorder, Prompt, SessionSpec
from providers.scripted.conversation import ConversationInvalid, load
from providers.scripted.provider import DEMO, ScriptedProvider, ScriptedSettings
from ws.protocol.events import AgentMessage, AgentThought, ApprovalRequested, Plan, ToolCall, TurnEnded
from ws.tasks import TaskOwner


@pytest.fixture
async def owner() -> AsyncIterator[TaskOwner]:
    owner = TaskOwner("test")
    yield owner
    await owner.close()


async def played(owner: TaskOwner, folder: Path, prompts: int, native_id: str = "demo") -> list[AgentEvent]:
    """Everything of the demo, each approval answered with its first option."""
    provider = ScriptedProvider(ScriptedSettings(), owner.start)
    agent = await provider.open(SessionSpec(path=folder, new_native_id=native_id), ProcessRecorder())
    found: list[AgentEvent] = []
    events = agent.events()
    for number in range(prompts):
        await agent.prompt(Prompt(message_id=str(number), text="go on"))
        async for event in events:
            found.append(event)
            if isinstance(event, ApprovalRequested):
                answers = {question.id: question.options[0].label for question in event.questions or ()}
                await agent.answer(event.approval, Decision(option=event.options[0].id, answers=answers))
            if isinstance(event, TurnEnded):
                break
    await agent.close()
    return found


async def test_the_demo_shows_everything_and_really_writes_its_file(owner: TaskOwner, tmp_path: Path) -> None:
    events = await played(owner, tmp_path, prompts=2)
    assert {AgentMessage, AgentThought, ToolCall, Plan, ApprovalRequested} <= {type(event) for event in events}
    assert {event.kind for event in events if isinstance(event, ApprovalRequested)} == {"tool", "question", "plan"}
    assert (tmp_path / "hello-switchyard.md").read_text().startswith("# Hello")
    assert any(isinstance(event, AgentMessage) and "You chose *A plan*" in event.text for event in events)


async def test_the_same_prompts_give_the_same_events(owner: TaskOwner, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
    one, two = await played(owner, first, 1), await played(owner, second, 1)
    assert repr(one).replace("first", "second") == repr(two)


async def test_a_script_cannot_write_outside_the_folder(owner: TaskOwner, tmp_path: Path) -> None:
    script = tmp_path / "script.json"
    script.write_text('{"turns": [{"steps": [{"do": "write", "path": "../outside.txt", "text": "x"}]}]}')
    (tmp_path / "project").mkdir()
    provider = ScriptedProvider(ScriptedSettings(script), owner.start)
    agent = await provider.open(SessionSpec(path=tmp_path / "project", mode="accept"), ProcessRecorder())
    await agent.prompt(Prompt(message_id="1", text="go"))
    events = [event async for event in _turn(agent.events())]
    assert not (tmp_path / "outside.txt").exists()
    assert not any(isinstance(event, ApprovalRequested) for event in events)
    await agent.close()


async def _turn(events: AsyncIterator[AgentEvent]) -> AsyncIterator[AgentEvent]:
    async for event in events:
        yield event
        if isinstance(event, TurnEnded):
            return


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "is no conversation"),
        ('{"turns": [{"steps": [{"do": "dance"}]}]}', "dance"),
        ('{"turns": [{"steps": [{"do": "say", "text": 1}]}]}', r"turns\[0\].steps\[0\].text"),
        ('{"turns": [], "colour": "grey"}', "colour"),
    ],
)
def test_a_bad_file_says_what_is_wrong_where(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "script.json"
    file.write_text(text)
    with pytest.raises(ConversationInvalid, match=words):
        load(file)


def test_the_demo_is_a_conversation() -> None:
    assert len(load(DEMO).turns) == 2


async def test_a_node_that_has_forgotten_the_session_gives_no_id_twice(owner: TaskOwner, tmp_path: Path) -> None:
    ids: list[str] = []
    for message_id in ("m1", "m2"):
        provider = ScriptedProvider(ScriptedSettings(), owner.start)  # as after a restart
        agent = await provider.open(SessionSpec(path=tmp_path, new_native_id="demo"), ProcessRecorder())
        await agent.prompt(Prompt(message_id=message_id, text="go on"))
        async for event in agent.events():
            if isinstance(event, ToolCall):
                ids.append(event.tool_call_id)
            if isinstance(event, ApprovalRequested):
                ids.append(event.approval)
                await agent.interrupt()
            if isinstance(event, TurnEnded):
                break
        await agent.close()
    assert ids
    assert len(ids) == len(set(ids)), ids
