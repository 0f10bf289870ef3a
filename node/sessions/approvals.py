"""Answering approvals: who may still answer what, and what is said to those who are too late."""

from ws.protocol.errors import ErrorCode, FieldError, Winner, WireError
from ws.protocol.events import ApprovalOption, ApprovalRequested, ApprovalResolved, JournalEvent
from ws.protocol.sessions import SessionState

EXPIRED_MESSAGE = "Nobody answered in time, so this was not allowed."


def pending(state: SessionState, approval: str) -> ApprovalRequested | None:
    """The approval if it still waits for an answer."""
    return next((each for each in state.approvals if each.approval == approval), None)


def chosen(request: ApprovalRequested, option: str) -> ApprovalOption:
    """The option with this id. Raises `invalid`."""
    for each in request.options:
        if each.id == option:
            return each
    allowed = ", ".join(each.id for each in request.options)
    raise WireError(
        ErrorCode.INVALID,
        f"{option[:64]!r} is not among the options; choose one of {allowed}.",
        errors=[FieldError(path="params.option", message=f"one of {allowed}")],
    )


def refusal(request: ApprovalRequested) -> str | None:
    """The option that says no, this once if there is a choice; None when the agent offers none."""
    kinds = {each.kind: each.id for each in reversed(request.options)}
    return kinds.get("reject_once") or kinds.get("reject_always")


def too_late(request: JournalEvent | None, resolution: JournalEvent | None) -> WireError:
    """Why an approval that is not pending cannot be answered."""
    if not isinstance(request, ApprovalRequested) or not isinstance(resolution, ApprovalResolved):
        return WireError(ErrorCode.NOT_FOUND, "There is no such approval in this session.")
    if resolution.outcome == "expired":
        return WireError(ErrorCode.CONFLICT, "Nobody answered in time, so the agent was told no.")
    if resolution.outcome == "withdrawn":
        return WireError(ErrorCode.CONFLICT, "The agent does not ask this any more: its turn has ended.")
    name = next((each.name for each in request.options if each.id == resolution.option), resolution.option)
    winner = Winner(option=resolution.option or "", by=resolution.by or "")
    return WireError(ErrorCode.CONFLICT, f"{winner.by} has answered this already: {name}.", winner=winner)
