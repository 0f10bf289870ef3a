"""/ws: every operation on one socket."""

from dataclasses import replace

from aiohttp import web

from main.auth.access import access_ended
from main.keys import MAIN
from routes.main.handshake import check_handshake
from routes.main.visits import visit_of
from ws.rpc import BROWSER_LIMITS, Answer, IncomingCall, Peer, accept_socket
from ws.streams import RawResponse

REVOKED = 4401
"""Close code: the login has ended."""
BATCHED_LIMITS = replace(BROWSER_LIMITS, takes_batches=True)


async def socket(request: web.Request) -> web.StreamResponse:
    """GET /ws: JSON-RPC until either side closes or access ends. `?batches=1`: events may come as batches.

    Raises WireError `rate_limited`, not upgraded, when this person has too many connections open.
    """
    check_handshake(request)
    main, visit = request.app[MAIN], visit_of(request)
    main.live.require_room(visit.principal)

    has_ended = False

    async def answer(call: IncomingCall) -> Answer:
        if has_ended:  # what still comes while the socket says goodbye
            raise access_ended()
        return await main.router.call(visit, call.method, call.params)

    limits = BATCHED_LIMITS if request.query.get("batches") == "1" else BROWSER_LIMITS
    opened = await accept_socket(request, limits)
    peer = Peer(opened, answer, name=f"page of {visit.principal.name}", limits=limits)

    def end() -> None:
        nonlocal has_ended
        has_ended = True
        peer.end_subscriptions(access_ended())
        _ = main.tasks.start(peer.close(REVOKED, "access ended"), name="end socket")

    forget = main.live.add(visit.principal, end)
    main.pages.add(peer)
    try:
        await peer.run()
    finally:
        main.pages.discard(peer)
        forget()
    return RawResponse()
