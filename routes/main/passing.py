"""Content between a client and a transfer, with back-pressure: what ends early never looks whole."""

import asyncio
from typing import cast

import aiohttp
import structlog
from aiohttp import web
from aiohttp.http_writer import StreamWriter

from main.keys import MAIN
from main.relay.transfers import Transfer, decoded
from routes.main.bodies import unreadable
from ws.protocol.base import Struct
from ws.protocol.errors import ErrorCode, WireError
from ws.protocol.transfers import STALL_S, Uploaded
from ws.streams import Kind, Record, StreamCutError

log = structlog.get_logger(__name__)

AHEAD_BYTES = 512 * 1024
"""Written to a client and not taken yet; then nothing more is. With less, each chunk would wait for the one before."""

COMMIT_S = 120.0
"""For the node to bring a whole upload to its disk."""


def broken(why: str) -> WireError:
    """The refusal when a stream ended before it should."""
    return WireError(ErrorCode.NODE_OFFLINE, f"The transfer with the machine broke off: {why}. Try again.")


async def pass_on(request: web.Request, transfer: Transfer) -> Uploaded:
    """The body to the node, and its answer, which may come while the body still does."""
    failures: list[Exception] = []
    loop = asyncio.get_running_loop()

    async def pump() -> None:
        try:
            await _send_body(request, transfer)
            limit.reschedule(loop.time() + COMMIT_S)
        except StreamCutError:
            pass  # whoever waits for the answer hears of it too
        except (WireError, ConnectionError, aiohttp.ClientError) as error:
            failures.append(error)
            transfer.records.abort()

    try:
        async with asyncio.timeout(None) as limit:
            pumping = request.app[MAIN].tasks.start(pump(), name=f"upload {transfer.id}")
            try:
                record = await transfer.records.receive()
            finally:
                pumping.cancel()
                _ = await asyncio.wait({pumping})
    except StreamCutError as error:
        raise (failures[0] if failures else broken(str(error))) from error
    except TimeoutError as error:
        raise broken(f"it did not finish within {COMMIT_S:g} s, so look whether the file is there") from error
    if record.kind not in (Kind.END, Kind.ERROR):
        raise broken("it sent what was not asked for")
    try:
        return decoded(record, Uploaded)
    except StreamCutError as error:
        raise broken(str(error)) from error


async def _send_body(request: web.Request, transfer: Transfer) -> None:
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(STALL_S) as limit:
            while chunk := await request.content.readany():
                limit.reschedule(None)
                transfer.records.write(Kind.DATA, chunk)
                await transfer.records.drain(STALL_S)
                limit.reschedule(loop.time() + STALL_S)
    except TimeoutError as error:
        detail = f"Nothing of the file came for {STALL_S:g} s; send it again."
        raise WireError(ErrorCode.TIMEOUT, detail, retryable=True) from error
    except web.RequestPayloadError as error:
        raise unreadable() from error
    transfer.records.write(Kind.END, b"{}")


async def relay(
    request: web.Request, answer: web.StreamResponse, transfer: Transfer, first: Record, length: int | None
) -> web.StreamResponse:
    """Content from the node to the client, no byte more than announced; what ends early cuts the client's connection.

    `length` None: as much as comes, in chunks, whose end tells whether it is whole.
    """
    await answer.prepare(request)
    if request.transport is not None:
        request.transport.set_write_buffer_limits(high=AHEAD_BYTES)
    try:
        await _copy(request, transfer, first, length)
    except (StreamCutError, WireError) as error:
        log.warning("download_cut", node=transfer.node, stream=transfer.id, reason=str(error))
        transfer.abort()
    except ConnectionError:  # the client has gone
        transfer.abort()
    finally:
        if request.transport is not None:
            request.transport.set_write_buffer_limits()  # the connection may carry something else next
    return answer


async def _copy(request: web.Request, transfer: Transfer, record: Record, left: int | None) -> None:
    writer = cast(StreamWriter, request.writer)
    while record.kind is Kind.DATA:
        if left is not None:
            left -= len(record.payload)
            if left < 0:
                raise StreamCutError("it sent more than it announced")
        await writer.write(record.payload, drain=False)
        await _drain(request, writer)
        record = await transfer.records.receive(STALL_S)
    if record.kind is Kind.ERROR:
        _ = decoded(record, Struct)
    if record.kind is not Kind.END or left:
        raise StreamCutError("it sent less than it announced")


async def _drain(request: web.Request, writer: StreamWriter) -> None:
    """Wait until the client has taken enough. Raises StreamCutError when it takes nothing at all for STALL_S."""
    transport = request.transport
    while transport is not None:
        before = transport.get_write_buffer_size()
        if before <= AHEAD_BYTES:
            return
        try:
            async with asyncio.timeout(STALL_S):
                await writer.drain()
                return
        except TimeoutError as error:
            if transport.get_write_buffer_size() >= before:
                raise StreamCutError(f"the client took nothing for {STALL_S:g} s") from error
