"""The HTTP server under the node's port: limits before anything is known of who calls."""

from typing import Any

from aiohttp import web

from routes.crowd import Connection, Crowd

MAX_CONNECTIONS = 2048
"""Open at once, streams of Main included; about 14 KB each before anybody is let in."""

IDLE_S = 30
"""A connection that has sent no whole request head for this long is closed, also when it sends byte by byte."""

MAX_HEAD_LINE_BYTES = 8 * 1024
"""The request line, and any one header: Main's proofs have at most some 1,100 bytes."""


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
        return Crowd(await super()._make_server(), Connection, self._options, lambda: MAX_CONNECTIONS)
