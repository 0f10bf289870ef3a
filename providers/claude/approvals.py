"""What Claude waits for an answer to: one object from the CLI's question to the user's answer, or its withdrawal."""

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from claude_agent_sdk import PermissionResult, ToolPermissionContext

from providers.base import AgentEvent, Decision
from providers.bounds import clipped_input, fitting
from providers.claude import choices, tools
from providers.claude.diffs import from_input
from ws.protocol.events import ApprovalKind, ApprovalRequested, ApprovalResolved, Question, ToolCallUpdate

SHOWN_DEADLINE_S = 5.0
"""The tool call that is asked about comes before the question, but by another way; it is awaited so long."""


@dataclass
class _Pending:
    choices: dict[str, choices.Choice]
    decision: asyncio.Future[Decision] = field(default_factory=asyncio.Future)
    """Cancelled when it is withdrawn."""
    is_told: bool = False


class Approvals:
    """The open approvals of one agent. `emit` takes events without waiting; there are never more than a few."""

    def __init__(self, folder: Path, emit: Callable[[AgentEvent], None]) -> None:
        self._folder = folder
        self._emit = emit
        self._asking = 0
        self._pending: dict[str, _Pending] = {}
        self._shown: dict[str, asyncio.Future[None]] = {}

    @property
    def has_open(self) -> bool:
        """Somebody is asked, or about to be."""
        return self._asking > 0

    def call_shown(self, call_id: str) -> None:
        """The session has this tool call: it may be asked about."""
        shown = self._shown.setdefault(call_id, asyncio.Future())
        if not shown.done():
            shown.set_result(None)

    def answer(self, approval: str, decision: Decision) -> None:
        """Raises KeyError when it is not open, ValueError when `option` is not one of its options."""
        pending = self._pending[approval]
        if decision.option not in pending.choices:
            raise ValueError(f"{decision.option!r} is no option of this approval")
        del self._pending[approval]
        pending.decision.set_result(decision)

    def withdraw_all(self) -> None:
        """The turn is over: nobody waits for an answer any more."""
        for approval in list(self._pending):
            self._withdraw(approval)
        self._shown.clear()

    async def ask(self, name: str, arguments: dict[str, Any], context: ToolPermissionContext) -> PermissionResult:
        """The SDK's `can_use_tool`. Cancelled when the CLI takes its question back."""
        self._asking += 1
        try:
            return await self._ask(name, arguments, context)
        finally:
            self._asking -= 1

    async def _ask(self, name: str, arguments: dict[str, Any], context: ToolPermissionContext) -> PermissionResult:
        kind, questions, offered = _offer(name, arguments, context)
        approval = uuid.uuid4().hex
        pending = self._pending[approval] = _Pending({choice.option.id: choice for choice in offered})
        try:
            await self._until_shown(context.tool_use_id, pending)
            diff = await asyncio.to_thread(from_input, name, arguments, self._folder) if name in tools.EDITING else None
            if not pending.decision.done():
                if diff is not None and context.tool_use_id:
                    content = [fitting(diff)]
                    self._emit(ToolCallUpdate(tool_call_id=context.tool_use_id, status="in_progress", content=content))
                pending.is_told = True
                self._emit(
                    ApprovalRequested(
                        approval=approval,
                        kind=kind,
                        title=context.title or tools.title(name, arguments, self._folder),
                        input=clipped_input(arguments),
                        options=[choice.option for choice in offered],
                        tool_call_id=context.tool_use_id,
                        questions=questions,
                    )
                )
            decision = await pending.decision
        finally:
            self._withdraw(approval)
        return pending.choices[decision.option].result(decision)

    async def _until_shown(self, call_id: str | None, pending: _Pending) -> None:
        """Or until it is withdrawn, or :data:`SHOWN_DEADLINE_S`."""
        if call_id:
            shown = self._shown.setdefault(call_id, asyncio.Future())
            await asyncio.wait((shown, pending.decision), timeout=SHOWN_DEADLINE_S, return_when=asyncio.FIRST_COMPLETED)

    def _withdraw(self, approval: str) -> None:
        """Nothing when it was answered; told to those who were told of it."""
        pending = self._pending.pop(approval, None)
        if pending is not None:
            pending.decision.cancel()
            if pending.is_told:
                self._emit(ApprovalResolved(approval=approval, outcome="withdrawn"))


def _offer(
    name: str, arguments: dict[str, Any], context: ToolPermissionContext
) -> tuple[ApprovalKind, list[Question] | None, list[choices.Choice]]:
    match name:
        case "AskUserQuestion":
            questions = choices.questions_of(arguments)
            return "question", questions, choices.for_questions(arguments, questions)
        case "ExitPlanMode":
            return "plan", None, choices.for_plan()
        case _:
            return "tool", None, choices.for_tool(arguments, context.suggestions)
