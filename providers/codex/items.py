"""Items of a Codex thread as people read them: kind, title, input, output. Pure."""

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from providers.bounds import clipped_input, fitting_all, one_line
from providers.codex.errors import DECLINED
from ws.protocol.events import ImageContent, TextContent, ToolCall, ToolContent, ToolKind, ToolStatus

MAX_TITLE_CHARS = 120

Item = Mapping[str, Any]

_SHELL_LINE = 3
"""`/bin/bash -lc LINE`: how Codex writes a command of the shell."""

_ACTION_KINDS: dict[str, ToolKind] = {"read": "read", "listFiles": "search", "search": "search"}
_FAILED = frozenset({"failed", "declined", "interrupted"})


@dataclass(frozen=True)
class Shown:
    """The beginning of a tool call."""

    name: str
    kind: ToolKind
    title: str
    input: Mapping[str, Any]


def shown(item: Item, folder: Path) -> Shown | None:
    """None for items that are no tool calls."""
    show = _SHOWN.get(str(item.get("type")))
    return None if show is None else show(item, folder)


def tool_call(call_id: str, shown_as: Shown, parent: str | None) -> ToolCall:
    return ToolCall(
        tool_call_id=call_id,
        name=shown_as.name,
        kind=shown_as.kind,
        title=one_line(shown_as.title, MAX_TITLE_CHARS) or shown_as.name,
        input=clipped_input(shown_as.input),
        parent=parent,
    )


def outcome(item: Item) -> tuple[ToolStatus, list[ToolContent]]:
    """How a finished item ended, and what it returned; file changes are shown by `diffs`."""
    status: ToolStatus = "failed" if item.get("status") in _FAILED else "completed"
    if item.get("status") == "declined":
        return status, [TextContent(text=DECLINED)]
    returned = _RETURNED.get(str(item.get("type")))
    return status, fitting_all(returned(item) if returned else [])


def plain_command(item: Item) -> str:
    """The command without the shell that runs it."""
    actions = [action for action in item.get("commandActions") or () if isinstance(action, Mapping)]
    command = str(item.get("command") or "")
    try:
        words = shlex.split(command)
    except ValueError:
        words = []
    if len(words) == _SHELL_LINE and words[1] in {"-lc", "-c"}:
        return words[2]
    return str(actions[0].get("command") or command) if len(actions) == 1 else command


def _command(item: Item, folder: Path) -> Shown:
    kinds = {_ACTION_KINDS.get(str(action.get("type")), "execute") for action in item.get("commandActions") or ()}
    command = plain_command(item)
    values: dict[str, Any] = {"command": command}
    if item.get("cwd") not in {None, str(folder)}:
        values["cwd"] = item["cwd"]
    return Shown("shell", kinds.pop() if len(kinds) == 1 else "execute", command, values)


def _file_change(item: Item, folder: Path) -> Shown:
    changes = [change for change in item.get("changes") or () if isinstance(change, Mapping)]
    kinds = {str((change.get("kind") or {}).get("type")) for change in changes}
    paths = [_short(str(change.get("path", "")), folder) for change in changes]
    verb: tuple[str, ToolKind] = {"add": ("Write", "edit"), "delete": ("Delete", "delete")}.get(  # type: ignore[assignment]
        kinds.pop() if len(kinds) == 1 else "", ("Edit", "edit")
    )
    return Shown("apply_patch", verb[1], f"{verb[0]} {', '.join(paths)}", {"paths": paths[:200]})


def _mcp(item: Item, _folder: Path) -> Shown:
    given = item.get("arguments")
    values = given if isinstance(given, Mapping) else {} if given is None else {"arguments": given}
    where = item.get("server") or item.get("namespace")
    name = f"{where}: {item.get('tool')}" if where else str(item.get("tool"))
    return Shown(name, "other", name, values)


def _web_search(item: Item, _folder: Path) -> Shown:
    query = str(item.get("query") or "")
    return Shown("web_search", "search", f"Search the web for {query}", {"query": query})


def _image_view(item: Item, folder: Path) -> Shown:
    path = str(item.get("path") or "")
    return Shown("view_image", "read", f"View {_short(path, folder)}", {"path": path})


def _image_made(item: Item, _folder: Path) -> Shown:
    prompt = str(item.get("revisedPrompt") or "")
    return Shown("image_generation", "other", f"Draw {prompt}".strip(), {"prompt": prompt})


def _review(item: Item, _folder: Path) -> Shown:
    return Shown("review", "think", "Review", {"review": str(item.get("review") or "")})


def _agents(item: Item, _folder: Path) -> Shown:
    """A call of the tools for sub-agents; their own threads are shown below it."""
    prompt = str(item.get("prompt") or "")
    verb = {"spawnAgent": "Agent:", "wait": "Wait for agents", "closeAgent": "Close an agent"}.get(
        str(item.get("tool")), f"Agents: {item.get('tool')}"
    )
    return Shown(str(item.get("tool")), "think", f"{verb} {prompt}", {"prompt": prompt} if prompt else {})


def _short(path: str, folder: Path) -> str:
    return str(Path(path).relative_to(folder)) if path and Path(path).is_relative_to(folder) else path


def _command_output(item: Item) -> list[ToolContent]:
    output = str(item.get("aggregatedOutput") or "").rstrip("\n")
    code = item.get("exitCode")
    if output:
        return [TextContent(text=output)]
    return [TextContent(text=f"Exit code {code}, no output.")] if code else []


def _mcp_output(item: Item) -> list[ToolContent]:
    error = item.get("error")
    if isinstance(error, Mapping):
        return [TextContent(text=str(error.get("message") or "It failed."))]
    result = item.get("result")
    parts = result.get("content") if isinstance(result, Mapping) else item.get("contentItems")
    return _contents(parts if isinstance(parts, list) else [])


def _contents(parts: list[Any]) -> list[ToolContent]:
    found: list[ToolContent] = []
    for part in parts:
        if not isinstance(part, Mapping):
            continue
        if isinstance(part.get("text"), str):
            found.append(TextContent(text=part["text"]))
        elif part.get("type") == "image" and part.get("data"):
            mime = str(part.get("mimeType") or "image/png")
            found.append(ImageContent(mime=mime, data_url=f"data:{mime};base64,{part['data']}"))
    return found


def _agents_output(item: Item) -> list[ToolContent]:
    states = item.get("agentsStates")
    said = [state.get("message") for state in states.values()] if isinstance(states, Mapping) else []
    return [TextContent(text=str(text)) for text in said if text]


def _image_output(item: Item) -> list[ToolContent]:
    data = str(item.get("result") or "")
    return [ImageContent(mime="image/png", data_url=f"data:image/png;base64,{data}")] if data else []


def _review_output(item: Item) -> list[ToolContent]:
    return [TextContent(text=str(item["review"]))] if item.get("review") else []


_SHOWN: dict[str, Callable[[Item, Path], Shown]] = {
    "commandExecution": _command,
    "fileChange": _file_change,
    "mcpToolCall": _mcp,
    "dynamicToolCall": _mcp,
    "webSearch": _web_search,
    "imageView": _image_view,
    "imageGeneration": _image_made,
    "exitedReviewMode": _review,
    "collabAgentToolCall": _agents,
}

_RETURNED: dict[str, Callable[[Item], list[ToolContent]]] = {
    "commandExecution": _command_output,
    "mcpToolCall": _mcp_output,
    "dynamicToolCall": _mcp_output,
    "imageGeneration": _image_output,
    "exitedReviewMode": _review_output,
    "collabAgentToolCall": _agents_output,
}
