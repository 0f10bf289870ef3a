"""/api/nodes/{node}/files/…: downloads, uploads, archives. Every status and header is Main's own."""

import base64
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web

from main.keys import MAIN
from main.relay.params import decode_body
from main.relay.transfers import Transfer, decoded
from main.store.audit import UNFINISHED
from routes.main.bodies import refuse_encoding
from routes.main.conditions import Facts, http_date, outcome, tags
from routes.main.disposition import POLICY, content_type, disposition
from routes.main.passing import broken, pass_on, relay
from routes.main.problems import problem
from routes.main.visits import visit_of
from ws.protocol.base import Located, StreamId, Struct, UploadKey
from ws.protocol.envelope import Caller
from ws.protocol.errors import ErrorCode, WireError, invalid
from ws.protocol.ops import Scope
from ws.protocol.transfers import (
    MAX_NAMES,
    STALL_S,
    ArchiveParams,
    ArchiveReady,
    DownloadParams,
    DownloadResult,
    PlainName,
    Span,
    TransferParams,
    Uploaded,
    UploadParams,
    UploadResult,
)
from ws.streams import Kind, Record, StreamCutError

COUNT_S = 60.0
"""For the node to look through a folder before it sends it."""
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class _Content(Located, frozen=True, kw_only=True):
    inline: Literal["0", "1"] = "0"


class _Target(_Content, frozen=True, kw_only=True):
    """`upload` makes it one that can be continued, from `offset` on."""

    upload: UploadKey | None = None
    offset: Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,18}\Z")] = "0"


class _Archive(Located, frozen=True, kw_only=True):
    name: Annotated[list[PlainName], msgspec.Meta(max_length=MAX_NAMES)] | None = None


async def download(request: web.Request) -> web.StreamResponse:
    """GET or HEAD …/content?path=…|path_bytes=…&inline=1."""
    query: _Content = _query(request, _Content, Scope.READ)
    async with _opened(request, query, Scope.READ, "link.download", _place(DownloadParams, query)) as transfer:
        answered = transfer.answered(DownloadResult)
        facts = Facts(answered.size, answered.etag, answered.modified_s)
        found = outcome(request.method, request.headers, facts)
        headers = _headers(_name(query), facts, is_inline=query.inline == "1")
        if found.status == 416:
            return _unsatisfiable(facts)
        if found.status == 304 or request.method == "HEAD" or not found.length:
            answer = web.StreamResponse(status=found.status, headers=headers)
            answer.content_length = None if found.status == 304 else found.length
            return answer
        transfer.ask(Span(offset=found.offset, length=found.length))
        first = await _receive(transfer, STALL_S)
        answer = web.StreamResponse(status=found.status, headers=headers)
        answer.content_length = found.length
        if found.status == 206:
            last = found.offset + found.length - 1
            answer.headers["Content-Range"] = f"bytes {found.offset}-{last}/{facts.size}"
        return await relay(request, answer, transfer, first, found.length)


async def archive(request: web.Request) -> web.StreamResponse:
    """GET …/archive?path=…&name=…: a folder as zip, or the names that are picked in it."""
    query: _Archive = _query(request, _Archive, Scope.READ)
    names = None if query.name is None else list(query.name)
    asked = _place(ArchiveParams, query, names=names)
    async with _opened(request, query, Scope.READ, "link.archive", asked) as transfer:
        ready = await _receive(transfer, COUNT_S)
        if ready.kind is not Kind.READY:
            raise StreamCutError("it sent what was not asked for")
        _ = decoded(ready, ArchiveReady)
        first = await _receive(transfer, STALL_S)
        headers = _safe_headers(f"{_name(query) or 'files'}.zip", "application/zip", is_inline=False)
        return await relay(request, web.StreamResponse(headers=headers), transfer, first, None)


async def upload(request: web.Request) -> web.StreamResponse:
    """PUT …/content?path=…: replaces or makes the file, whole or not at all."""
    query: _Target = _query(request, _Target, Scope.WRITE)
    visit = visit_of(request)
    result = UNFINISHED
    try:
        done = await _upload(request, query)
        result = "ok"
    except WireError as error:
        result = error.code.value
        raise
    except ConnectionError:  # the client has gone
        raise
    except Exception:
        result = ErrorCode.INTERNAL.value
        raise
    finally:
        await request.app[MAIN].store.audit.add(
            "file.uploaded",
            who=visit.principal.who,
            kind=visit.principal.kind,
            address=visit.address,
            outcome=result,
            node=query.node,
            subject=_shown(query),
        )
    return web.Response(
        body=msgspec.json.encode({"etag": done.etag, "size": done.size, "path": done.path}),
        status=201 if done.is_new else 200,
        content_type="application/json",
        headers={"ETag": f'"{done.etag}"'},
    )


async def continue_later(_: web.Request) -> None:
    """In the place of aiohttp's own answer to `Expect: 100-continue`: the node is asked first."""


async def _upload(request: web.Request, query: _Target) -> Uploaded:
    headers = request.headers
    refuse_encoding(request)
    if "Content-Range" in headers:
        raise WireError(
            ErrorCode.INVALID, "An upload with Content-Range is not taken: one goes on with `upload` and `offset`."
        )
    offset = int(query.offset)
    if offset and query.upload is None:
        raise invalid("offset", "params.offset is for an upload that has an id: give `upload` too.")
    if "If-Unmodified-Since" in headers:
        raise WireError(ErrorCode.INVALID, "Of an upload, the condition is If-Match with the file's ETag, not a time.")
    expected = headers.get("Expect")
    if expected is not None and expected.lower() != "100-continue":
        raise web.HTTPExpectationFailed(text="Nothing but 100-continue can be expected.")
    if_match = headers.get("If-Match")
    if headers.get("If-None-Match", "*").strip() != "*":
        raise WireError(ErrorCode.INVALID, "Of an upload, If-None-Match is `*`: only where no file is yet.")
    asked = _place(
        UploadParams,
        query,
        if_match=None if if_match is None else tags(if_match, is_strong=True),
        is_new_only="If-None-Match" in headers,
        size=request.content_length,
        upload=query.upload,
        offset=offset,
    )
    if _Client(request).is_gone():  # it may have asked by now how much has come, and go on by another request
        raise ConnectionResetError("the client has gone before the node was asked")
    async with _opened(request, query, Scope.WRITE, "link.upload", asked) as transfer:
        if transfer.answered(UploadResult).offset != offset:
            raise WireError(
                ErrorCode.UNSUPPORTED,
                "Switchyard on this machine is too old to go on with an upload: send the file whole, or update it.",
            )
        if expected is not None:
            await request.writer.write(_CONTINUE)
            request.writer.output_size = 0
        return await pass_on(request, transfer)


class _Client:
    """The connection of a request."""

    def __init__(self, request: web.Request) -> None:
        self._request = request

    def is_gone(self) -> bool:
        transport = self._request.transport
        return transport is None or transport.is_closing()

    def cut(self) -> None:
        if self._request.transport is not None:
            self._request.transport.abort()


@asynccontextmanager
async def _opened(
    request: web.Request, query: Located, scope: Scope, method: str, make: Callable[..., Struct]
) -> AsyncIterator[Transfer]:
    """The transfer that `make` makes the params of. Raises WireError, also when the stream breaks before it began."""
    main, principal = request.app[MAIN], visit_of(request).principal
    principal.require(scope, query.node)
    link = main.registry.link(query.node)
    caller: Caller = principal.caller_on(link.node)

    def ask(stream: StreamId, key: str) -> Struct:
        return make(stream=stream, key=key, caller=caller)

    try:
        async with main.transfers.open(link, principal, method, ask, _Client(request)) as transfer:
            yield transfer
    except StreamCutError as error:
        raise broken(str(error)) from error


def _query(request: web.Request, kind: type[Located], scope: Scope) -> Any:
    """Decoded strictly. Raises WireError `invalid`; `forbidden` first for who may do this nowhere."""
    visit_of(request).principal.require(scope)
    given: dict[str, Any] = {"node": request.match_info["node"]}
    try:
        # A byte that is not UTF-8 stands as a surrogate, as in file names.
        pairs = parse_qsl(
            request.rel_url.raw_query_string,
            keep_blank_values=True,
            errors="surrogateescape",
            max_num_fields=MAX_NAMES + 10,
        )
    except ValueError as error:
        raise WireError(ErrorCode.TOO_LARGE, f"At most {MAX_NAMES} names are picked at once.") from error
    for name, value in pairs:
        if name == "name":
            given.setdefault(name, []).append(value)
        elif name in given:
            raise invalid(_field(name), f"params.{_field(name)} is given more than once.")
        else:
            given[name] = value
    try:
        given["path"].encode()
    except KeyError:
        pass
    except UnicodeEncodeError:
        given.setdefault("path_bytes", base64.b64encode(os.fsencode(given.pop("path"))).decode())
    try:
        body = msgspec.json.encode(given)
    except UnicodeEncodeError as error:
        raise WireError(ErrorCode.INVALID, "The query holds bytes that are not UTF-8; only path may.") from error
    return decode_body(body, kind)


def _field(name: str) -> str:
    return name[:64].encode("utf-8", "replace").decode()


async def _receive(transfer: Transfer, deadline_s: float) -> Record:
    """The next record. Raises StreamCutError, and WireError when the node says that it cannot."""
    record = await transfer.records.receive(deadline_s)
    if record.kind is Kind.ERROR:
        decoded(record, Struct)
    return record


def _shown(query: Located) -> str:
    """The path as text."""
    return query.path if query.path_bytes is None else query.path_bytes.decode("utf-8", "replace")


def _place(kind: type[TransferParams], query: Located, **more: Any) -> Callable[..., Struct]:
    return partial(kind, node=query.node, path=query.path, path_bytes=query.path_bytes, **more)


def _name(query: Located) -> str:
    return PurePosixPath(_shown(query)).name


def _safe_headers(name: str, kind: str, *, is_inline: bool) -> dict[str, str]:
    return {
        "Content-Type": kind,
        "Content-Disposition": disposition(name, is_inline=is_inline),
        "Content-Security-Policy": POLICY,
        "Cache-Control": "private, no-store",
    }


def _headers(name: str, facts: Facts, *, is_inline: bool) -> dict[str, str]:
    return {
        **_safe_headers(name, content_type(name, is_inline=is_inline), is_inline=is_inline),
        "ETag": f'"{facts.etag}"',
        "Last-Modified": http_date(facts.modified),
        "Accept-Ranges": "bytes",
    }


def _unsatisfiable(facts: Facts) -> web.Response:
    answer = problem(
        WireError(ErrorCode.INVALID, f"The file has {facts.size} bytes, and the range begins behind them."), status=416
    )
    answer.headers["Content-Range"] = f"bytes */{facts.size}"
    return answer
