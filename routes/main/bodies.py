"""Reading a body within bounds of size and time."""

import asyncio

from aiohttp import web

from ws.protocol.errors import ErrorCode, WireError

READ_DEADLINE_S = 30.0
"""For the whole body: a megabyte over a slow line, and no longer for who sends a byte now and then."""


async def read_body(request: web.Request, max_bytes: int) -> bytes:
    """The whole body.

    Raises WireError `too_large` (before reading, where the length is announced), `timeout`, and `invalid` for a body
    that is compressed or broken.
    """
    refuse_encoding(request)
    if request.content_length is not None and request.content_length > max_bytes:
        raise _too_large(max_bytes)
    body = bytearray()
    try:
        async with asyncio.timeout(READ_DEADLINE_S):
            async for chunk in request.content.iter_any():
                body += chunk
                if len(body) > max_bytes:
                    raise _too_large(max_bytes)
    except web.RequestPayloadError as error:
        raise unreadable() from error
    except TimeoutError as error:
        raise WireError(ErrorCode.TIMEOUT, f"The body did not arrive within {READ_DEADLINE_S:g} s.") from error
    return bytes(body)


def refuse_encoding(request: web.Request) -> None:
    """Raise WireError `invalid` for a compressed body: what it would unpack to, nobody knows before."""
    encoding = request.headers.get("Content-Encoding", "identity")
    if encoding.lower() != "identity":
        raise WireError(ErrorCode.INVALID, "A body with Content-Encoding is not taken: send it as it is.")


def unreadable() -> WireError:
    """The refusal of a body whose chunks are none, or that ends before its announced length."""
    return WireError(ErrorCode.INVALID, "The body breaks off, or is not in chunks as HTTP has them; send it again.")


def _too_large(max_bytes: int) -> WireError:
    return WireError(ErrorCode.TOO_LARGE, f"The body is longer than {max_bytes // 1024} KiB.")
