"""Going back: the CLI's checkpoints of files, and whether it can be resumed at a point of its past.

The CLI keeps what each file was before each prompt, in its own store, so that also a later process can put it back. It
knows only the files that its editing tools have changed: what commands (Bash) did to files stays as it is.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from providers.base import GoingBack, ProviderFailed
from providers.claude.options import prompt_uuid
from ws.protocol.events import RewoundFile

NO_CHECKPOINT = (
    "Claude has kept no state of the files from before this prompt: "
    "go back without the files, or choose another prompt."
)

Request = Callable[[dict[str, Any]], Awaitable[Mapping[str, Any]]]


async def put_back(to: GoingBack, request: Request) -> Sequence[RewoundFile]:
    """Files as they were before that prompt; with `is_dry_run` only which. Raises :class:`ProviderFailed`.

    `request` sends a control request. The CLI counts lines for all files together, so only a single file has counts.
    """
    order = {"subtype": "rewind_files", "user_message_id": prompt_uuid(to.message_id)}
    preview = _checked(await request({**order, "dry_run": True}))
    if not to.is_dry_run:
        _checked(await request(order))
    paths = [str(path) for path in preview.get("filesChanged") or ()]
    if len(paths) == 1:
        counts = (_count(preview.get("insertions")), _count(preview.get("deletions")))
        return [RewoundFile(path=paths[0], insertions=counts[0], deletions=counts[1])]
    return [RewoundFile(path=path) for path in paths]


def _checked(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    if answer.get("canRewind"):
        return answer
    reason = str(answer.get("error") or "")
    if not reason or "No file checkpoint" in reason:
        raise ProviderFailed(NO_CHECKPOINT)
    raise ProviderFailed(f"Claude could not put the files back ({reason[:300]}): go back without the files.")


def _count(value: object) -> int | None:
    return value if isinstance(value, int) else None
