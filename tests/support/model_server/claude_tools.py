"""How Claude Code's tools are named and called (2.1.329)."""

import re
from collections.abc import Callable
from typing import Any

import msgspec

from tests.support.model_server.script import Act, tool_arguments

_PLAN_FILE = re.compile(r"(/[^\s\"`\\]+/plans/[\w.-]+\.md)")

ToolCall = tuple[str, dict[str, Any]]


def tool_use(act: Act, body: dict[str, Any]) -> ToolCall:
    """The tool and its input for an act of the script; `body` is the request that is answered."""
    if act.verb == "plan_file":
        return "Write", {"file_path": _plan_file(body), "content": act.arguments[0]}
    return _TOOLS[act.verb](*act.arguments)


def _run(command: str) -> ToolCall:
    return "Bash", {"command": command, "description": "Run what the script says"}


def _write(path: str, text: str) -> ToolCall:
    return "Write", {"file_path": path, "content": text}


def _edit(path: str, old: str, new: str) -> ToolCall:
    return "Edit", {"file_path": path, "old_string": old, "new_string": new}


def _read(path: str) -> ToolCall:
    return "Read", {"file_path": path}


def _ask(question: str, *options: str) -> ToolCall:
    choices = [{"label": option, "description": f"The answer {option}"} for option in options]
    asked = {"question": question, "header": "Question", "multiSelect": False, "options": choices}
    return "AskUserQuestion", {"questions": [asked]}


def _plan(_text: str) -> ToolCall:
    return "ExitPlanMode", {}


def _todo(subject: str) -> ToolCall:
    return "TaskCreate", {"subject": subject, "description": subject, "activeForm": subject}


def _agent(steps: str) -> ToolCall:
    script = "\n".join(step.strip() for step in steps.split(";"))
    return "Agent", {"description": "Play a part", "prompt": script, "subagent_type": "general-purpose"}


def _tool(name: str, arguments: str) -> ToolCall:
    return name, tool_arguments(arguments)


_TOOLS: dict[str, Callable[..., ToolCall]] = {
    "run": _run,
    "write": _write,
    "edit": _edit,
    "read": _read,
    "ask": _ask,
    "plan": _plan,
    "todo": _todo,
    "agent": _agent,
    "tool": _tool,
}


def _plan_file(body: dict[str, Any]) -> str:
    """Claude Code names the plan file in a system reminder of the conversation."""
    found = _PLAN_FILE.search(msgspec.json.encode(body).decode())
    return found.group(1) if found else "/nonexistent/plans/plan.md"
