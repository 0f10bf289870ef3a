"""How Codex's tools are named and called (0.169.0 and 0.153.4, model gpt-5.5)."""

from collections.abc import Callable
from typing import Any

import msgspec

from tests.support.model_server.script import Act, tool_arguments

_Call = tuple[str, dict[str, Any] | str]
"""A tool's name, behind its namespace and a point if it has one; its arguments, or a custom tool's text."""


def tool_item(act: Act, body: dict[str, Any], call_id: str) -> dict[str, Any]:
    """The output item that calls a tool for an act of the script."""
    name, arguments = _TOOLS[act.verb](*act.arguments)
    names = {tool.get("name"): tool for tool in body.get("tools") or ()}
    namespace, _, bare = name.rpartition(".")
    common = {"id": f"it_{call_id}", "call_id": call_id, "name": bare}
    if namespace:
        common["namespace"] = namespace
    elif "functions" in names:
        common["name"], arguments = "exec", _code(name, arguments)
    if isinstance(arguments, str):
        return {"type": "custom_tool_call", "status": "completed", "input": arguments, **common}
    return {"type": "function_call", "arguments": msgspec.json.encode(arguments).decode(), **common}


def _code(name: str, arguments: dict[str, Any] | str) -> str:
    """Newer models call their tools from JavaScript."""
    return f"const r = await tools.{name}({msgspec.json.encode(arguments).decode()}); text(JSON.stringify(r));"


def _run(command: str) -> _Call:
    return "exec_command", {"cmd": command}


def _read(path: str) -> _Call:
    return "exec_command", {"cmd": f"cat {path}"}


def _write(path: str, text: str) -> _Call:
    lines = "\n".join(f"+{line}" for line in text.split("\n"))
    return "apply_patch", f"*** Begin Patch\n*** Add File: {path}\n{lines}\n*** End Patch"


def _edit(path: str, old: str, new: str) -> _Call:
    gone = "\n".join(f"-{line}" for line in old.split("\n"))
    come = "\n".join(f"+{line}" for line in new.split("\n"))
    return "apply_patch", f"*** Begin Patch\n*** Update File: {path}\n@@\n{gone}\n{come}\n*** End Patch"


def _ask(question: str, *options: str) -> _Call:
    choices = [{"label": option, "description": f"The answer {option}"} for option in options]
    asked = {"id": "bird", "header": "Question", "question": question, "options": choices}
    return "request_user_input", {"questions": [asked]}


def _todo(entry: str) -> _Call:
    return "update_plan", {"plan": [{"step": entry, "status": "pending"}]}


def _agent(steps: str) -> _Call:
    script = "\n".join(step.strip() for step in steps.split(";"))
    return "collaboration.spawn_agent", {"task_name": "part", "message": script}


def _plan(text: str) -> _Call:
    return "update_plan", {"plan": [], "explanation": text}


def _tool(name: str, arguments: str) -> _Call:
    return name, tool_arguments(arguments)


_TOOLS: dict[str, Callable[..., _Call]] = {
    "run": _run,
    "read": _read,
    "write": _write,
    "edit": _edit,
    "ask": _ask,
    "todo": _todo,
    "agent": _agent,
    "plan": _plan,
    "tool": _tool,
}
