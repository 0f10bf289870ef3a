"""One HTTP request to the other end: JSON there, JSON back. For a node that registers."""

import asyncio
from collections.abc import Mapping
from ssl import SSLContext

from aiohttp import ClientResponse, ClientSession, ClientTimeout, TCPConnector
from yarl import URL

from ws.dial_errors import failure, refusal

MAX_ANSWER_BYTES = 64 * 1024


async def post_json(
    url: str, body: bytes, *, headers: Mapping[str, str], ssl: SSLContext | None = None, deadline_s: float = 10.0
) -> bytes:
    """The body of a 2xx answer, at most 64 KiB. No redirects, no proxy, no cookies. Raises DialError.

    `ssl` None checks certificates as the system does.
    """
    host = URL(url).authority
    session = ClientSession(
        connector=TCPConnector(ssl=True if ssl is None else ssl), timeout=ClientTimeout(total=None, connect=deadline_s)
    )
    try:
        async with asyncio.timeout(deadline_s):
            response = await session.post(
                url, data=body, headers={**headers, "Content-Type": "application/json"}, allow_redirects=False
            )
            refused = None if 200 <= response.status < 300 else await refusal(host, response)
            answer = b"" if refused else await _beginning(response)
            response.close()
    except BaseException as error:
        raise failure(host, error, deadline_s) from error
    finally:
        await session.close()
    if refused is not None:
        raise refused
    return answer


async def _beginning(response: ClientResponse) -> bytes:
    """The body up to its bound; one read gives only what has come by then."""
    body = bytearray()
    while len(body) < MAX_ANSWER_BYTES and (chunk := await response.content.readany()):
        body += chunk
    return bytes(body[:MAX_ANSWER_BYTES])
