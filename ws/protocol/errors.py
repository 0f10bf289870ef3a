"""The closed list of error codes and the one exception that carries them.

Every failure that may reach a caller is a :class:`WireError`; anything else is a defect and is mapped to ``internal``.
"""

from enum import StrEnum

from ws.protocol.base import Struct


class ErrorCode(StrEnum):
    """The codes of API.md, in the order of their HTTP status."""

    INVALID = "invalid"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    PRECONDITION_FAILED = "precondition_failed"
    TOO_LARGE = "too_large"
    RATE_LIMITED = "rate_limited"
    INTERNAL = "internal"
    UNSUPPORTED = "unsupported"
    PROVIDER_FAILED = "provider_failed"
    NODE_OFFLINE = "node_offline"
    TIMEOUT = "timeout"


HTTP_STATUS: dict[ErrorCode, int] = {
    ErrorCode.INVALID: 400,
    ErrorCode.UNAUTHORIZED: 401,
    ErrorCode.FORBIDDEN: 403,
    ErrorCode.NOT_FOUND: 404,
    ErrorCode.CONFLICT: 409,
    ErrorCode.PRECONDITION_FAILED: 412,
    ErrorCode.TOO_LARGE: 413,
    ErrorCode.RATE_LIMITED: 429,
    ErrorCode.INTERNAL: 500,
    ErrorCode.UNSUPPORTED: 501,
    ErrorCode.PROVIDER_FAILED: 502,
    ErrorCode.NODE_OFFLINE: 503,
    ErrorCode.TIMEOUT: 504,
}

TITLES: dict[ErrorCode, str] = {
    ErrorCode.INVALID: "Invalid request",
    ErrorCode.UNAUTHORIZED: "Not signed in",
    ErrorCode.FORBIDDEN: "Not allowed",
    ErrorCode.NOT_FOUND: "Not found",
    ErrorCode.CONFLICT: "Conflict",
    ErrorCode.PRECONDITION_FAILED: "Changed meanwhile",
    ErrorCode.TOO_LARGE: "Too large",
    ErrorCode.RATE_LIMITED: "Too many requests",
    ErrorCode.INTERNAL: "Internal error",
    ErrorCode.UNSUPPORTED: "Not supported",
    ErrorCode.PROVIDER_FAILED: "Agent failed",
    ErrorCode.NODE_OFFLINE: "Machine offline",
    ErrorCode.TIMEOUT: "Timed out",
}

# JSON-RPC 2.0, section 5.1. Codes without an entry travel as SERVER_ERROR; `data.code` tells them apart.
PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
SERVER_ERROR = -32000


class FieldError(Struct, frozen=True, kw_only=True):
    """One bad parameter: `path` is dotted (`params.attachments.0.mime`), `message` a sentence."""

    path: str
    message: str


class Winner(Struct, frozen=True, kw_only=True):
    """Who answered an approval first, and with which option."""

    option: str
    by: str


class ErrorData(Struct, frozen=True, kw_only=True):
    """The problem document of a failure (RFC 9457): the body over HTTP, `error.data` of JSON-RPC.

    `type`, `title` and `status` follow from `code`; a reader needs none of them. `winner` comes with the `conflict` of
    an approval that somebody else has answered.
    """

    type: str = ""
    title: str = ""
    status: int = 0
    code: ErrorCode
    detail: str
    retryable: bool
    errors: list[FieldError] | None = None
    retry_after_s: float | None = None
    winner: Winner | None = None


class WireError(Exception):
    """A failure with a code of the closed list and one sentence for people.

    `detail` names cause and remedy. `retryable` defaults to what the code means: true for ``node_offline`` and
    ``rate_limited``; ``timeout`` is retryable only when the op is idempotent, which the raiser knows.
    """

    def __init__(
        self,
        code: ErrorCode,
        detail: str,
        *,
        retryable: bool | None = None,
        errors: list[FieldError] | None = None,
        retry_after_s: float | None = None,
        winner: Winner | None = None,
        rpc_code: int | None = None,
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.retryable = code in (ErrorCode.NODE_OFFLINE, ErrorCode.RATE_LIMITED) if retryable is None else retryable
        self.errors = errors
        self.retry_after_s = retry_after_s
        self.winner = winner
        self._rpc_code = rpc_code

    @property
    def http_status(self) -> int:
        return HTTP_STATUS[self.code]

    @property
    def rpc_code(self) -> int:
        """The JSON-RPC number: −32602 for bad params, −32603 for our own defects, −32000 for the rest."""
        if self._rpc_code is not None:
            return self._rpc_code
        if self.code is ErrorCode.INVALID:
            return INVALID_PARAMS
        return INTERNAL_ERROR if self.code is ErrorCode.INTERNAL else SERVER_ERROR

    @property
    def data(self) -> ErrorData:
        return ErrorData(
            type="about:blank",
            title=TITLES[self.code],
            status=self.http_status,
            code=self.code,
            detail=self.detail,
            retryable=self.retryable,
            errors=self.errors,
            retry_after_s=self.retry_after_s,
            winner=self.winner,
        )

    @classmethod
    def from_data(cls, data: ErrorData, rpc_code: int | None = None) -> "WireError":
        """The error that the other end of a link raised."""
        return cls(
            data.code,
            data.detail,
            retryable=data.retryable,
            errors=data.errors,
            retry_after_s=data.retry_after_s,
            winner=data.winner,
            rpc_code=rpc_code,
        )


def invalid(field: str, detail: str) -> WireError:
    """The refusal of one parameter that its type lets pass; `field` is its name below `params`."""
    return WireError(ErrorCode.INVALID, detail, errors=[FieldError(path=f"params.{field}", message=detail)])


def unknown_op(name: str) -> WireError:
    """The refusal of an op that the table does not hold. The name is cut: it comes from outside."""
    return WireError(
        ErrorCode.NOT_FOUND,
        f"There is no operation {name[:64]!r}; docs/PROTOCOL.md lists them all.",
        rpc_code=METHOD_NOT_FOUND,
    )
