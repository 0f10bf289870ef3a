"""What a user may answer when Codex asks, each choice with the exact rule that it would remember. Pure."""

import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from providers.base import Decision
from providers.bounds import clipped, clipped_input
from providers.codex.items import plain_command
from providers.codex.modes import ASK, AUTO
from ws.protocol.events import ApprovalKind, ApprovalOption, OptionKind, Question, QuestionChoice

MAX_NAME_CHARS = 300

Params = Mapping[str, Any]
Result = Callable[[Decision], dict[str, Any]]


@dataclass(frozen=True)
class Choice:
    """An option and what it tells Codex."""

    option: ApprovalOption
    result: Result


@dataclass(frozen=True)
class Ask:
    """A request of Codex as an approval, about `item`; an empty `title` stands for that of its call."""

    kind: ApprovalKind
    title: str
    input: Mapping[str, Any]
    choices: list[Choice]
    item: str | None = None
    questions: list[Question] | None = field(default=None)


def ask(method: str, params: Params) -> Ask | None:
    """None for a request that this node does not answer."""
    make = _ASKS.get(method)
    return None if make is None else make(params)


def for_plan(text: str) -> Ask:
    """A plan is the end of Codex's turn; the choice is what comes next, so it tells Codex nothing by itself."""

    def nothing(_decision: Decision) -> dict[str, Any]:
        return {}

    choices = [
        Choice(_option("ask", "Start, and ask before each edit and command", "allow_once", ASK), nothing),
        Choice(_option("auto", "Start, and work in the folder without asking", "allow_session", AUTO), nothing),
        Choice(_option("keep-planning", "Keep planning", "reject_once"), nothing),
    ]
    return Ask("plan", "Present the plan", clipped_input({"plan": text.strip()}), choices)


def _for_command(params: Params) -> Ask:
    command = plain_command(params)
    network = params.get("networkApprovalContext")
    shown = {"command": command, "cwd": params.get("cwd"), "reason": params.get("reason")}
    if isinstance(network, Mapping):
        shown |= {"host": network.get("host"), "protocol": network.get("protocol")}
    values = {name: value for name, value in shown.items() if value}
    title = f"Connect to {network.get('host')}" if isinstance(network, Mapping) else command
    choices = [
        _fixed("allow", "Allow once", "allow_once", "accept"),
        _fixed("allow-session", f"Allow `{command}` for this session", "allow_session", "acceptForSession"),
        *_amendments(params),
        _fixed("reject", "Reject", "reject_once", "decline"),
    ]
    return Ask("tool", title or "Run a command", clipped_input(values), choices, _text(params, "itemId"))


def _amendments(params: Params) -> Iterator[Choice]:
    """What Codex would write into its own rules, for ever."""
    prefix = params.get("proposedExecpolicyAmendment")
    if isinstance(prefix, list) and prefix:
        words = shlex.join(str(word) for word in prefix)
        decision: dict[str, Any] = {"acceptWithExecpolicyAmendment": {"execpolicy_amendment": prefix}}
        name = f"Always allow commands that begin with `{words}`, for ever, in every session"
        yield _fixed("allow-always", name, "allow_always", decision)
    for number, rule in enumerate(params.get("proposedNetworkPolicyAmendments") or ()):
        if isinstance(rule, Mapping) and rule.get("action") == "allow":
            decision = {"applyNetworkPolicyAmendment": {"network_policy_amendment": dict(rule)}}
            name = f"Always allow connections to {rule.get('host')}, for ever, in every session"
            yield _fixed(f"allow-host-{number}", name, "allow_always", decision)


def _for_change(params: Params) -> Ask:
    root = params.get("grantRoot")
    what = f"all edits below {root}" if root else "further edits of these files"
    choices = [
        _fixed("allow", "Allow once", "allow_once", "accept"),
        _fixed("allow-session", f"Allow {what} for this session", "allow_session", "acceptForSession"),
        _fixed("reject", "Reject", "reject_once", "decline"),
    ]
    values = {name: params[name] for name in ("reason", "grantRoot") if params.get(name)}
    return Ask("tool", "", values, choices, _text(params, "itemId"))


def _for_permissions(params: Params) -> Ask:
    wanted = params.get("permissions")
    granted = dict(wanted) if isinstance(wanted, Mapping) else {}

    def grant(option: str, name: str, kind: OptionKind, permissions: dict[str, Any], scope: str) -> Choice:
        return Choice(_option(option, name, kind), lambda _decision: {"permissions": permissions, "scope": scope})

    choices = [
        grant("allow", "Allow for this turn", "allow_once", granted, "turn"),
        grant("allow-session", "Allow for this session", "allow_session", granted, "session"),
        grant("reject", "Reject", "reject_once", {}, "turn"),
    ]
    values = {"permissions": granted, "reason": params.get("reason")}
    return Ask("tool", "Get more permissions", clipped_input(values), choices, _text(params, "itemId"))


def _for_input(params: Params) -> Ask:
    questions = [_question(asked) for asked in params.get("questions") or () if isinstance(asked, Mapping)]

    def answered(decision: Decision) -> dict[str, Any]:
        given = decision.answers or {}
        return {"answers": {name: {"answers": _listed(answer)} for name, answer in given.items()}}

    title = questions[0].question if questions else "Question"
    return Ask("question", title, {}, _answer_or_skip(answered, {"answers": {}}), _text(params, "itemId"), questions)


def _for_elicitation(params: Params) -> Ask | None:
    meta = params.get("_meta")
    meta = meta if isinstance(meta, Mapping) else {}
    server, message = str(params.get("serverName") or "A tool server"), str(params.get("message") or "")
    match params.get("mode"):
        case "url":
            url = str(params.get("url") or "")
            return Ask("tool", f"{server}: open {url}", {"url": url, "message": message}, _accept_or_decline({}))
        case "form" | "openaiForm" | "openai/form":
            schema = params.get("requestedSchema")
            properties = schema.get("properties") if isinstance(schema, Mapping) else None
            if not isinstance(properties, Mapping) or not properties:
                values = {"message": message, "tool": meta.get("tool_name"), "input": meta.get("tool_params")}
                shown = clipped_input({name: value for name, value in values.items() if value})
                return Ask("tool", message or server, shown, _accept_or_decline(meta))
            return _form(server, message, properties)
        case _:
            return None


def _form(server: str, message: str, properties: Mapping[str, Any]) -> Ask:
    def answered(decision: Decision) -> dict[str, Any]:
        given = decision.answers or {}
        content = {
            name: _typed(given[name], schema if isinstance(schema, Mapping) else {})
            for name, schema in properties.items()
            if name in given
        }
        return {"action": "accept", "content": content}

    questions = [
        _field(name, schema if isinstance(schema, Mapping) else {}, server) for name, schema in properties.items()
    ]
    choices = _answer_or_skip(answered, {"action": "decline"})
    return Ask("question", message or server, {"server": server}, choices, None, questions)


def _accept_or_decline(meta: Mapping[str, Any]) -> list[Choice]:
    """For a call of a tool of a server; `persist` names what Codex would remember."""

    def accept(option: str, name: str, kind: OptionKind, persist: str | None) -> Choice:
        result: dict[str, Any] = {"action": "accept", "content": {}}
        if persist:
            result["_meta"] = {"persist": persist}
        return Choice(_option(option, name, kind), lambda _decision: result)

    tool = meta.get("tool_name") or "this tool"
    remembered = meta.get("persist") or ()
    choices = [accept("allow", "Allow once", "allow_once", None)]
    if "session" in remembered:
        choices.append(accept("allow-session", f"Allow {tool} for this session", "allow_session", "session"))
    if "always" in remembered:
        name = f"Always allow {tool}, for ever, in every session"
        choices.append(accept("allow-always", name, "allow_always", "always"))
    return [*choices, Choice(_option("reject", "Reject", "reject_once"), lambda _decision: {"action": "decline"})]


def _answer_or_skip(answered: Result, skipped: dict[str, Any]) -> list[Choice]:
    return [
        Choice(_option("answer", "Answer", "allow_once"), answered),
        Choice(_option("skip", "Skip", "reject_once"), lambda _decision: skipped),
    ]


def _question(asked: Mapping[str, Any]) -> Question:
    return Question(
        id=str(asked.get("id") or ""),
        question=str(asked.get("question") or ""),
        header=str(asked.get("header") or ""),
        options=[
            QuestionChoice(label=str(option.get("label") or ""), description=str(option.get("description") or ""))
            for option in asked.get("options") or ()
        ],
        multiple=False,
        is_secret=bool(asked.get("isSecret")),
    )


def _field(name: str, schema: Mapping[str, Any], server: str) -> Question:
    items = schema.get("items")
    source = items if isinstance(items, Mapping) else schema
    values = source.get("enum") or (["true", "false"] if schema.get("type") == "boolean" else [])
    return Question(
        id=name,
        question=str(schema.get("description") or schema.get("title") or name),
        header=server,
        options=[QuestionChoice(label=str(value), description="") for value in values],
        multiple=schema.get("type") == "array",
        is_secret=schema.get("format") == "password",
    )


def _typed(answer: str | list[str], schema: Mapping[str, Any]) -> Any:
    """The answer in the type that the form asks for; what is no such value goes as it was given."""
    kind = schema.get("type")
    if kind == "array":
        return _listed(answer)
    text = answer if isinstance(answer, str) else ", ".join(answer)
    try:
        match kind:
            case "boolean":
                return text.strip().lower() in {"true", "yes"}
            case "integer":
                return int(text)
            case "number":
                return float(text)
            case _:
                return text
    except ValueError:
        return text


def _listed(answer: str | list[str]) -> list[str]:
    return [answer] if isinstance(answer, str) else list(answer)


def _fixed(option: str, name: str, kind: OptionKind, decision: Any) -> Choice:
    return Choice(_option(option, name, kind), lambda _decision: {"decision": decision})


def _option(option: str, name: str, kind: OptionKind, mode: str | None = None) -> ApprovalOption:
    return ApprovalOption(id=option, name=clipped(name, MAX_NAME_CHARS), kind=kind, mode=mode)


def _text(params: Params, name: str) -> str | None:
    value = params.get(name)
    return value if isinstance(value, str) else None


_ASKS: dict[str, Callable[[Params], Ask | None]] = {
    "item/commandExecution/requestApproval": _for_command,
    "item/fileChange/requestApproval": _for_change,
    "item/permissions/requestApproval": _for_permissions,
    "item/tool/requestUserInput": _for_input,
    "mcpServer/elicitation/request": _for_elicitation,
}
