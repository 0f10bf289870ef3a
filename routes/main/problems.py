"""Every failure over HTTP is a problem document (RFC 9457), aiohttp's own refusals included."""

import math
from http import HTTPStatus

import msgspec
from aiohttp import web

from ws.defects import internal_error
from ws.protocol.errors import ErrorCode, WireError

PROBLEM_TYPE = "application/problem+json"
NOT_THERE = "There is nothing at this address."

_CODES = {
    400: ErrorCode.INVALID,
    401: ErrorCode.UNAUTHORIZED,
    403: ErrorCode.FORBIDDEN,
    404: ErrorCode.NOT_FOUND,
    405: ErrorCode.INVALID,
    411: ErrorCode.INVALID,
    413: ErrorCode.TOO_LARGE,
    417: ErrorCode.INVALID,
    426: ErrorCode.INVALID,
    431: ErrorCode.TOO_LARGE,
}


def problem(error: WireError, *, status: int | None = None) -> web.Response:
    """The document for `error`; `status` where HTTP has one that the closed list of codes has not."""
    body = error.data if status is None else msgspec.structs.replace(error.data, status=status)
    answer = web.Response(
        body=msgspec.json.encode(body),
        status=status or error.http_status,
        content_type=PROBLEM_TYPE,
    )
    if error.retry_after_s is not None:
        answer.headers["Retry-After"] = str(math.ceil(error.retry_after_s))
    if answer.status == HTTPStatus.UNAUTHORIZED:
        answer.headers["WWW-Authenticate"] = "Bearer"
    return answer


def refusal(error: web.HTTPException) -> web.Response:
    """The document in the place of a refusal of aiohttp itself."""
    status = error.status if error.status in _CODES else 400
    code = _CODES[status]
    details = {
        404: NOT_THERE,
        405: f"This address takes {', '.join(sorted(getattr(error, 'allowed_methods', ())))} only.",
        413: "The body is longer than this address takes.",
    }
    answer = problem(WireError(code, details.get(status) or error.text or error.reason), status=status)
    for name in ("Allow", "Sec-WebSocket-Version"):
        if name in error.headers:
            answer.headers[name] = error.headers[name]
    return answer


def malformed(status: int, message: str | None) -> web.Response:
    """The document for what is no HTTP at all, or has headers beyond the limits."""
    code = _CODES.get(status, ErrorCode.INVALID)
    first_line = (message or "").strip().partition("\n")[0]
    return problem(WireError(code, f"This is not a request that Main can read: {first_line[:200]}"), status=status)


def defect(error: Exception, request: web.BaseRequest) -> web.Response:
    """The document for an error that nobody foresaw: logged here, shown as its id."""
    return problem(internal_error("request_failed", error, method=request.method, path=request.path[:200]))
