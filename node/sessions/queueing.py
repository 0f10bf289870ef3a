"""What people do with waiting prompts. Pure: from a state and a wish to events, or a refusal."""

from collections.abc import Sequence

from node.sessions.attachments import too_large
from node.sessions.fitting import STAMP_BYTES, encode
from ws.protocol.errors import ErrorCode, FieldError, WireError
from ws.protocol.events import MAX_EVENT_BYTES, JournalEvent, PromptDropped, PromptEdited, PromptMoved, QueueReleased
from ws.protocol.sessions import QueuedPrompt, SessionQueueParams, SessionState

MAX_WAITING = 100
MAX_WAITING_BYTES = 4 * 1024 * 1024
"""All waiting prompts of a session with their pictures, as JSON."""


def queue_events(state: SessionState, params: SessionQueueParams, by: str) -> list[JournalEvent]:
    """The events of this act. Raises `invalid` when a field is missing, `not_found` when the prompt waits no more."""
    match params.action:
        case "list":
            return []
        case "release":
            return [QueueReleased(by=by)] if state.queue_held else []
        case "edit":
            if params.text is None:
                raise _missing("text")
            prompt = _waiting(state, params)
            edited = PromptEdited(message_id=prompt.message_id, text=params.text, by=by)
            if len(encode(edited)) > MAX_EVENT_BYTES - STAMP_BYTES:
                raise too_large()
            return [edited]
        case "move":
            prompt = _waiting(state, params)
            if params.before is not None and all(each.message_id != params.before for each in state.queue):
                raise WireError(ErrorCode.NOT_FOUND, "The prompt to stand before is not waiting any more.")
            return [PromptMoved(message_id=prompt.message_id, before=params.before, by=by)]
        case "drop":
            prompt = _waiting(state, params)
            dropped: list[JournalEvent] = [PromptDropped(message_id=prompt.message_id, by=by)]
            is_last = state.queue == [prompt]
            # Nothing is left to hold back: the next prompt shall run at once.
            return [*dropped, QueueReleased(by=by)] if is_last and state.queue_held else dropped


def check_room(before: SessionState, after: SessionState) -> None:
    """Raises `too_large` when the queue has grown beyond what one answer holds: session.get tells all of it."""
    if len(after.queue) > max(MAX_WAITING, len(before.queue)):
        raise WireError(
            ErrorCode.TOO_LARGE, f"{MAX_WAITING} prompts wait already: let some of them run, or drop some first."
        )
    size_bytes = _size_bytes(after.queue)
    if size_bytes > MAX_WAITING_BYTES and size_bytes > _size_bytes(before.queue):
        raise WireError(
            ErrorCode.TOO_LARGE,
            f"The prompts that wait would be larger than {MAX_WAITING_BYTES >> 20} MiB together: let some of them run,"
            " or drop some first.",
        )


def _size_bytes(queue: Sequence[QueuedPrompt]) -> int:
    return sum(len(encode(prompt)) for prompt in queue)


def _waiting(state: SessionState, params: SessionQueueParams) -> QueuedPrompt:
    if params.message_id is None:
        raise _missing("message_id")
    for prompt in state.queue:
        if prompt.message_id == params.message_id:
            return prompt
    raise WireError(ErrorCode.NOT_FOUND, "This prompt is not waiting any more: it has started or was dropped.")


def _missing(field: str) -> WireError:
    return WireError(
        ErrorCode.INVALID,
        f"`{field}` is missing for this action.",
        errors=[FieldError(path=f"params.{field}", message="is needed for this action")],
    )
