"""/api/ops/{op}: every operation over HTTP, and the description of them all."""

import asyncio

import msgspec
from aiohttp import web

from main.keys import MAIN
from main.relay.params import from_query
from main.relay.router import find
from routes.main.bodies import read_body
from routes.main.event_stream import EventStream
from routes.main.visits import visit_of
from ws.protocol.ops import Op
from ws.rpc import Feed
from ws.rpc.limits import MIB
from ws.schema.openapi import build

MAX_BODY_BYTES = 6 * MIB
"""A file of `filesystem.max_read_bytes` at its largest, escaped as JSON; still less than a link's largest frame."""


async def call_op(request: web.Request) -> web.StreamResponse:
    """POST with the params as body; GET with a query for read-only ops; a subscription answers an event stream."""
    op = find(request.match_info["op"])
    visit = visit_of(request)
    await request.app[MAIN].router.admit(visit, op)  # before anything is read of what was sent
    params = await _params(request, op)
    request.app[MAIN].live.require(visit.principal)
    if op.is_subscription:
        request.app[MAIN].live.require_room(visit.principal)
    answer = await request.app[MAIN].router.call(visit, op.name, params)
    if isinstance(answer, Feed):
        return await EventStream(request, visit.principal).serve(answer)
    return web.Response(body=answer, content_type="application/json")


async def describe(_: web.Request) -> web.Response:
    """GET /api/openapi.json."""
    return web.Response(body=await asyncio.to_thread(_description), content_type="application/json")


def _description() -> bytes:
    return msgspec.json.encode(build())


async def _params(request: web.Request, op: Op) -> bytes:
    if request.method == "POST":
        return await read_body(request, MAX_BODY_BYTES) or b"{}"
    if not op.is_read_only:
        raise web.HTTPMethodNotAllowed(request.method, ["POST"])
    query = {name: request.query.getall(name) for name in request.query}
    last = request.headers.get("Last-Event-ID", "")
    if op.name == "session.watch" and last.isascii() and last.isdigit():
        query["after"] = [last]  # an EventSource that connects again says how far it came
    return from_query(op, query)
