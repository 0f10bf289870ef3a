"""Why a dial failed, as one sentence with the remedy: the only place that reads the errors of the HTTP client."""

from collections.abc import Mapping
from ssl import SSLCertVerificationError

import msgspec
from aiohttp import (
    ClientConnectorCertificateError,
    ClientConnectorError,
    ClientConnectorSSLError,
    ClientError,
    ClientResponse,
    InvalidURL,
    ServerDisconnectedError,
    WSServerHandshakeError,
)

from ws.tls import distrust

MAX_REFUSAL_BYTES = 64 * 1024
"""Of the body of a refusal; a problem document has a few hundred bytes."""

FINAL_STATUSES = frozenset({401, 403})
"""Trying again changes nothing: bad secret, or removed. An identity that is taken (409) may become free, and the other
side may be updated (426): those are tried again. The same status from somebody else, such as a proxy, ends nothing."""


class DialError(Exception):
    """An attempt that failed. `detail` is one sentence; a final one is not to be repeated.

    `status`, `headers` and `body` (at most 64 KiB) are those of an HTTP refusal.
    """

    def __init__(
        self,
        detail: str,
        is_final: bool = False,
        *,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.is_final = is_final
        self.status = status
        self.headers = headers or {}
        self.body = body


def failure(host: str, error: BaseException, deadline_s: float) -> BaseException:
    """A DialError for each way in which an attempt fails; what is no failure of the attempt stays as it is."""
    match error:
        case WSServerHandshakeError():
            return DialError(f"{host} answers, but not as a WebSocket: {error.message}; check the URL and any proxy.")
        case TimeoutError():
            return DialError(f"{host} did not answer within {deadline_s:g} s; check the address, and that it runs.")
        case InvalidURL():
            return DialError(f"{host!r} is not an address.", is_final=True)
        case ClientConnectorCertificateError():
            cause = error.certificate_error
            if isinstance(cause, SSLCertVerificationError):
                return DialError(distrust(host, cause))
            return DialError(f"The certificate of {host} is not trusted here: {cause}.")
        case ClientConnectorSSLError():
            return DialError(
                f"{host} cannot be reached over TLS ({_reason(error)}): if it serves no TLS, write http:// in its"
                " address."
            )
        case ClientConnectorError():
            return DialError(
                f"{host} cannot be reached: {_reason(error)}; check the address, and that it runs and no firewall is"
                " in between."
            )
        case ServerDisconnectedError():
            return DialError(
                f"{host} cannot be reached: it ended the connection without an answer; if it serves TLS, write"
                " https:// in its address."
            )
        case ClientError() | OSError():
            return DialError(f"{host} cannot be reached: {error}; check the address and any proxy in between.")
        case _:
            return error


async def refusal(host: str, response: ClientResponse) -> DialError:
    """What an answer that is no upgrade means. Closes it."""
    try:
        body = await response.content.read(MAX_REFUSAL_BYTES)
    finally:
        response.close()
    sentence = _problem_detail(body)
    if sentence:
        sentence, is_ours = f"{host} refused the connection: {sentence}", True
    else:
        answer = f"{response.status} {response.reason or ''}".rstrip()
        sentence, is_ours = (
            f"{host} answers {answer} and not as Switchyard does: check the address and any proxy.",
            False,
        )
    return DialError(
        sentence,
        is_ours and response.status in FINAL_STATUSES,
        status=response.status,
        headers=response.headers,
        body=body,
    )


def _reason(error: ClientConnectorError) -> str:
    """The system's words alone: the client's own repeat the address."""
    cause = error.os_error
    return getattr(cause, "reason", None) or cause.strerror or str(cause)


class _Problem(msgspec.Struct):
    detail: str = ""


def _problem_detail(body: bytes) -> str:
    try:
        return msgspec.json.decode(body, type=_Problem).detail[:500]
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
