"""What Codex asks, and what each answer tells it."""

from typing import Any

import pytest

from providers.base import Decision
from providers.codex.choices import Ask, ask

COMMAND, CHANGE = "item/commandExecution/requestApproval", "item/fileChange/requestApproval"
ELICITATION = "mcpServer/elicitation/request"


def asked(method: str, **params: Any) -> Ask:
    found = ask(method, params)
    assert found is not None
    return found


def answers(request: Ask) -> dict[str, Any]:
    """By option, what it tells Codex."""
    return {choice.option.id: choice.result(Decision(option=choice.option.id)) for choice in request.choices}


def test_every_answer_to_a_command_writes_out_what_it_remembers() -> None:
    request = asked(
        COMMAND,
        itemId="c",
        command="/bin/bash -lc 'git push'",
        cwd="/work",
        reason="to publish",
        proposedExecpolicyAmendment=["git", "push"],
    )
    assert (request.title, request.item) == ("git push", "c")
    assert request.input == {"command": "git push", "cwd": "/work", "reason": "to publish"}
    assert [(choice.option.kind, choice.option.name) for choice in request.choices] == [
        ("allow_once", "Allow once"),
        ("allow_session", "Allow `git push` for this session"),
        ("allow_always", "Always allow commands that begin with `git push`, for ever, in every session"),
        ("reject_once", "Reject"),
    ]
    assert answers(request) == {
        "allow": {"decision": "accept"},
        "allow-session": {"decision": "acceptForSession"},
        "allow-always": {"decision": {"acceptWithExecpolicyAmendment": {"execpolicy_amendment": ["git", "push"]}}},
        "reject": {"decision": "decline"},
    }


def test_a_connection_names_its_host() -> None:
    rule = {"host": "example.org", "action": "allow"}
    request = asked(
        COMMAND,
        command="curl https://example.org",
        networkApprovalContext={"host": "example.org", "protocol": "https"},
        proposedNetworkPolicyAmendments=[rule, {"host": "example.org", "action": "deny"}],
    )
    assert request.title == "Connect to example.org"
    assert request.input["host"] == "example.org"
    always = {"decision": {"applyNetworkPolicyAmendment": {"network_policy_amendment": rule}}}
    assert answers(request)["allow-host-0"] == always
    assert "allow-host-1" not in answers(request)


def test_a_change_of_files() -> None:
    request = asked(CHANGE, itemId="c", grantRoot="/srv", reason="outside")
    assert [choice.option.name for choice in request.choices] == [
        "Allow once",
        "Allow all edits below /srv for this session",
        "Reject",
    ]
    assert answers(request)["allow-session"] == {"decision": "acceptForSession"}


def test_more_permissions_for_a_turn_or_the_session() -> None:
    wanted = {"network": {"enabled": True}}
    request = asked("item/permissions/requestApproval", itemId="c", permissions=wanted, reason="to fetch")
    assert answers(request) == {
        "allow": {"permissions": wanted, "scope": "turn"},
        "allow-session": {"permissions": wanted, "scope": "session"},
        "reject": {"permissions": {}, "scope": "turn"},
    }


def test_questions_with_secrets() -> None:
    questions = [
        {"id": "a", "header": "Bird", "question": "Which?", "options": [{"label": "Heron", "description": "grey"}]},
        {"id": "b", "header": "Key", "question": "Which key?", "isSecret": True, "options": None},
    ]
    request = asked("item/tool/requestUserInput", itemId="c", questions=questions)
    assert request.kind == "question"
    assert [(question.id, question.is_secret) for question in request.questions or ()] == [("a", False), ("b", True)]
    answer = next(choice for choice in request.choices if choice.option.id == "answer")
    decision = Decision(option="answer", answers={"a": "Heron", "b": ["one", "two"]})
    assert answer.result(decision) == {"answers": {"a": {"answers": ["Heron"]}, "b": {"answers": ["one", "two"]}}}
    assert answers(request)["skip"] == {"answers": {}}


def test_a_tool_of_a_server_is_allowed_as_long_as_codex_can_remember() -> None:
    meta = {"codex_approval_kind": "mcp_tool_call", "persist": ["session", "always"], "tool_name": "find"}
    request = asked(
        ELICITATION,
        serverName="birds",
        mode="form",
        message="Allow birds to run find?",
        requestedSchema={"type": "object", "properties": {}},
        _meta={**meta, "tool_params": {"name": "heron"}},
    )
    assert (request.kind, request.title) == ("tool", "Allow birds to run find?")
    assert request.input["input"] == {"name": "heron"}
    assert answers(request) == {
        "allow": {"action": "accept", "content": {}},
        "allow-session": {"action": "accept", "content": {}, "_meta": {"persist": "session"}},
        "allow-always": {"action": "accept", "content": {}, "_meta": {"persist": "always"}},
        "reject": {"action": "decline"},
    }


def test_a_form_of_a_server_is_answered_in_its_types() -> None:
    properties = {
        "bird": {"type": "string", "enum": ["heron", "stork"], "description": "Which bird?"},
        "count": {"type": "integer"},
        "weight": {"type": "number"},
        "grey": {"type": "boolean"},
        "days": {"type": "array", "items": {"enum": ["Monday", "Friday"]}},
    }
    request = asked(
        ELICITATION, serverName="birds", mode="form", message="Tell", requestedSchema={"properties": properties}
    )
    questions = {question.id: question for question in request.questions or ()}
    assert [option.label for option in questions["bird"].options] == ["heron", "stork"]
    assert [option.label for option in questions["grey"].options] == ["true", "false"]
    assert questions["days"].multiple
    answer = next(choice for choice in request.choices if choice.option.id == "answer")
    given: dict[str, str | list[str]] = {
        "bird": "heron",
        "count": "2",
        "weight": "many",
        "grey": "true",
        "days": "Friday",
    }
    assert answer.result(Decision(option="answer", answers=given)) == {
        "action": "accept",
        "content": {"bird": "heron", "count": 2, "weight": "many", "grey": True, "days": ["Friday"]},
    }


def test_a_page_to_open_is_shown() -> None:
    request = asked(ELICITATION, serverName="birds", mode="url", message="Sign in", url="https://example.org/in")
    assert request.input["url"] == "https://example.org/in"
    assert answers(request)["reject"] == {"action": "decline"}


@pytest.mark.parametrize(
    ("method", "params"),
    [("item/tool/call", {}), ("heron/ask", {}), (ELICITATION, {"mode": "openai/userVerification"})],
)
def test_what_is_not_offered_here_is_not_asked(method: str, params: dict[str, Any]) -> None:
    assert ask(method, params) is None
