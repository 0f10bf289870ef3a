"""The HTTP server under the node's port: limits before anything is known of who calls."""

import asyncio
from typing import Any

import structlog
from aiohttp import web
from aiohttp.web_protocol import RequestHandler

log = structlog.get_logger(__name__)

MAX_CONNECTIONS = 2048
"""Open at once, streams of Main included; about 14 KB each before anybody is let in."""

IDLE_S = 30
"""A connection that has sent no whole request head for this long is closed, also when it sends byte by byte."""

MAX_HEAD_LINE_BYTES = 8 * 1024
"""The request line, and any one header: Main's proofs have at most some 1,100 bytes."""


class _Server(web.Server):
    def __init__(self, made: web.Server, options: dict[str, Any]) -> None:
        super().__init__(made.request_handler, request_factory=made.request_factory)
        self._options = options

    def __call__(self) -> RequestHandler:
        return RequestHandler(self, loop=asyncio.get_running_loop(), **self._options)

    def connection_made(self, handler: RequestHandler, transport: Any) -> None:
        super().connection_made(handler, transport)
        if len(self._connections) > MAX_CONNECTIONS:
            log.warning("connection_refused", open=len(self._connections))
            transport.abort()


class Runner(web.AppRunner):
    """Runs the node's application within these limits."""

    def __init__(self, app: web.Application, *, shutdown_timeout_s: float) -> None:
        self._options: dict[str, Any] = {
            "access_log": None,
            "keepalive_timeout": IDLE_S,
            "max_line_size": MAX_HEAD_LINE_BYTES,
            "max_field_size": MAX_HEAD_LINE_BYTES,
            "auto_decompress": False,  # the node reads no body at all
        }
        super().__init__(app, shutdown_timeout=shutdown_timeout_s, **self._options)

    async def _make_server(self) -> web.Server:
        """The same server with a bound on connections, for which aiohttp has no setting."""
        return _Server(await super()._make_server(), self._options)
