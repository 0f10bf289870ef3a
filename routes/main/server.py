"""The HTTP server under the application: limits before anything is known of the client, and its parser's refusals."""

from typing import Any

import structlog
from aiohttp import web
from aiohttp.abc import AbstractAccessLogger

from routes.crowd import Connection, Crowd
from routes.main.headers import ALWAYS, SERVER
from routes.main.problems import defect, malformed

log = structlog.get_logger(__name__)

MAX_CONNECTIONS = 4096
"""Open at once. About 14 KB each before sign-in, so a flood of them is refused at some 60 MB."""

IDLE_S = 75
"""A connection that has sent no whole request head for this long is closed, also when it sends byte by byte."""

MAX_HEAD_LINE_BYTES = 8 * 1024
"""The request line, and any one header: a cookie and a token have some hundred bytes."""

LINGER_S = 2.0
"""Time for the rest of a body that was refused, so that its sender can read why."""


class _Connection(Connection):
    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what the parser refused (400), or what slipped through the middlewares.

        Raises ConnectionError when there is nobody to answer.
        """
        if request.writer.output_size > 0:
            raise ConnectionError("an answer was begun already")
        if isinstance(exc, ConnectionError) and request.transport is None:
            raise exc  # a client that left while it was served is no defect
        answer = malformed(status, message) if status < 500 or not isinstance(exc, Exception) else defect(exc, request)
        answer.headers.update({**ALWAYS, "Server": SERVER})
        answer.force_close()
        return answer


class AccessLog(AbstractAccessLogger):
    """One line a request, without query, headers or body: none of them may hold a secret, some hold content."""

    def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:
        write = log.debug if response.status < 400 else log.info
        write(
            "request",
            method=request.method[:16],
            path=request.path[:200],
            status=response.status,
            ms=round(time * 1000, 1),
            remote=request.remote,
        )


class Runner(web.AppRunner):
    """Runs the application on a server with our limits and problem documents."""

    def __init__(self, app: web.Application, *, shutdown_timeout_s: float) -> None:
        self._options: dict[str, Any] = {
            "access_log_class": AccessLog,
            "keepalive_timeout": IDLE_S,
            "lingering_time": LINGER_S,
            "max_line_size": MAX_HEAD_LINE_BYTES,
            "max_field_size": MAX_HEAD_LINE_BYTES,
            "auto_decompress": False,  # no body is taken compressed, see `bodies`
        }
        super().__init__(app, shutdown_timeout=shutdown_timeout_s, **self._options)

    async def _make_server(self) -> web.Server:
        """The same server with our own handler of connections, for which aiohttp has no setting."""
        return Crowd(await super()._make_server(), _Connection, self._options, lambda: MAX_CONNECTIONS)
