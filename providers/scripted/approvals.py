"""What a scripted agent asks, and how it waits for the answer."""

import asyncio
from collections.abc import Callable

from providers.base import AgentEvent, Decision
from providers.scripted.conversation import Ask
from ws.protocol.events import ApprovalOption, ApprovalRequested, ApprovalResolved, Question, QuestionChoice

TOOL_OPTIONS = [
    ApprovalOption(id="allow", name="Allow once", kind="allow_once"),
    ApprovalOption(id="allow-session", name="Allow all edits for this session", kind="allow_session", mode="accept"),
    ApprovalOption(id="reject", name="Reject", kind="reject_once"),
]
QUESTION_OPTIONS = [
    ApprovalOption(id="answer", name="Answer", kind="allow_once"),
    ApprovalOption(id="skip", name="Skip", kind="reject_once"),
]
PLAN_OPTIONS = [
    ApprovalOption(id="start", name="Start, and ask before each edit", kind="allow_once", mode="ask"),
    ApprovalOption(id="start-accepting", name="Start, and accept all edits", kind="allow_session", mode="accept"),
    ApprovalOption(id="keep-planning", name="Keep planning", kind="reject_once"),
]

QUESTION_ID = "q1"


def question_of(step: Ask) -> Question:
    return Question(
        id=QUESTION_ID,
        question=step.question,
        header=step.header,
        options=[QuestionChoice(label=option, description="") for option in step.options],
        multiple=step.multiple,
        is_secret=False,
    )


class Waiting:
    """The one approval that may be open. `emit` takes events without waiting."""

    def __init__(self, emit: Callable[[AgentEvent], None]) -> None:
        self._emit = emit
        self._request: ApprovalRequested | None = None
        self._decision: asyncio.Future[Decision] | None = None

    async def ask(self, request: ApprovalRequested) -> Decision:
        """Emit the request and wait; withdrawn when the wait is cancelled."""
        self._request = request
        self._decision = asyncio.get_running_loop().create_future()
        self._emit(request)
        try:
            return await self._decision
        finally:
            if self._request is not None:
                self._request = None
                self._emit(ApprovalResolved(approval=request.approval, outcome="withdrawn"))

    def answer(self, approval: str, decision: Decision) -> None:
        """Raises KeyError when it is not open, ValueError for an option that it does not have."""
        if self._request is None or self._decision is None or self._request.approval != approval:
            raise KeyError(approval)
        if decision.option not in {option.id for option in self._request.options}:
            raise ValueError(f"{decision.option!r} is no option of this approval")
        self._request = None
        self._decision.set_result(decision)
