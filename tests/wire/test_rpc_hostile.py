"""A peer under garbage and on a bad network: it answers, refuses or ends, and never stays half-alive."""

import asyncio
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.faulty import faulty_proxy
from tests.support.peers import dial_peer, echo, raw_client, serve_peers, until, within
from ws.protocol.errors import ErrorCode, WireError
from ws.rpc import BROWSER_LIMITS, Answer, Feed, IncomingCall, Peer
from ws.rpc.frames import Refused, read_frame

_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=20,
)
_ids = st.none() | st.integers() | st.text(max_size=140) | _json
_methods = st.sampled_from(["x", "event", "lagging", "ended", "cancel", "unsubscribe", "watch", "fail"]) | _json
_envelopes = st.fixed_dictionaries(
    {},
    optional={
        "jsonrpc": st.sampled_from(["2.0", "2.0", "1.0"]),
        "id": _ids,
        "method": _methods,
        "params": _json | st.fixed_dictionaries({"subscription": _ids, "event": _json, "id": _ids, "error": _json}),
        "result": _json,
        "error": _json | st.fixed_dictionaries({"code": st.integers(), "message": st.text()}),
        "caller": _json,
    },
)
_frames = (
    (_envelopes | st.lists(_envelopes | _json, max_size=5)).map(msgspec.json.encode)
    | st.binary(max_size=200)
    | st.text(max_size=200).map(lambda text: text.encode(errors="ignore"))
)


@given(_frames)
def test_reading_a_frame_raises_nothing_and_refusals_keep_a_usable_id(frame: bytes) -> None:
    read = read_frame(frame, BROWSER_LIMITS)
    for element in read if isinstance(read, list) else [read]:
        if isinstance(element, Refused):
            assert element.error.code is ErrorCode.INVALID
            assert element.id is None or isinstance(element.id, int | str)


class _Memory:
    """A socket whose other end is the test itself: nothing but the peer is between frame and answer."""

    def __init__(self, frames: list[bytes]) -> None:
        self._frames = frames
        self.sent: list[Any] = []

    async def receive(self) -> bytes | None:
        await asyncio.sleep(0)
        return self._frames.pop(0) if self._frames else None

    async def send(self, frame: bytes) -> None:
        self.sent.append(msgspec.json.decode(frame))

    def unsent_bytes(self) -> int:
        return 0

    async def close(self, code: int, reason: str) -> None:
        pass

    def abort(self) -> None:
        pass


async def _handler(call: IncomingCall) -> Answer:
    if call.method == "fail":
        raise WireError(ErrorCode.CONFLICT, "No.")
    if call.method == "watch":
        return Feed(b"{}", lambda sink: lambda: None)
    return call.params


@settings(max_examples=150, deadline=None)
@given(st.lists(_frames, max_size=12))
def test_a_peer_survives_any_frames(frames: list[bytes]) -> None:
    async def scenario() -> list[Any]:
        socket = _Memory(
            [*frames, b'{"jsonrpc":"2.0","id":"the end","method":"x","params":{"still":"here"}}'] + [b" "] * 20
        )
        peer = Peer(socket, _handler, name="fuzz")
        await within(peer.run())
        assert not peer.is_open
        return socket.sent

    with asyncio.Runner() as runner:
        sent = runner.run(scenario())
    assert {"jsonrpc": "2.0", "id": "the end", "result": {"still": "here"}} in sent


async def test_garbage_over_a_real_socket_leaves_other_connections_alone() -> None:
    async with serve_peers(echo) as server, raw_client(server.url) as good, raw_client(server.url) as bad:
        for text in ("", "[", "[[]]", "{}", '{"id":[]}', "\x00" * 1000, "[" * 500):
            await bad.send(text)
            await bad.receive()
        await bad.socket.send_frame(b"\xff", 1)  # type: ignore[arg-type]
        assert await bad.closed() == 1007
        assert (await good.call(1, "x"))["result"] == {}


async def test_calls_survive_delay_and_odd_pieces() -> None:
    async with serve_peers(echo) as server, faulty_proxy(server.port) as proxy:
        proxy.delay_s = 0.01
        async with dial_peer(proxy.url()) as peer:
            params = b'"%b"' % (b"x" * 200_000)
            for _ in range(3):
                assert await within(peer.call("x", params, deadline_s=10)) == params


@pytest.mark.parametrize("fault", ["cut", "half_close"])
async def test_a_broken_connection_ends_both_peers(fault: str) -> None:
    async with serve_peers(echo) as server, faulty_proxy(server.port) as proxy, dial_peer(proxy.url()) as peer:
        await peer.call("x", b"1", deadline_s=5)
        getattr(proxy, fault)()
        await until(lambda: not peer.is_open, "our end has noticed")
        await within(server.ended.acquire())
        with pytest.raises(WireError) as caught:
            await peer.call("x", b"1", deadline_s=5)
        assert caught.value.code is ErrorCode.NODE_OFFLINE


async def test_a_stalled_line_fails_calls_at_their_deadline_and_works_again_afterwards() -> None:
    async with serve_peers(echo) as server, faulty_proxy(server.port) as proxy, dial_peer(proxy.url()) as peer:
        await peer.call("x", b"1", deadline_s=5)
        proxy.stall()
        with pytest.raises(WireError) as caught:
            await peer.call("x", b"2", deadline_s=0.1)
        assert caught.value.code is ErrorCode.TIMEOUT
        proxy.resume()
        assert await peer.call("x", b"3", deadline_s=5) == b"3"
