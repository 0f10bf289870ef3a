"""/ws: every operation on one socket."""

from aiohttp import web

from main.auth.access import access_ended
from main.keys import MAIN
from routes.main.handshake import check_handshake
from routes.main.visits import visit_of
from ws.rpc import BROWSER_LIMITS, Answer, IncomingCall, Peer, accept_socket
from ws.streams import RawResponse

REVOKED = 4401
"""Close code: the login has ended."""


async def socket(request: web.Request) -> web.StreamResponse:
    """GET /ws: JSON-RPC until either side closes or access ends."""
    check_handshake(request)
    main, visit = request.app[MAIN], visit_of(request)

    has_ended = False

    async def answer(call: IncomingCall) -> Answer:
        if has_ended:  # what still comes while the socket says goodbye
            raise access_ended()
        return await main.router.call(visit, call.method, call.params)

    opened = await accept_socket(request, BROWSER_LIMITS)
    peer = Peer(opened, answer, name=f"page of {visit.principal.name}", limits=BROWSER_LIMITS)

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
