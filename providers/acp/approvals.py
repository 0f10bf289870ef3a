"""What an agent waits for an answer to: permissions, plans to approve, questions."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from providers.acp import forms
from providers.acp.connection import Asked
from providers.acp.fields import table, tables, text
from providers.base import AgentEvent, Decision
from providers.bounds import clipped, clipped_input
from ws.protocol.events import (
    ApprovalKind,
    ApprovalOption,
    ApprovalRequested,
    ApprovalResolved,
    OptionKind,
    Question,
    TextContent,
)

MAX_OPTIONS = 32
MAX_ID_CHARS = 128
MAX_TITLE_CHARS = 500
MAX_WAITING = 64
"""Requests that are open at the same time; the next one is answered with no."""

_KINDS: Mapping[str, OptionKind] = {
    "allow_once": "allow_once",
    "allow_always": "allow_always",
    "reject_once": "reject_once",
    "reject_always": "reject_always",
}
CANCELLED: Mapping[str, Any] = {"outcome": {"outcome": "cancelled"}}

Result = Callable[[Decision], Mapping[str, Any]]
"""Makes the answer to the agent's request."""


@dataclass(frozen=True)
class Waiting:
    """An open request; `withdrawn` is the answer when nobody gives one."""

    asked: Asked
    event: ApprovalRequested
    result: Result
    withdrawn: Mapping[str, Any]

    def is_refused_by(self, decision: Decision) -> bool:
        chosen = next(option for option in self.event.options if option.id == decision.option)
        return chosen.kind.startswith("reject")


class Approvals:
    """The open requests of one agent, by the ids of their approvals."""

    def __init__(self) -> None:
        self._waiting: dict[str, Waiting] = {}

    @property
    def has_open(self) -> bool:
        return bool(self._waiting)

    def permission(self, asked: Asked) -> Waiting | None:
        """A `session/request_permission`; None when it cannot be asked: too many are, or it has no options."""
        call, options = table(asked.params, "toolCall"), _options(asked.params)
        if len(self._waiting) >= MAX_WAITING or not options:
            return None
        arguments = table(call, "rawInput")
        kind: ApprovalKind = "tool"
        shown: dict[str, Any] = dict(arguments)
        questions: list[Question] | None = None
        if text(call, "kind") == "switch_mode":
            kind, shown = "plan", {"plan": _plan_of(call)}
            options = [_for_this_session(option) for option in options]
        elif asked_questions := forms.questions_of_call(arguments):
            kind, questions = "question", asked_questions
        event = ApprovalRequested(
            approval=uuid.uuid4().hex,
            kind=kind,
            title=clipped(text(call, "title") or "Allow this?", MAX_TITLE_CHARS),
            input=clipped_input(shown),
            options=options,
            tool_call_id=text(call, "toolCallId") or None,
            questions=questions,
        )

        def result(decision: Decision) -> Mapping[str, Any]:
            answer: dict[str, Any] = {"outcome": {"outcome": "selected", "optionId": decision.option}}
            if questions:
                answer["answers"] = forms.answers_by_number(decision.answers or {})
            return answer

        return self._open(Waiting(asked, event, result, CANCELLED))

    def form(self, asked: Asked) -> Waiting | None:
        """An `elicitation/create`; None when it cannot be asked: too many are, or it is no form."""
        schema = table(asked.params, "requestedSchema")
        questions = forms.questions_of_schema(schema)
        if len(self._waiting) >= MAX_WAITING or text(asked.params, "mode") != "form" or not questions:
            return None
        event = ApprovalRequested(
            approval=uuid.uuid4().hex,
            kind="question",
            title=clipped(text(asked.params, "message") or "The agent asks", MAX_TITLE_CHARS),
            input={},
            options=list(forms.FORM_OPTIONS),
            tool_call_id=text(asked.params, "toolCallId") or None,
            questions=questions,
        )

        def result(decision: Decision) -> Mapping[str, Any]:
            if decision.option != forms.SUBMIT:
                return {"action": "decline"}
            return {"action": "accept", "content": forms.content_of(schema, decision.answers or {})}

        return self._open(Waiting(asked, event, result, {"action": "cancel"}))

    def take(self, approval: str, decision: Decision) -> Waiting:
        """The request that is answered now. KeyError when it is not open, ValueError when the option is none of its."""
        waiting = self._waiting[approval]
        if decision.option not in {option.id for option in waiting.event.options}:
            raise ValueError(f"{decision.option!r} is no option of this approval")
        return self._waiting.pop(approval)

    def withdraw_all(self) -> list[tuple[Waiting, AgentEvent]]:
        """The turn is over: nobody waits for an answer any more."""
        waiting, self._waiting = self._waiting, {}
        return [(each, ApprovalResolved(approval=name, outcome="withdrawn")) for name, each in waiting.items()]

    def _open(self, waiting: Waiting) -> Waiting:
        self._waiting[waiting.event.approval] = waiting
        return waiting


def _options(params: Mapping[str, Any]) -> list[ApprovalOption]:
    """The agent's own words. One that says that it is for the session is: the protocol has no kind for that."""
    found = []
    for told in tables(params, "options")[:MAX_OPTIONS]:
        option_id, name = text(told, "optionId"), text(told, "name")
        kind = _KINDS.get(text(told, "kind"))
        if not option_id or len(option_id) > MAX_ID_CHARS or kind is None:
            continue
        if kind == "allow_always" and "session" in f"{name} {option_id}".lower():
            kind = "allow_session"
        found.append(ApprovalOption(id=option_id, name=name or option_id, kind=kind))
    return found


def _for_this_session(option: ApprovalOption) -> ApprovalOption:
    """What "always" means for a plan is the mode in which the session goes on."""
    kind: OptionKind = "allow_session" if option.kind == "allow_always" else option.kind
    return ApprovalOption(id=option.id, name=option.name, kind=kind)


def _plan_of(call: Mapping[str, Any]) -> str:
    told = text(table(call, "rawInput"), "plan")
    blocks = [table(each, "content") for each in tables(call, "content")]
    return clipped(told or "\n".join(TextContent(text=text(block, "text")).text for block in blocks))
