"""A Claude agent beside its CLI: what it is told and asked at the same time."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any

import pytest_asyncio
from claude_agent_sdk import AssistantMessage, ContentBlock, Message, SystemMessage, ToolPermissionContext, ToolUseBlock

from providers.base import AgentEvent, Decision, ProcessRecorder, SessionSpec
from providers.claude.adapter import ClaudeAgent
from providers.claude.left import Left
from providers.program import Launch
from providers.queue import MAX_WAITING_EVENTS
from tests.support.waiting import eventually
from tests.unit.providers.test_claude_normalize import result
from ws.protocol.events import ApprovalRequested, Notice, TurnEnded
from ws.tasks import TaskOwner


class Talk:
    """An agent whose CLI is not started: `tell` is what it would say."""

    def __init__(self, folder: Path) -> None:
        self.tasks = TaskOwner("test")
        launch = Launch("Claude Code", ("claude",), folder, {})
        self.agent = ClaudeAgent(SessionSpec(path=folder), launch, ProcessRecorder(), self._start, Left())
        self.agent._normalizer.prompt_sent("mine")

    def _start(self, work: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]:
        work.close()
        return self.tasks.start(asyncio.sleep(0), name=name)

    async def tell(self, *messages: Message) -> None:
        for message in messages:
            await self.agent._pass_on(message)

    def ask(self, call: str) -> asyncio.Task[None]:
        """The CLI asks about a call."""

        async def ask() -> None:
            await self.agent._ask("Bash", {"command": "make"}, ToolPermissionContext(tool_use_id=call))

        return self.tasks.start(ask(), name=call)

    async def allow(self) -> None:
        """What is asked."""
        ((approval, pending),) = self.agent._approvals._pending.items()
        chosen = next(name for name in pending.choices if name.startswith("allow"))
        await self.agent.answer(approval, Decision(option=chosen))

    def told(self) -> list[AgentEvent]:
        return [*self.agent._queue._events]


def calls(parent: str, *names: str) -> AssistantMessage:
    blocks: list[ContentBlock] = [ToolUseBlock(id=name, name="Bash", input={"command": "make"}) for name in names]
    return AssistantMessage(content=blocks, model="m", parent_tool_use_id=parent)


def agents(*names: str) -> SystemMessage:
    tasks = [{"task_id": name, "task_type": "local_agent", "description": name} for name in names]
    return SystemMessage(subtype="background_tasks_changed", data={"tasks": tasks})


@pytest_asyncio.fixture
async def talk(tmp_path: Path) -> AsyncIterator[Talk]:
    talk = Talk(tmp_path)
    yield talk
    await talk.tasks.close()


async def asked_for(talk: Talk, call: str) -> None:
    """The question is told."""
    await eventually(
        lambda: call in [event.tool_call_id for event in talk.told() if isinstance(event, ApprovalRequested)],
        what="the question",
    )


async def test_a_turn_ends_when_its_last_agent_is_gone_though_its_question_goes_after_it(talk: Talk) -> None:
    """One of its calls was allowed and never returns: nobody is left to tell of it."""
    await talk.tell(agents("one"), calls("agent", "runs", "asked"))
    runs = talk.ask("runs")
    await asked_for(talk, "runs")
    await talk.allow()
    await runs
    asked = talk.ask("asked")
    await asked_for(talk, "asked")
    await talk.tell(result(user_message_uuids=["mine"]), agents())
    assert talk.agent._normalizer.has_turn
    asked.cancel()
    await asyncio.wait([asked])
    assert isinstance(talk.told()[-1], TurnEnded)
    assert not talk.agent._normalizer.has_turn


async def test_a_message_is_told_whole_so_that_a_turn_ends_once_whoever_else_ends_it(talk: Talk) -> None:
    """The reader of its events is slow, and meanwhile somebody's question ends."""
    await talk.tell(agents("one"), calls("agent", *map(str, range(5))))
    asked = talk.ask("0")
    await asked_for(talk, "0")
    await talk.tell(result(user_message_uuids=["mine"]))
    while len(talk.told()) < MAX_WAITING_EVENTS - 2:
        talk.agent._queue.put_now(Notice(level="info", code="test", text="fills it"))
    talk.agent._normalizer.interrupt_sent()
    telling = talk.tasks.start(talk.tell(result()), name="tell")
    await asyncio.sleep(0)
    asked.cancel()
    await asyncio.wait([asked])
    reader, ends = talk.agent.events(), 0
    while talk.told() or not telling.done():
        ends += isinstance(await anext(reader), TurnEnded)
        await asyncio.sleep(0)
    assert ends == 1
