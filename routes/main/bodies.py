"""Reading a body within bounds of size and time."""

import asyncio

from aiohttp import web

from ws.protocol.errors import ErrorCode, WireError

READ_DEADLINE_S = 30.0
"""For the whole body: a megabyte over a slow line, and no longer for who sends a byte now and then."""


async def read_body(request: web.Request, max_bytes: int) -> bytes:
    """The whole body. Raises WireError `too_large` (before reading, where the length is announced) or `timeout`."""
    if request.content_length is not None and request.content_length > max_bytes:
        raise _too_large(max_bytes)
    body = bytearray()
    try:
        async with asyncio.timeout(READ_DEADLINE_S):
            async for chunk in request.content.iter_any():
                body += chunk
                if len(body) > max_bytes:
                    raise _too_large(max_bytes)
    except TimeoutError as error:
        raise WireError(ErrorCode.TIMEOUT, f"The body did not arrive within {READ_DEADLINE_S:g} s.") from error
    return bytes(body)


def _too_large(max_bytes: int) -> WireError:
    return WireError(ErrorCode.TOO_LARGE, f"The body is longer than {max_bytes // 1024} KiB.")
