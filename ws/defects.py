"""Defects: errors that nobody foresaw. Logged exactly once, under an id that the person who met it is shown."""

import secrets

import structlog

from ws.protocol.errors import ErrorCode, WireError
from ws.requests import current_request

log = structlog.get_logger(__name__)


def log_defect(event: str, error: BaseException, **fields: object) -> str:
    """Log `error` with its traceback and return the id (8 hex digits) under which the log has it.

    Within a request that is the request's own id, so that its other lines are found too.
    """
    defect = current_request() or secrets.token_hex(4)
    log.error(event, defect=defect, exc_info=error, **fields)
    return defect


def internal_error(event: str, error: BaseException, **fields: object) -> WireError:
    """What a caller hears of a defect: the id and nothing else. Logs `error`, so call it once per defect."""
    defect = log_defect(event, error, **fields)
    return WireError(
        ErrorCode.INTERNAL, f"Something went wrong inside Switchyard; its log has the cause under the id {defect}."
    )
