"""What is asked and taken back before it was told."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from claude_agent_sdk import ToolPermissionContext

from providers.base import AgentEvent
from providers.claude.approvals import SHOWN_DEADLINE_S, Approvals
from tests.support.waiting import eventually
from ws.protocol.events import ApprovalRequested, ApprovalResolved
from ws.tasks import TaskOwner


class Asked:
    """One question for the tool call ``call-1``; `told` is what the session hears of it."""

    def __init__(self, folder: Path) -> None:
        self.told: list[AgentEvent] = []
        self.approvals = Approvals(folder, self.told.append)

    async def ask(self) -> None:
        """Until it is answered or taken back."""
        _ = await self.approvals.ask("Bash", {"command": "make"}, ToolPermissionContext(tool_use_id="call-1"))


@pytest_asyncio.fixture
async def asked(tmp_path: Path) -> AsyncIterator[Asked]:
    tasks = TaskOwner("test")
    asked = Asked(tmp_path)
    _ = tasks.start(asked.ask(), name="ask")
    await eventually(lambda: asked.approvals.has_open, what="the question")
    yield asked
    await tasks.close()


async def test_a_question_whose_call_is_not_shown_yet_is_taken_back_at_once_and_never_told(asked: Asked) -> None:
    asked.approvals.withdraw_all()
    await eventually(
        lambda: not asked.approvals.has_open, what="nobody to be asked any more", deadline_s=SHOWN_DEADLINE_S / 2
    )
    assert asked.told == []


async def test_a_question_that_was_told_is_told_to_be_taken_back(asked: Asked) -> None:
    asked.approvals.call_shown("call-1")
    await eventually(lambda: asked.told, what="the question to be told")
    asked.approvals.withdraw_all()
    await eventually(lambda: not asked.approvals.has_open, what="nobody to be asked any more")
    assert [type(event) for event in asked.told] == [ApprovalRequested, ApprovalResolved]
