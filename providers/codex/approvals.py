"""What Codex waits for an answer to: from its request to the user's answer, or its withdrawal."""

import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from providers.base import AgentEvent, Decision
from providers.codex.choices import Ask, Choice
from ws.protocol.events import ApprovalRequested, ApprovalResolved

Give = Callable[[Choice, Decision], Awaitable[None]]
"""Hands the answer on."""


@dataclass(frozen=True)
class _Pending:
    choices: Mapping[str, Choice]
    give: Give
    request: int | str | None
    thread: str


class Approvals:
    """The open approvals of one session. `emit` takes events without waiting; there are never more than a few."""

    def __init__(self, emit: Callable[[AgentEvent], None]) -> None:
        self._emit = emit
        self._pending: dict[str, _Pending] = {}

    @property
    def is_about_plan(self) -> bool:
        """One is open that Codex does not wait for: what is to become of its plan."""
        return any(pending.request is None for pending in self._pending.values())

    def open(
        self, ask: Ask, give: Give, *, thread: str, request: int | str | None, call: str | None, title: str | None
    ) -> None:
        """Show what is asked. `call` is the tool call that it is about, when the session has it, and `title` its."""
        approval = uuid.uuid4().hex
        self._pending[approval] = _Pending({choice.option.id: choice for choice in ask.choices}, give, request, thread)
        self._emit(
            ApprovalRequested(
                approval=approval,
                kind=ask.kind,
                title=ask.title or title or "Change files",
                input=dict(ask.input),
                options=[choice.option for choice in ask.choices],
                tool_call_id=call,
                questions=ask.questions,
            )
        )

    async def answer(self, approval: str, decision: Decision) -> None:
        """Raises KeyError when it is not open, ValueError when `option` is not one of its options."""
        pending = self._pending[approval]
        choice = pending.choices.get(decision.option)
        if choice is None:
            raise ValueError(f"{decision.option!r} is no option of this approval")
        del self._pending[approval]
        await pending.give(choice, decision)

    def resolved(self, request: Any) -> None:
        """Codex waits for this answer no more. Nothing when it was given."""
        for approval, pending in list(self._pending.items()):
            if pending.request is not None and pending.request == request:
                self._withdraw(approval)

    def withdraw_all(self, thread: str | None = None) -> None:
        """Nobody waits any more, in this thread or in all."""
        for approval, pending in list(self._pending.items()):
            if thread is None or pending.thread == thread:
                self._withdraw(approval)

    def _withdraw(self, approval: str) -> None:
        del self._pending[approval]
        self._emit(ApprovalResolved(approval=approval, outcome="withdrawn"))
