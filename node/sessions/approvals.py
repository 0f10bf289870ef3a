"""Answering approvals: who may still answer what, and what is said to those who are too late."""

from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from node.sessions.fitting import encode
from ws.protocol.errors import ErrorCode, FieldError, Winner, WireError
from ws.protocol.events import ApprovalOption, ApprovalRequested, ApprovalResolved, Delta, JournalEvent, Notice
from ws.protocol.sessions import SessionState

MAX_OPEN = 50
MAX_OPEN_BYTES = 2 * 1024 * 1024
"""All that one session asks at a time, as JSON: session.get tells all of it in one answer."""

CROWDED = Notice(
    level="warning",
    code="too_many_asks",
    text="The agent asks more at once than anybody can answer: what came last was not allowed.",
)

EXPIRED_MESSAGE = "Nobody answered in time, so this was not allowed."


def pending(state: SessionState, approval: str) -> ApprovalRequested | None:
    """The approval if it still waits for an answer."""
    return next((each for each in state.approvals if each.approval == approval), None)


def is_crowded(state: SessionState, request: ApprovalRequested) -> bool:
    """Whether there is no room for one more."""
    open_now = [*state.approvals, request]
    return len(open_now) > MAX_OPEN or (
        len(open_now) > 1 and sum(len(encode(each)) for each in open_now) > MAX_OPEN_BYTES
    )


def dated(item: JournalEvent | Delta, timeout_s: float) -> JournalEvent | Delta:
    """A request with its deadline; anything else as it is."""
    if not isinstance(item, ApprovalRequested):
        return item
    expires = datetime.now(UTC) + timedelta(seconds=timeout_s)
    return replace(item, expires_at=expires.isoformat(timespec="milliseconds").replace("+00:00", "Z"))


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
