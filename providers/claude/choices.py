"""What a user may answer when Claude asks: every choice with the exact rule that it would remember.

The CLI suggests several permission updates at once; returned together they would switch the whole session to accepting
edits. So each is a choice of its own, and only the chosen one is returned.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from claude_agent_sdk import PermissionResult, PermissionResultAllow, PermissionResultDeny, PermissionUpdate

from providers.base import Decision
from providers.bounds import restored_input
from ws.protocol.events import ApprovalOption, OptionKind, Question, QuestionChoice

DECLINED = "The user declined this."
SKIPPED = "The user did not answer the question."
KEEP_PLANNING = "The user wants to keep planning."

# The CLI's project is the root of the Git repository around the folder, else the folder.
_KEPT_IN = {
    "localSettings": "always in this project, for you (.claude/settings.local.json)",
    "projectSettings": "always in this project, for everybody (.claude/settings.json)",
    "userSettings": "always for this user (~/.claude/settings.json)",
}


@dataclass(frozen=True)
class Choice:
    """An option and what it tells the CLI."""

    option: ApprovalOption
    result: Callable[[Decision], PermissionResult]


def for_tool(arguments: dict[str, Any], suggestions: Sequence[PermissionUpdate]) -> list[Choice]:
    """Once, each suggested rule, no."""

    def allow(update: PermissionUpdate | None) -> Callable[[Decision], PermissionResult]:
        def result(decision: Decision) -> PermissionResult:
            changed = decision.updated_input
            return PermissionResultAllow(
                updated_input=None if changed is None else restored_input(changed, arguments),
                updated_permissions=None if update is None else [update],
            )

        return result

    choices = [Choice(_option("allow_once", "Allow once", "allow_once"), allow(None))]
    for number, update in enumerate(_separate(suggestions)):
        kind: OptionKind = "allow_session" if update.destination == "session" else "allow_always"
        mode = update.mode if update.type == "setMode" else None
        option = _option(f"suggestion-{number}", f"Allow {_rule(update)}", kind, mode)
        choices.append(Choice(option, allow(update)))
    return [*choices, Choice(_option("reject", "Reject", "reject_once"), _deny(DECLINED))]


def for_plan() -> list[Choice]:
    """Go on by editing freely, by asking for each edit, or not yet."""

    def leave(option: str, name: str, kind: OptionKind, mode: str) -> Choice:
        update = PermissionUpdate.from_dict({"type": "setMode", "mode": mode, "destination": "session"})
        allowed = PermissionResultAllow(updated_permissions=[update])
        return Choice(_option(option, name, kind, mode), lambda _decision: allowed)

    return [
        leave("ask-for-edits", "Start, and ask before each edit", "allow_once", "default"),
        leave("accept-edits", "Start, and accept all edits", "allow_session", "acceptEdits"),
        Choice(_option("keep-planning", "Keep planning", "reject_once"), _deny(KEEP_PLANNING)),
    ]


def for_questions(arguments: dict[str, Any], questions: Sequence[Question]) -> list[Choice]:
    """Answer or skip. Answers come under our question ids; the CLI wants them under the question's text."""

    def answered(decision: Decision) -> PermissionResult:
        given = decision.answers or {}
        answers = {question.question: _joined(given[question.id]) for question in questions if question.id in given}
        return PermissionResultAllow(updated_input={**arguments, "answers": answers})

    return [
        Choice(_option("answer", "Answer", "allow_once"), answered),
        Choice(_option("skip", "Skip", "reject_once"), _deny(SKIPPED)),
    ]


def questions_of(arguments: Mapping[str, Any]) -> list[Question]:
    """The questions of an AskUserQuestion call, with the ids `q1`, `q2` …"""
    return [
        Question(
            id=f"q{number}",
            question=str(asked.get("question", "")),
            header=str(asked.get("header", "")),
            options=[
                QuestionChoice(label=str(option.get("label", "")), description=str(option.get("description", "")))
                for option in asked.get("options", ())
            ],
            multiple=bool(asked.get("multiSelect")),
            is_secret=False,
        )
        for number, asked in enumerate(arguments.get("questions", ()), start=1)
    ]


def _separate(suggestions: Sequence[PermissionUpdate]) -> Iterator[PermissionUpdate]:
    """Only what widens, one by one; a rule that would be stored is offered for the session alone as well."""
    for update in suggestions:
        if not _is_offered(update):
            continue
        if update.destination in _KEPT_IN:
            yield replace(update, destination="session")
            yield update
        else:
            yield replace(update, destination="session")


def _is_offered(update: PermissionUpdate) -> bool:
    match update.type:
        case "addRules":
            return update.behavior == "allow" and bool(update.rules)
        case "addDirectories":
            return bool(update.directories)
        case "setMode":
            return update.mode == "acceptEdits"
        case _:
            return False


def _rule(update: PermissionUpdate) -> str:
    """Such as `Bash(npm test)` for this session."""
    where = _KEPT_IN.get(update.destination or "", "for this session")
    match update.type:
        case "addDirectories":
            return f"work in {', '.join(update.directories or ())} {where}"
        case "setMode":
            return f"all edits {where}"
        case _:
            rules = (
                f"{rule.tool_name}({rule.rule_content})" if rule.rule_content else f"every use of {rule.tool_name}"
                for rule in update.rules or ()
            )
            return f"{', '.join(rules)} {where}"


def _deny(default: str) -> Callable[[Decision], PermissionResult]:
    return lambda decision: PermissionResultDeny(message=decision.message or default)


def _joined(answer: str | list[str]) -> str:
    return answer if isinstance(answer, str) else ", ".join(answer)


def _option(option: str, name: str, kind: OptionKind, mode: str | None = None) -> ApprovalOption:
    return ApprovalOption(id=option, name=name, kind=kind, mode=mode)
