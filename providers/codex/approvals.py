"""What Codex waits for an answer to: from its request to the user's answer, or its withdrawal."""

import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from providers.base import AgentEvent, Decision
from providers.bounds import clipped
from providers.codex.choices import Ask, Choice
from ws.protocol.events import ApprovalRequested, ApprovalResolved

MAX_TITLE_CHARS = 500
"""A command that writes a file may be as long as the file."""

Give = Callable[[Choice, Decision], Awaitable[None]]
"""Hands the answer on."""


@dataclass(frozen=True)
class Pending:
    """What is asked, of which thread; `request` is None when Codex itself does not wait for it.

    `call` is the tool call that it is about, when the session has it, and `title` that of the call.
    """

    ask: Ask
    give: Give
    thread: str
    request: int | str | None = None
    call: str | None = None
    title: str | None = None

    @property
    def choices(self) -> Mapping[str, Choice]:
        return {choice.option.id: choice for choice in self.ask.choices}


class Approvals:
    """The open approvals of one session. `emit` takes events without waiting; there are never more than a few."""

    def __init__(self, emit: Callable[[AgentEvent], None]) -> None:
        self._emit = emit
        self._pending: dict[str, Pending] = {}

    @property
    def is_about_plan(self) -> bool:
        """One is open that Codex does not wait for: what is to become of its plan."""
        return any(pending.request is None for pending in self._pending.values())

    def open(self, pending: Pending) -> None:
        """Show what is asked."""
        approval = uuid.uuid4().hex
        self._pending[approval] = pending
        ask = pending.ask
        self._emit(
            ApprovalRequested(
                approval=approval,
                kind=ask.kind,
                title=clipped(ask.title or pending.title or "Change files", MAX_TITLE_CHARS),
                input=dict(ask.input),
                options=[choice.option for choice in ask.choices],
                tool_call_id=pending.call,
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

    def withdraw_all(self) -> list[Pending]:
        """The turn is over, and what is asked with it. Returns what was open."""
        open_now = list(self._pending.values())
        for approval in list(self._pending):
            self._withdraw(approval)
        return open_now

    def _withdraw(self, approval: str) -> None:
        del self._pending[approval]
        self._emit(ApprovalResolved(approval=approval, outcome="withdrawn"))
