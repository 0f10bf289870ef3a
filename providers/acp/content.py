"""Blocks of content, from the agent's words to ours and back."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from providers.acp.fields import table, tables, text
from providers.base import Prompt, ProviderFailed
from providers.bounds import fitting_all
from ws.protocol.events import DiffContent, ImageContent, PlanEntry, TextContent, ToolContent, ToolKind

_KINDS = frozenset({"read", "edit", "delete", "move", "search", "execute", "think", "fetch"})
_STATES = frozenset({"pending", "in_progress", "completed"})
MAX_ENTRIES = 500


def tool_kind(told: Mapping[str, Any]) -> ToolKind:
    kind = text(told, "kind")
    return cast("ToolKind", kind) if kind in _KINDS else "other"


def tool_contents(told: Mapping[str, Any], folder: Path, known: Sequence[ToolContent]) -> list[ToolContent] | None:
    """What a call shows, within the bounds of an event; None when this message does not say.

    `known` is what the call showed before: agents that shorten paths in the end told the whole one at first.
    """
    shown: list[ToolContent] = []
    for each in tables(told, "content"):
        match each.get("type"):
            case "content":
                shown.extend(_block(table(each, "content")))
            case "diff":
                shown.append(_diff(each, folder, known))
            case _:
                pass  # `terminal` needs a terminal of the client's, which is not offered
    output = told.get("rawOutput")
    if not shown and isinstance(output, str) and output:
        shown.append(TextContent(text=output))
    if not shown and "content" not in told:
        return None
    return fitting_all(shown)


def chunk_text(told: Mapping[str, Any]) -> str:
    """The text of a chunk of prose; what is no text is named."""
    block = table(told, "content")
    if block.get("type") in {"text", None}:
        return text(block, "text")
    return "".join(each.text if isinstance(each, TextContent) else "[a picture]" for each in _block(block))


def prompt_blocks(prompt: Prompt, *, has_images: bool, name: str) -> list[dict[str, Any]]:
    """A prompt as ACP has it. Raises :class:`ProviderFailed` for a picture that the agent cannot take.

    Beside a picture files are mentioned in words: Qwen Code 0.15.10 drops the pictures of a prompt that has links.
    """
    has_pictures = any(each.data_url for each in prompt.attachments)
    blocks: list[dict[str, Any]] = [{"type": "text", "text": prompt.text}]
    for attachment in prompt.attachments:
        if attachment.type == "file" and attachment.path:
            path = Path(attachment.path)
            if has_pictures:
                blocks.append({"type": "text", "text": f"@{path}"})
                continue
            blocks.append({"type": "resource_link", "uri": path.as_uri(), "name": attachment.name or path.name})
        elif attachment.data_url:
            if not has_images:
                raise ProviderFailed(f"{name} takes no pictures: send the prompt without them.")
            header, _, data = attachment.data_url.partition(",")
            mime = attachment.mime or header.removeprefix("data:").partition(";")[0]
            blocks.append({"type": "image", "mimeType": mime, "data": data})
    return blocks


def plan_entries(told: Mapping[str, Any]) -> list[PlanEntry]:
    return [
        PlanEntry(
            content=text(entry, "content"),
            status=cast("Any", status if (status := text(entry, "status")) in _STATES else "pending"),
        )
        for entry in tables(told, "entries")[:MAX_ENTRIES]
    ]


def _block(block: Mapping[str, Any]) -> list[ToolContent]:
    match block.get("type"):
        case "text":
            return [TextContent(text=text(block, "text"))]
        case "image":
            mime = text(block, "mimeType") or "image/png"
            return [ImageContent(mime=mime, data_url=f"data:{mime};base64,{text(block, 'data')}")]
        case "resource_link":
            return [TextContent(text=text(block, "uri"))]
        case "resource":
            resource = table(block, "resource")
            return [TextContent(text=text(resource, "text") or text(resource, "uri"))]
        case kind:
            return [TextContent(text=f"[{kind or 'unknown content'}]")]


def _diff(told: Mapping[str, Any], folder: Path, known: Sequence[ToolContent]) -> DiffContent:
    path, old = text(told, "path"), told.get("oldText")
    if not Path(path).is_absolute():
        whole = [each.path for each in known if isinstance(each, DiffContent) and each.path.endswith(f"/{path}")]
        path = whole[0] if whole else str(folder / path)
    return DiffContent(path=path, old_text=old if isinstance(old, str) else None, new_text=text(told, "newText"))
