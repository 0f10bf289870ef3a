"""The HTTP server under the application: limits before anything is known of the client, and its parser's refusals."""

import asyncio
from typing import Any

import structlog
from aiohttp import web
from aiohttp.abc import AbstractAccessLogger
from aiohttp.web_protocol import RequestHandler

from routes.main.headers import ALWAYS, SERVER
from routes.main.problems import defect, malformed

log = structlog.get_logger(__name__)

MAX_CONNECTIONS = 4096
"""Open at once. About 14 KB each before sign-in, so a flood of them is refused at some 60 MB.

Beyond them one that asks for nothing gives way, the oldest first, so who only opens connections keeps nobody out.
"""

ALL_AT_WORK_S = 0.1
"""When all of them are at work, newcomers are refused for so long without another look, which takes about 1 ms."""

IDLE_S = 75
"""A connection that has sent no whole request head for this long is closed, also when it sends byte by byte."""

MAX_HEAD_LINE_BYTES = 8 * 1024
"""The request line, and any one header: a cookie and a token have some hundred bytes."""

LINGER_S = 2.0
"""Time for the rest of a body that was refused, so that its sender can read why."""


class _Handler(RequestHandler):
    __slots__ = ()

    @property
    def is_idle(self) -> bool:
        """Whether it waits for a whole request, as aiohttp's own time for that has it."""
        return self._waiter is not None and not self._waiter.done()

    @property
    def is_served(self) -> bool:
        """Whether an answer is being made: a socket or stream, as long as it lasts. Not whether it is being read."""
        return self._current_request is not None

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


class _Server(web.Server):
    def __init__(self, made: web.Server, options: dict[str, Any]) -> None:
        super().__init__(made.request_handler, request_factory=made.request_factory)
        self._options = options
        self._look_again_s = 0.0

    def __call__(self) -> RequestHandler:
        return _Handler(self, loop=asyncio.get_running_loop(), **self._options)

    def connection_made(self, handler: RequestHandler, transport: Any) -> None:
        super().connection_made(handler, transport)
        if len(self._connections) > MAX_CONNECTIONS:
            gives_way = self._oldest_unneeded(handler)
            log.warning("connection_refused" if gives_way is None else "connection_gave_way")
            (gives_way or transport).abort()

    def _oldest_unneeded(self, newcomer: RequestHandler) -> asyncio.Transport | None:
        """An idle one; where none is, one that does not take its answer. Newcomers may be a flood: on average few are
        looked at.
        """
        now_s = asyncio.get_running_loop().time()
        if now_s < self._look_again_s:
            return None
        passed, untaken = [], None
        for each, transport in self._connections.items():
            if each is newcomer or not isinstance(each, _Handler) or transport.is_closing():
                continue
            if each.is_idle:
                break
            if untaken is None and not each.is_served:
                untaken = transport
            passed.append(each)
        else:
            if untaken is None:
                self._look_again_s = now_s + ALL_AT_WORK_S
            return untaken
        for busy in passed:  # they go behind the others, so that the next newcomer is not compared with them again
            self._connections[busy] = self._connections.pop(busy)
        return transport


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
        return _Server(await super()._make_server(), self._options)
