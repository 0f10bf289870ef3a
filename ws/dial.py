"""Reaching the other end of a link: one attempt, and attempts for ever. Main and nodes both use it."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from ssl import SSLContext
from typing import Literal

import structlog
from aiohttp import (
    ClientHandlerType,
    ClientRequest,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    ClientWSTimeout,
    TCPConnector,
)
from yarl import URL

from ws.defects import log_defect
from ws.dial_errors import DialError, failure, refusal
from ws.pinned import resolver_for
from ws.rpc.limits import LINK_LIMITS, Limits
from ws.rpc.socket import CLOSE_DEADLINE_S, HEARTBEAT_S, AiohttpSocket
from ws.sockopts import tune

__all__ = [
    "Backoff",
    "DialError",
    "DialState",
    "complete_http_url",
    "complete_url",
    "dial_socket",
    "keep_dialling",
]

log = structlog.get_logger(__name__)

_SCHEMES = {"http": "ws", "ws": "ws", "https": "wss", "wss": "wss"}


@dataclass(frozen=True, slots=True)
class DialState:
    """What `keep_dialling` is doing. `detail` says why the last attempt or link ended, empty when there was none.

    `refused` is the last state: nothing is tried any more.
    """

    phase: Literal["connecting", "waiting", "refused"]
    detail: str = ""
    retry_in_s: float | None = None


class Backoff:
    """How long to wait before the next attempt: doubling from `first_s` to `max_s`, the upper half of it by chance.

    The chance keeps the nodes of a restarted Main from coming all at once. A link that was up for `healthy_s` begins
    from `first_s` again. It never gives up.
    """

    def __init__(
        self,
        first_s: float = 0.5,
        max_s: float = 15.0,
        healthy_s: float = 10.0,
        *,
        clock: Callable[[], float] = time.monotonic,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._first_s = first_s
        self._max_s = max_s
        self._healthy_s = healthy_s
        self._clock = clock
        self._uniform = uniform
        self._bound_s = first_s
        self._began_at = clock()

    def began(self) -> None:
        """An attempt begins."""
        self._began_at = self._clock()

    def next_delay_s(self, *, was_up: bool) -> float:
        """The wait after an attempt ended; `was_up` when it had become a link."""
        if was_up and self._clock() - self._began_at >= self._healthy_s:
            self._bound_s = self._first_s
        bound_s = self._bound_s
        self._bound_s = min(2 * bound_s, self._max_s)
        return self._uniform(bound_s / 2, bound_s)


async def keep_dialling(
    connect: Callable[[], Awaitable[None]], *, backoff: Backoff, on_state: Callable[[DialState], None]
) -> None:
    """Call `connect` for ever, with pauses; return after a final refusal.

    `connect` returns when the link that it made has ended, and raises DialError when there was none.
    """
    detail = ""
    while True:
        on_state(DialState("connecting", detail))
        backoff.began()
        was_up = False
        try:
            await connect()
            was_up, detail = True, "The link has ended."
        except DialError as error:
            detail = error.detail
            if error.is_final:
                on_state(DialState("refused", detail))
                return
        except Exception as error:  # noqa: BLE001 (a defect must not leave a machine offline until somebody restarts it)
            defect = log_defect("dial_failed", error)
            detail = f"Something went wrong inside Switchyard; its log has the cause under the id {defect}."
        delay_s = backoff.next_delay_s(was_up=was_up)
        on_state(DialState("waiting", detail, delay_s))
        await asyncio.sleep(delay_s)


def complete_http_url(url: str, path: str) -> str:
    """As `complete_url`, as http(s): for a request that is no socket."""
    completed = URL(complete_url(url, path))
    return str(completed.with_scheme("https" if completed.scheme == "wss" else "http"))


def complete_url(url: str, path: str) -> str:
    """`url` as ws(s), ending in `path`: `https://main/base` and `/ws/node` give `wss://main/base/ws/node`.

    Raises ValueError with a sentence when it is no http(s) or ws(s) URL, or carries a password or a query.
    """
    try:
        parsed = URL(url)
    except ValueError as error:
        raise ValueError(f"{url!r} is not a URL: {error}.") from error
    if parsed.scheme not in _SCHEMES or not parsed.host:
        raise ValueError(f"{url!r} is not a URL with http, https, ws or wss, such as https://main.example:4457.")
    if parsed.user is not None or parsed.query_string:
        raise ValueError("The URL of the other end carries no user, password or query: secrets travel in headers.")
    base = parsed.path.rstrip("/").removesuffix(path)
    return str(parsed.with_scheme(_SCHEMES[parsed.scheme]).with_path(base + path))


async def dial_socket(
    url: str,
    *,
    headers: Mapping[str, str],
    limits: Limits = LINK_LIMITS,
    ssl: SSLContext | None = None,
    address: str | None = None,
    deadline_s: float = 10.0,
) -> AiohttpSocket:
    """Open a JSON-RPC socket at `url`. No redirects, no proxy, no cookies. Raises DialError.

    `ssl` None checks certificates as the system does. `address` is the IP address to connect to, whatever the name in
    `url` leads to by now.
    """
    host = URL(url).authority
    opened: list[ClientResponse] = []

    async def upgraded_or_refused(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        response = await handler(request)
        if response.status != 101:
            raise await refusal(host, response)
        opened.append(response)
        return response

    session = ClientSession(
        connector=TCPConnector(ssl=True if ssl is None else ssl, resolver=resolver_for(address)),
        timeout=ClientTimeout(total=None, connect=deadline_s),
        middlewares=(upgraded_or_refused,),
    )
    try:
        async with asyncio.timeout(deadline_s):
            socket = await session.ws_connect(
                url,
                headers=headers,
                max_msg_size=limits.max_frame_bytes,
                heartbeat=HEARTBEAT_S,
                autoping=False,
                timeout=ClientWSTimeout(ws_close=CLOSE_DEADLINE_S),
            )
    except BaseException as error:
        await session.close()
        raise failure(host, error, deadline_s) from error
    connection = opened[-1].connection
    transport = None if connection is None else connection.transport
    if transport is not None:
        tune(transport)
    return AiohttpSocket(socket, transport, on_closed=session.close)
