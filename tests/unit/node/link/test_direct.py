"""Direct mode against a small Main of the test: first contact, refusals, removal, coming back."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web

from node.link.conversation import About
from node.link.credentials import Credentials
from node.link.direct import DirectLink
from node.link.status import LinkStatus
from node.store import Store, open_store
from tests.support.waiting import eventually
from ws.dial import Backoff
from ws.protocol import PROTOCOL_VERSION
from ws.protocol.base import NodeId, now
from ws.protocol.envelope import Caller
from ws.protocol.errors import ErrorCode, WireError
from ws.protocol.link import HelloParams, HelloResult
from ws.protocol.nodes import Capabilities
from ws.rpc import LINK_LIMITS, Answer, IncomingCall, Peer, accept_socket

TOKEN = "register-token-of-the-test"
MAIN_SECRET = "M" * 43


@dataclass
class FakeMain:
    """Admits `bearers`; what the node said and presented is kept."""

    url: str = ""
    bearers: set[str] = field(default_factory=lambda: {TOKEN})
    refusal: tuple[int, str] = (401, "Main does not know this node.")
    hello_error: WireError | None = None
    presented: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    hellos: list[HelloParams] = field(default_factory=list)
    peers: list[Peer] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    newest: int = 99
    """The newest protocol version that it speaks."""

    async def connected(self, request: web.Request) -> web.StreamResponse:
        bearer = request.headers["Authorization"].removeprefix("Bearer ")
        self.presented.append(bearer)
        self.headers.append(dict(request.headers))
        if bearer not in self.bearers:
            status, detail = self.refusal
            body = json.dumps({"status": status, "code": "unauthorized", "detail": detail})
            return web.Response(status=status, text=body, content_type="application/problem+json")
        if int(request.headers["Switchyard-Protocol"]) > self.newest:
            body = json.dumps({"status": 426, "code": "unsupported", "detail": "Update Switchyard on Main."})
            headers = {"Switchyard-Protocol": str(self.newest)}
            return web.Response(status=426, text=body, headers=headers, content_type="application/problem+json")
        socket = await accept_socket(request, LINK_LIMITS)
        peer = Peer(
            socket,
            self._answer,
            name="node",
            limits=LINK_LIMITS,
            on_notify=lambda method, _: self.notes.append(method),
        )
        self.peers.append(peer)
        await peer.run()
        return web.Response()

    async def _answer(self, call: IncomingCall) -> Answer:
        assert call.method == "link.hello"
        hello = msgspec.json.decode(call.params, type=HelloParams)
        self.hellos.append(hello)
        if self.hello_error is not None:
            raise self.hello_error
        if hello.secret is not None:
            self.bearers = {hello.secret}
        secret = MAIN_SECRET if hello.secret is not None else None
        return msgspec.json.encode(HelloResult(protocol=1, version="0", main_id="main-1", time=now(), secret=secret))


@asynccontextmanager
async def main_of_the_test() -> AsyncIterator[FakeMain]:
    main = FakeMain()
    app = web.Application()
    app.router.add_get("/base/ws/node", main.connected)
    runner = web.AppRunner(app, shutdown_timeout=0.5)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    main.url = f"http://127.0.0.1:{runner.addresses[0][1]}/base"
    try:
        yield main
    finally:
        for peer in main.peers:
            await peer.close()
        await runner.cleanup()


@asynccontextmanager
async def node_of(
    main: FakeMain, store: Store, *, token: str | None = TOKEN, is_local: bool = False
) -> AsyncIterator[tuple[DirectLink, LinkStatus]]:
    """A node's link, dialling. It answers each call with its method and caller."""
    status = LinkStatus()
    about = About(
        id=NodeId("laptop"),
        name="Laptop",
        platform="Linux",
        labels={"room": "attic"},
        capabilities=Capabilities(terminal=True, providers=["claude"], features=["files"]),
        home="/home/ada",
    )
    link = DirectLink(
        main.url,
        about,
        Credentials(store.identity, register_token=token, is_local=is_local),
        tls=None,
        status=status,
        backoff=lambda: Backoff(first_s=0.01, max_s=0.02),
    )

    async def answer(call: IncomingCall) -> Answer:
        return msgspec.json.encode([call.method, call.caller])

    link.start(answer)
    try:
        yield link, status
    finally:
        await link.stop()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await open_store(tmp_path / "node.db")
    yield opened
    await opened.close()


async def _phase(status: LinkStatus, phase: str) -> None:
    await eventually(lambda: status.phase == phase, what=f"the link to be {phase}")


async def test_first_contact_exchanges_secrets_and_the_next_dial_uses_them(store: Store) -> None:
    async with main_of_the_test() as main:
        async with node_of(main, store) as (_, status):
            await _phase(status, "online")
        identity = await store.identity.load()
        assert identity is not None
        assert identity.accepts(MAIN_SECRET)
        assert main.hellos[0].secret == identity.node_secret
        assert len(identity.node_secret) == 43
        async with node_of(main, store, token=None) as (_, status):
            await _phase(status, "online")
        assert main.presented == [TOKEN, identity.node_secret]
        assert main.hellos[1].secret is None
        presented = (main.headers[0]["Switchyard-Node"], main.headers[0]["Switchyard-Protocol"])
        assert presented == ("laptop", str(PROTOCOL_VERSION))
        hello = main.hellos[0]
        assert (hello.name, hello.labels, hello.home) == ("Laptop", {"room": "attic"}, "/home/ada")


async def test_main_calls_through_the_link_and_its_caller_is_believed(store: Store) -> None:
    async with main_of_the_test() as main, node_of(main, store) as (_, status):
        await _phase(status, "online")
        who = Caller(user="u1", login="l1", role="viewer", name="ada")  # type: ignore[arg-type]  # ids as they travel
        answer: Any = msgspec.json.decode(await main.peers[0].call("files.list", b"{}", deadline_s=5.0, caller=who))
        assert answer == ["files.list", {"user": "u1", "login": "l1", "role": "viewer", "name": "ada"}]


async def test_a_link_that_ends_comes_back(store: Store) -> None:
    async with main_of_the_test() as main, node_of(main, store) as (_, status):
        for count in range(1, 4):
            await eventually(lambda wanted=count: len(main.hellos) == wanted, what="another handshake")  # type: ignore[misc]
            await _phase(status, "online")
            await main.peers[-1].close()


@pytest.mark.parametrize(
    ("status_code", "sentence"),
    [(401, "This is no valid register token."), (403, "Main knows a node laptop already.")],
)
async def test_a_final_refusal_is_said_and_not_repeated(store: Store, status_code: int, sentence: str) -> None:
    async with main_of_the_test() as main:
        main.bearers, main.refusal = set(), (status_code, sentence)
        async with node_of(main, store) as (_, status):
            await _phase(status, "offline")
            assert status.facts["link"] == "offline"
            assert sentence in status.facts["link_detail"]
        assert main.presented == [TOKEN]


async def test_another_protocol_version_is_tried_again_since_main_may_be_updated(store: Store) -> None:
    async with main_of_the_test() as main:
        main.bearers, main.refusal = set(), (426, "Update Switchyard on Main.")
        async with node_of(main, store) as (_, status):
            await eventually(lambda: len(main.presented) > 2, what="more attempts")
            assert "Update Switchyard on Main." in status.facts["link_detail"]
            main.bearers = {TOKEN}
            await _phase(status, "online")


async def test_a_main_that_speaks_an_older_version_is_dialled_with_that(store: Store) -> None:
    async with main_of_the_test() as main:
        main.newest = 1
        async with node_of(main, store) as (_, status):
            await _phase(status, "online")
        assert [each["Switchyard-Protocol"] for each in main.headers] == [str(PROTOCOL_VERSION), "1"]


async def test_a_first_contact_is_confirmed_when_it_is_on_disk_and_no_later_link_is(store: Store) -> None:
    async with main_of_the_test() as main:
        for _ in range(2):
            async with node_of(main, store) as (_, status):
                await _phase(status, "online")
                await eventually(lambda: main.notes, what="the confirmation")
        assert main.notes == ["link.confirmed"]


async def test_a_refusal_in_the_handshake_is_final(store: Store) -> None:
    async with main_of_the_test() as main:
        main.hello_error = WireError(ErrorCode.FORBIDDEN, "The id in link.hello is not the one of the dial.")
        async with node_of(main, store) as (_, status):
            await _phase(status, "offline")
        assert len(main.hellos) == 1
        assert await store.identity.load() is None


async def test_a_node_without_token_and_identity_says_what_it_needs(store: Store) -> None:
    async with main_of_the_test() as main, node_of(main, store, token=None) as (_, status):
        await _phase(status, "offline")
        assert "node.register_token" in status.detail
        assert main.presented == []


async def test_a_removed_node_stops_and_may_join_again_after_its_next_start(store: Store) -> None:
    async with main_of_the_test() as main:
        async with node_of(main, store) as (_, status):
            await _phase(status, "online")
            main.peers[0].notify("link.removed", b'{"reason":"ada removed it"}')
            await main.peers[0].close()
            await _phase(status, "offline")
            assert "ada removed it" in status.detail
        main.bearers = {TOKEN}
        async with node_of(main, store) as (_, status):
            await _phase(status, "online")
        assert len(main.hellos) == 2
        assert main.hellos[1].secret is not None


async def test_a_node_removed_while_it_was_away_stops_with_the_remedy(store: Store) -> None:
    async with main_of_the_test() as main:
        async with node_of(main, store) as (_, status):
            await _phase(status, "online")
        main.bearers = {TOKEN}
        async with node_of(main, store) as (_, status):
            await _phase(status, "offline")
            assert "start this node anew" in status.detail
        assert len(main.hellos) == 1, "the token must not be used behind the back of who removed it"


async def test_a_local_node_joins_a_main_that_lost_its_memory_by_the_token_of_its_start(store: Store) -> None:
    async with main_of_the_test() as main:
        async with node_of(main, store, is_local=True) as (_, status):
            await _phase(status, "online")
        main.bearers = {TOKEN}
        async with node_of(main, store, is_local=True) as (_, status):
            await _phase(status, "online")
        assert len(main.hellos) == 2


async def test_an_identity_refused_by_mistake_is_good_again_when_it_is_accepted(store: Store) -> None:
    async with main_of_the_test() as main:
        async with node_of(main, store) as (_, status):
            await _phase(status, "online")
        known, main.bearers = main.bearers, set()
        async with node_of(main, store) as (_, status):
            await _phase(status, "offline")
        main.bearers = known
        async with node_of(main, store) as (_, status):
            await _phase(status, "online")
        identity = await store.identity.load()
        assert identity is not None
        assert not identity.is_revoked


async def test_a_main_that_is_away_is_tried_again_and_the_reason_is_shown(store: Store) -> None:
    main = FakeMain(url="http://127.0.0.1:1")
    async with node_of(main, store) as (_, status):
        await eventually(lambda: bool(status.detail), what="a reason")
        assert status.facts["link"] == "connecting"
        assert "cannot be reached" in status.facts["link_detail"]
