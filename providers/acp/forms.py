"""Questions, and the answers to them as the agent reads them.

Two kinds are met: forms of the protocol (`elicitation/create`, a flat JSON schema), and the questions that Qwen Code
0.15.10 puts into the input of a call that it asks permission for; it reads the answers beside the outcome, by number.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from providers.acp.fields import table, tables, text
from ws.protocol.events import ApprovalOption, Question, QuestionChoice

MAX_QUESTIONS = 16
MAX_CHOICES = 64
SUBMIT = "submit"
FORM_OPTIONS = (
    ApprovalOption(id=SUBMIT, name="Answer", kind="allow_once"),
    ApprovalOption(id="decline", name="Decline", kind="reject_once"),
)
_YES, _NO = "Yes", "No"

Answers = Mapping[str, str | list[str]]


def questions_of_call(arguments: Mapping[str, Any]) -> list[Question] | None:
    """The questions in a call's input, named by their number; None when it has none."""
    found = [
        Question(
            id=str(number),
            question=text(asked, "question"),
            header=text(asked, "header"),
            options=[_choice(option) for option in tables(asked, "options")[:MAX_CHOICES]],
            multiple=asked.get("multiSelect") is True,
            is_secret=False,
        )
        for number, asked in enumerate(tables(arguments, "questions")[:MAX_QUESTIONS])
        if text(asked, "question")
    ]
    return found or None


def answers_by_number(answers: Answers) -> dict[str, str]:
    return {number: ", ".join(_several(answer)) for number, answer in answers.items()}


def questions_of_schema(schema: Mapping[str, Any]) -> list[Question]:
    """A question for each property."""
    return [
        Question(
            id=name,
            question=text(asked, "description") or text(asked, "title") or name,
            header=text(asked, "title") or name,
            options=_choices(asked),
            multiple=asked.get("type") == "array",
            is_secret=text(asked, "format") == "password",
        )
        for name, asked in list(table(schema, "properties").items())[:MAX_QUESTIONS]
        if isinstance(asked, dict)
    ]


def content_of(schema: Mapping[str, Any], answers: Answers) -> dict[str, Any]:
    """The answers in the types of the schema; what was not answered, or is no such value, is left out."""
    content: dict[str, Any] = {}
    for name, asked in table(schema, "properties").items():
        given = _several(answers.get(name, []))
        if isinstance(asked, dict) and given and (value := _typed(asked, given)) is not None:
            content[name] = value
    return content


def _typed(asked: Mapping[str, Any], given: Sequence[str]) -> Any:
    values = {label: value for value, label in _labelled(asked)}
    match asked.get("type"):
        case "array":
            return [values.get(each, each) for each in given]
        case "boolean":
            return given[0] == _YES
        case "integer" | "number" as kind:
            try:
                return int(given[0]) if kind == "integer" else float(given[0])
            except ValueError:
                return None
        case _:
            return values.get(given[0], given[0])


def _choices(asked: Mapping[str, Any]) -> list[QuestionChoice]:
    if asked.get("type") == "boolean":
        return [QuestionChoice(label=_YES, description=""), QuestionChoice(label=_NO, description="")]
    return [QuestionChoice(label=label, description="") for _value, label in _labelled(asked)][:MAX_CHOICES]


def _labelled(asked: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Values with what people read, for a text or the items of a list."""
    source = table(asked, "items") or asked
    plain = source.get("enum")
    if isinstance(plain, list):
        return [(value, value) for value in plain if isinstance(value, str)]
    titled = tables(source, "oneOf") or tables(source, "anyOf")
    return [(text(each, "const"), text(each, "title") or text(each, "const")) for each in titled]


def _choice(option: Mapping[str, Any]) -> QuestionChoice:
    return QuestionChoice(label=text(option, "label"), description=text(option, "description"))


def _several(answer: str | list[str]) -> list[str]:
    return [answer] if isinstance(answer, str) else answer
