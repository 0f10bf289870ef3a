"""Claude Code's tools as people read them: kind, title, output."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from providers.bounds import clipped_input, fitting_all
from providers.claude.diffs import from_result
from ws.protocol.events import ImageContent, TextContent, ToolCall, ToolContent, ToolKind

EDITING = frozenset({"Edit", "MultiEdit", "NotebookEdit", "Write"})
MAX_TITLE_CHARS = 120

_KINDS: dict[str, ToolKind] = {
    "Agent": "think",
    "Bash": "execute",
    "BashOutput": "execute",
    "Edit": "edit",
    "Glob": "search",
    "Grep": "search",
    "KillShell": "execute",
    "LS": "search",
    "MultiEdit": "edit",
    "NotebookEdit": "edit",
    "NotebookRead": "read",
    "Read": "read",
    "Task": "think",
    "TaskCreate": "think",
    "TaskGet": "think",
    "TaskList": "think",
    "TaskUpdate": "think",
    "TodoWrite": "think",
    "ToolSearch": "search",
    "WebFetch": "fetch",
    "WebSearch": "search",
    "Write": "edit",
    "web_fetch": "fetch",
    "web_search": "search",
}

_TITLES: dict[str, tuple[str, str]] = {
    "Agent": ("Agent:", "description"),
    "AskUserQuestion": ("Ask a question", ""),
    "Bash": ("", "command"),
    "Edit": ("Edit", "file_path"),
    "ExitPlanMode": ("Present the plan", ""),
    "Glob": ("Find", "pattern"),
    "Grep": ("Search for", "pattern"),
    "LS": ("List", "path"),
    "MultiEdit": ("Edit", "file_path"),
    "NotebookEdit": ("Edit", "notebook_path"),
    "Read": ("Read", "file_path"),
    "Skill": ("Skill:", "skill"),
    "Task": ("Agent:", "description"),
    "TaskCreate": ("Note a task:", "subject"),
    "TaskUpdate": ("Update a task", ""),
    "TodoWrite": ("Update the plan", ""),
    "WebFetch": ("Fetch", "url"),
    "WebSearch": ("Search the web for", "query"),
    "Write": ("Write", "file_path"),
}


def title(name: str, arguments: Mapping[str, Any], folder: Path) -> str:
    """One line: what the tool does to what; paths inside the session's folder are relative to it."""
    words, argument = _TITLES.get(name, (name.removeprefix("mcp__").replace("__", ": "), ""))
    value = str(arguments.get(argument, "")) if argument else ""
    if argument.endswith("path"):
        value = _shown_path(value, folder)
    line = " ".join(f"{words} {value}".split()) or name
    return line if len(line) <= MAX_TITLE_CHARS else line[: MAX_TITLE_CHARS - 1] + "…"


def tool_call(
    call_id: str, name: str, arguments: Mapping[str, Any], folder: Path, parent: str | None = None
) -> ToolCall:
    return ToolCall(
        tool_call_id=call_id,
        name=name,
        kind=_KINDS.get(name, "other"),
        title=title(name, arguments, folder),
        input=clipped_input(arguments),
        parent=parent,
    )


def output(name: str, content: Any, result: Any) -> list[ToolContent]:
    """What a call returned: `content` as the model reads it, `result` the CLI's structured form when there is one."""
    structured = result if isinstance(result, Mapping) else {}
    if structured.get("status") == "async_launched":  # what the model reads here is not for people
        return [TextContent(text="Works in the background.")]
    if name in EDITING and (diff := from_result(structured)) is not None:
        return fitting_all([diff])
    return fitting_all(_contents(content))


def _contents(content: Any) -> list[ToolContent]:
    if isinstance(content, str):
        return [TextContent(text=content)] if content else []
    contents: list[ToolContent] = []
    for block in content if isinstance(content, list) else ():
        source = block.get("source") or {}
        if block.get("type") == "text":
            contents.append(TextContent(text=block.get("text", "")))
        elif block.get("type") == "image" and source.get("type") == "base64":
            mime = source.get("media_type", "image/png")
            contents.append(ImageContent(mime=mime, data_url=f"data:{mime};base64,{source.get('data', '')}"))
    return contents


def _shown_path(path: str, folder: Path) -> str:
    return str(Path(path).relative_to(folder)) if Path(path).is_relative_to(folder) else path
