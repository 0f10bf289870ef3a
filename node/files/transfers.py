"""Bytes of files over streams: a download, an upload, an archive. Main asks over the link, the node dials back."""

import asyncio
import errno
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

import msgspec
import structlog

from node.files.archive import Archive
from node.files.contents import OpenFile
from node.files.guard import PathGuard
from node.files.partials import Claim, PartialKey, Partials
from node.files.pipe import ThreadPipe
from node.files.pool import FilePool
from node.files.temporaries import Sweeper
from node.files.uploading import Conditions, Upload
from node.places import path_of
from ws.dial import DialError
from ws.protocol.envelope import Caller
from ws.protocol.errors import ErrorCode, WireError
from ws.protocol.files import FilesPartialParams, FilesPartialResult
from ws.protocol.transfers import (
    STALL_S,
    ArchiveParams,
    ArchiveReady,
    ArchiveResult,
    DownloadParams,
    DownloadResult,
    Span,
    TransferParams,
    Uploaded,
    UploadParams,
    UploadResult,
)
from ws.streams import Kind, ProbeFailedError, RawSocket, Records, StreamCutError, carried_at_node
from ws.tasks import TaskOwner

log = structlog.get_logger(__name__)

Dial = Callable[[str], Awaitable[RawSocket]]
"""Completes the handshake of `/ws/stream` with a one-time key. Raises DialError."""

MAX_TRANSFERS = 64
"""Of one node at once. Each holds at most two chunks and what its stream has not taken."""
MAX_ARCHIVES = 2
"""At once. Each holds a thread, and packing keeps a core busy."""

CHUNK_BYTES = 1024 * 1024
"""Read or written by one call in a thread, whose cost is then small beside that of the bytes."""
PATIENCE_S = 2 * STALL_S
"""For Main to take or send something. Main ends a stalled client before, so this is for a Main that hangs."""
ASK_S = 10.0
NO_ROOM = {errno.ENOSPC, errno.EDQUOT}
LINGER_S = 5.0
"""For Main to read an error while it still sends."""

_encode = msgspec.json.Encoder().encode


class _Held(Protocol):
    """What a transfer holds until it ends. `close` blocks, and does nothing the second time."""

    def close(self) -> None: ...


Held = TypeVar("Held", bound=_Held)


class TransferServer:
    """Serves `link.download`, `link.upload`, `link.archive` and `files.partial`; all raise WireError, with the codes of
    API.md.

    `commit_lock` and `sweeper` are those of every writer of the node. What may be known before content travels is
    checked before the node dials back.
    """

    def __init__(
        self,
        guard: PathGuard,
        pool: FilePool,
        dial: Dial,
        *,
        max_read_bytes: int,
        commit_lock: threading.Lock,
        sweeper: Sweeper,
    ) -> None:
        self._guard = guard
        self._pool = pool
        self._dial = dial
        self._max_read_bytes = max_read_bytes
        self._commit_lock = commit_lock
        self._sweeper = sweeper
        self._partials = Partials()
        self._tasks = TaskOwner("transfers")
        self._packers = ThreadPoolExecutor(MAX_ARCHIVES, thread_name_prefix="archive")
        self._archives = 0
        self._running = 0

    async def download(self, params: DownloadParams) -> DownloadResult:
        """Open the file and dial back to send it."""
        file = await self._opened(lambda: OpenFile(self._guard, path_of(params), self._max_read_bytes))
        _ = self._serve(params, file, self._send)
        return DownloadResult(size=file.size, etag=file.etag, modified_s=file.modified_s)

    async def upload(self, params: UploadParams) -> UploadResult:
        """Check the conditions and dial back for the content."""
        claim = None
        if params.upload is not None:
            key = PartialKey(params.caller.user, path_of(params), params.upload)
            claim = await self._partials.claim(key, params.offset)
        kept = None if claim is None else claim.kept
        try:
            upload = await self._admitted(params, kept)
        except BaseException:
            if claim is not None:
                self._partials.release(claim, kept, None)
            raise
        receiving = _Receiving(self._pool, upload, claim)
        task = self._serve(params, upload, lambda _, records: receiving.receive(records), is_kept=claim is not None)
        if claim is not None:
            released = claim
            task.add_done_callback(lambda _: self._partials.release(released, upload, receiving.done))
        return UploadResult(offset=params.offset)

    async def partial(self, caller: Caller, params: FilesPartialParams) -> FilesPartialResult:
        """What of an upload that broke off is there."""
        key = PartialKey(caller.user, path_of(params), params.upload)
        found = await self._partials.state(key)
        if not params.discard:
            return found
        self._partials.discard(key)
        return FilesPartialResult(size=found.size if found.etag else 0, etag=found.etag)

    async def archive(self, params: ArchiveParams) -> ArchiveResult:
        """Open the folder and dial back to send it."""
        if self._archives >= MAX_ARCHIVES:
            raise _too_many("archives")
        pipe = ThreadPipe(PATIENCE_S)
        self._archives += 1
        try:
            archive = await self._opened(
                lambda: Archive(self._guard, path_of(params), params.names, lambda: pipe.is_wanted)
            )
        except BaseException:
            self._archives -= 1
            raise
        task = self._serve(params, archive, lambda held, records: self._pack(held, pipe, records))
        task.add_done_callback(lambda _: self._archive_ended(pipe))
        return ArchiveResult()

    async def close(self) -> None:
        """Cut all of them."""
        self._partials.close()
        await self._tasks.close(timeout_s=1.0)
        self._packers.shutdown(wait=False, cancel_futures=True)

    async def _admitted(self, params: UploadParams, kept: Upload | None) -> Upload:
        """What takes the content. Where there is no room for it, what else is kept of the same person goes first."""

        def make() -> Upload:
            return self._upload(params, kept)

        try:
            return await self._opened(make, kept)
        except WireError as error:
            is_full = isinstance(error.__cause__, OSError) and error.__cause__.errno in NO_ROOM
            if not is_full or not await self._partials.discard_all(params.caller.user):
                raise
        return await self._opened(make, kept)

    def _upload(self, params: UploadParams, kept: Upload | None) -> Upload:
        """What is kept, under the conditions of today, or a new one in its room. For a thread."""
        conditions = Conditions(if_match=params.if_match, is_new_only=params.is_new_only, size=params.size)
        if kept is not None and params.offset:
            kept.go_on(conditions)
            return kept
        if kept is not None:
            kept.close()
        return Upload(
            self._guard,
            path_of(params),
            conditions,
            max_read_bytes=self._max_read_bytes,
            commit_lock=self._commit_lock,
            sweeper=self._sweeper,
        )

    async def _opened(self, make: Callable[[], Held], kept: _Held | None = None) -> Held:
        """What `make` makes in a thread, counted as a running transfer. Unless it is `kept` it is closed when whoever
        waits for it goes.
        """
        if self._running >= MAX_TRANSFERS:
            raise _too_many("transfers")
        is_given_up = threading.Event()
        made: list[Held] = []

        def work() -> Held:
            made.append(make())
            if is_given_up.is_set():
                give_back()
            return made[0]

        def give_back() -> None:
            for held in made:
                if held is not kept:
                    held.close()

        self._running += 1
        try:
            return await self._pool.run(work)
        except BaseException:
            is_given_up.set()
            self._running -= 1
            # Also when it was ready: who is cancelled just then does not get it.
            _ = asyncio.get_running_loop().run_in_executor(None, give_back)
            raise

    def _serve(
        self,
        params: TransferParams,
        held: Held,
        work: Callable[[Held, Records], Awaitable[None]],
        *,
        is_kept: bool = False,
    ) -> asyncio.Task[None]:
        """`is_kept`: whoever calls this decides about `held` when the task has ended."""
        task = self._tasks.start(self._run(params, held, work), name=params.stream)
        # Not in the task itself: it may be cancelled before it began. And in a thread: closing waits for the disk.
        task.add_done_callback(lambda _: self._ended(None if is_kept else held))
        return task

    async def _run(self, params: TransferParams, held: Held, work: Callable[[Held, Records], Awaitable[None]]) -> None:
        try:
            records = Records(await carried_at_node(await self._dial(params.key), params.carriage))
        except (DialError, ProbeFailedError) as error:
            log.warning("transfer_not_dialled", stream=params.stream, reason=str(error))
            return
        try:
            await work(held, records)
        except WireError as error:
            # First of all, so that the room of what was refused is free when the client hears of it.
            await asyncio.get_running_loop().run_in_executor(None, held.close)
            await _refuse(records, error)
        except StreamCutError as error:
            log.debug("transfer_cut", stream=params.stream, reason=str(error))
        finally:
            records.abort()

    async def _send(self, file: OpenFile, records: Records) -> None:
        ask = await records.receive(ASK_S)
        span = _span(ask.payload, file.size) if ask.kind is Kind.ASK else None
        if span is None:
            raise StreamCutError("Main did not ask for what the file has")
        offset, end = span.offset, span.offset + span.length
        while offset < end:
            # The next chunk is read while this one is on its way.
            chunk = await self._pool.run(file.read, offset, min(CHUNK_BYTES, end - offset))
            await records.drain(PATIENCE_S)
            records.write(Kind.DATA, chunk)
            offset += len(chunk)
        records.write(Kind.END, b"{}")
        await records.finish(PATIENCE_S)

    async def _pack(self, archive: Archive, pipe: ThreadPipe, records: Records) -> None:
        loop = asyncio.get_running_loop()
        entries, size = await loop.run_in_executor(self._packers, archive.count)
        records.write(Kind.READY, _encode(ArchiveReady(entries=entries, size=size)))
        packing = loop.run_in_executor(self._packers, _pack_into, archive, pipe)
        try:
            while (piece := await pipe.take()) is not None:
                await records.drain(PATIENCE_S)
                records.write(Kind.DATA, piece)
        finally:
            pipe.give_up()
            _ = await asyncio.wait({packing})
            failure = packing.exception()
        if failure is not None:
            raise failure
        records.write(Kind.END, b"{}")
        await records.finish(PATIENCE_S)

    def _archive_ended(self, pipe: ThreadPipe) -> None:
        self._archives -= 1
        pipe.give_up()

    def _ended(self, held: _Held | None) -> None:
        self._running -= 1
        if held is not None:
            _ = asyncio.get_running_loop().run_in_executor(None, held.close)


class _Receiving:
    """The content of one upload on its way into the file. `done` when it is in its place."""

    def __init__(self, pool: FilePool, upload: Upload, claim: Claim | None) -> None:
        self._pool = pool
        self._upload = upload
        self._claim = claim
        self.done: Uploaded | None = None

    async def receive(self, records: Records) -> None:
        """Until the file is whole. Of what breaks off, what has come is written where it may go on."""
        if self._claim is not None:
            self._claim.cut = records.abort
            if self._claim.is_unwanted:
                raise StreamCutError("another has gone on with it")
        pieces: list[bytes | memoryview] = []
        try:
            await self._take(records, pieces)
        except StreamCutError:
            if self._claim is not None and pieces:
                await self._pool.run(self._upload.write, pieces)
            raise
        await self._pool.run(self._upload.write, pieces)
        self.done = await self._pool.run(self._upload.commit)
        records.write(Kind.END, _encode(self.done))
        await records.linger(LINGER_S)

    async def _take(self, records: Records, pieces: list[bytes | memoryview]) -> None:
        """Write chunk by chunk until END; what is not written yet is in `pieces`."""
        waiting_bytes = 0
        while True:
            record = await records.receive(PATIENCE_S)
            if record.kind is not Kind.DATA:
                break
            pieces.append(record.payload)
            waiting_bytes += len(record.payload)
            if waiting_bytes >= CHUNK_BYTES:
                await self._pool.run(self._upload.write, pieces)
                waiting_bytes = 0
                pieces.clear()
        if record.kind is not Kind.END:
            raise StreamCutError("Main gave the upload up")


def _pack_into(archive: Archive, pipe: ThreadPipe) -> None:
    try:
        archive.pack(pipe)
    finally:
        pipe.close()


def _span(payload: bytes | memoryview, size: int) -> Span | None:
    try:
        span = msgspec.json.decode(payload, type=Span)
    except msgspec.DecodeError:
        return None
    return span if span.offset + span.length <= size else None


async def _refuse(records: Records, error: WireError) -> None:
    try:
        records.write(Kind.ERROR, _encode(error.data))
    except StreamCutError:
        return
    await records.linger(LINGER_S)


def _too_many(what: str) -> WireError:
    return WireError(
        ErrorCode.RATE_LIMITED,
        f"This machine serves too many {what} at once; try again in a moment.",
        retry_after_s=5.0,
    )
