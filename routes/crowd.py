"""A bound on the connections of a server: beyond it those that ask for nothing give way, the oldest first.

So who only opens connections keeps nobody out.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import structlog
from aiohttp import web
from aiohttp.web_protocol import RequestHandler

log = structlog.get_logger(__name__)

ALL_AT_WORK_S = 0.1
"""When all of them are at work, newcomers are refused for so long without another look, which takes about 1 ms."""


class Connection(RequestHandler):
    """One connection of aiohttp's server."""

    __slots__ = ()

    @property
    def is_idle(self) -> bool:
        """Whether it waits for a whole request, as aiohttp's own time for that has it."""
        return self._waiter is not None and not self._waiter.done()

    @property
    def is_served(self) -> bool:
        """Whether an answer is being made: a socket or stream, as long as it lasts. Not whether it is being read."""
        return self._current_request is not None


class Crowd(web.Server):
    """The server `made`, with our own kind of connection and at most `limit()` of them; aiohttp has no setting."""

    def __init__(
        self, made: web.Server, kind: type[Connection], options: Mapping[str, Any], limit: Callable[[], int]
    ) -> None:
        super().__init__(made.request_handler, request_factory=made.request_factory)
        self._kind = kind
        self._options = options
        self._limit = limit
        self._look_again_s = 0.0

    def __call__(self) -> RequestHandler:
        return self._kind(self, loop=asyncio.get_running_loop(), **self._options)

    def connection_made(self, handler: RequestHandler, transport: Any) -> None:
        super().connection_made(handler, transport)
        if len(self._connections) > self._limit():
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
            if each is newcomer or not isinstance(each, Connection) or transport.is_closing():
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
