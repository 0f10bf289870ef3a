"""What people do with waiting prompts. Pure: from a state and a wish to events, or a refusal."""

from ws.protocol.errors import ErrorCode, FieldError, WireError
from ws.protocol.events import JournalEvent, PromptDropped, PromptEdited, PromptMoved, QueueReleased
from ws.protocol.sessions import QueuedPrompt, SessionQueueParams, SessionState


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
            return [PromptEdited(message_id=prompt.message_id, text=params.text, by=by)]
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
