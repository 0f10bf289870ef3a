"""What happens to answers, live events and replays when the other end does not read fast enough."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from tests.support.peers import Source, dial_peer, raw_client, serve_peers, until, within
from ws.protocol.errors import ErrorCode, WireError
from ws.rpc import (
    BROWSER_LIMITS,
    LINK_LIMITS,
    Answer,
    IncomingCall,
    Lagging,
    feed_from,
)
from ws.tasks import TaskOwner


async def test_live_events_lag_when_the_other_end_does_not_read() -> None:
    source = Source()
    limits = replace(BROWSER_LIMITS, outbox_bytes=100_000)
    event = b'"%b"' % (b"x" * 10_000)
    async with serve_peers(source.handler, limits=limits) as server, raw_client(server.url) as client:
        await client.call(1, "watch")
        sink = await source.attached()
        offered = 0
        while sink.offer(event):
            offered += 1
            assert offered < 100
        assert server.peers[0]._outbox.waiting_bytes < 110_000
        frames = [await client.receive() for _ in range(offered + 1)]
        assert {frame["method"] for frame in frames[:-1]} == {"event"}
        assert frames[-1] == {"jsonrpc": "2.0", "method": "lagging", "params": {"subscription": 1}}
        await until(lambda: source.detached == 1, "the feed is detached")
        assert (await client.call(1, "watch"))["result"] == {}
        assert source.sinks[-1].offer(event)


async def test_a_reader_that_takes_nothing_lags_without_holding_up_the_connection() -> None:
    source = Source()
    limits = replace(LINK_LIMITS, subscription_bytes=100_000)
    async with serve_peers(source.handler) as server, dial_peer(server.url, limits=limits) as peer:
        subscription = await peer.subscribe("watch", b"{}", deadline_s=5)
        sink = await source.attached()
        while await sink.send(b'"%b"' % (b"x" * 10_000)):
            pass
        assert source.detached == 1
        assert await peer.call("x", b"2", deadline_s=5) == b"2"
        with pytest.raises(Lagging):
            await within(anext(subscription))


async def test_a_long_replay_waits_for_room_and_loses_nothing() -> None:
    owner = TaskOwner("replay")
    closed = asyncio.Event()
    produced = 0

    async def events() -> AsyncIterator[bytes]:
        nonlocal produced
        try:
            for number in range(20_000):
                produced = number
                yield b'{"n":%d,"pad":"%b"}' % (number, b"p" * 500)
        finally:
            closed.set()

    async def handler(call: IncomingCall) -> Answer:
        return feed_from(b"{}", events(), owner, "replay") if call.method == "watch" else b"1"

    async with serve_peers(handler, limits=LINK_LIMITS) as server, raw_client(server.url) as client:
        await client.call(1, "watch")
        await until(lambda: server.peers[0]._outbox.waiting_bytes > 500_000, "the replay fills its share")
        assert server.peers[0]._outbox.waiting_bytes <= LINK_LIMITS.replay_bytes
        assert produced < 19_000
        numbers = [(await client.receive())["params"]["event"]["n"] for _ in range(20_000)]
        assert numbers == list(range(20_000))
        assert await client.receive() == {"jsonrpc": "2.0", "method": "ended", "params": {"subscription": 1}}
        await within(closed.wait())
    await owner.close()


async def test_live_events_have_room_beside_a_stalled_replay() -> None:
    owner = TaskOwner("replay")
    source = Source()

    async def events() -> AsyncIterator[bytes]:
        while True:
            yield b'"%b"' % (b"p" * 10_000)

    async def handler(call: IncomingCall) -> Answer:
        return feed_from(b"{}", events(), owner, "replay") if call.method == "replay" else source.feed()

    async with serve_peers(handler) as server, raw_client(server.url) as client:
        await client.call(1, "watch")
        await client.call(2, "replay")
        await until(lambda: server.peers[0]._outbox.waiting_bytes > 900_000, "the replay has filled its share")
        assert all(source.sinks[0].offer(b'"%b"' % (b"x" * 10_000)) for _ in range(200))
    await owner.close()


@pytest.mark.parametrize("failure", [WireError(ErrorCode.NOT_FOUND, "Gone."), Lagging(), ZeroDivisionError("secret")])
async def test_a_replay_that_fails_tells_its_reader_how(failure: Exception) -> None:
    owner = TaskOwner("replay")

    async def events() -> AsyncIterator[bytes]:
        yield b"1"
        raise failure

    async def handler(call: IncomingCall) -> Answer:
        return feed_from(b"{}", events(), owner, "replay")

    with capture_logs():
        async with serve_peers(handler) as server, raw_client(server.url) as client:
            await client.call(1, "watch")
            assert (await client.receive())["method"] == "event"
            last = await client.receive()
        match failure:
            case WireError():
                assert last["params"]["error"]["code"] == "not_found"
            case Lagging():
                assert last["method"] == "lagging"
            case _:
                assert last["params"]["error"]["code"] == "internal"
                assert "secret" not in str(last)
    await owner.close()


class _Events:
    """An iterator that is no generator: only `aclose` releases what it holds."""

    def __init__(self) -> None:
        self.closed = asyncio.Event()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        await asyncio.Event().wait()
        raise StopAsyncIteration

    async def aclose(self) -> None:
        self.closed.set()


@pytest.mark.parametrize("is_detached_at_once", [True, False])
async def test_the_iterator_of_a_feed_is_closed_even_when_nothing_was_taken(*, is_detached_at_once: bool) -> None:
    owner = TaskOwner("replay")
    events = _Events()
    detach = feed_from(b"{}", events, owner, "replay").attach(_Nowhere())
    if not is_detached_at_once:
        await asyncio.sleep(0)
    detach()
    await within(events.closed.wait())
    await owner.close()


class _Nowhere:
    def offer(self, event: bytes) -> bool:
        return False

    def offer_all(self, events: Sequence[bytes]) -> bool:
        return False

    async def send(self, event: bytes) -> bool:
        return False

    def lag(self) -> None:
        pass

    def end(self, error: WireError | None = None) -> None:
        pass


async def test_answers_wait_for_room_and_the_reader_waits_with_them() -> None:
    handled = 0
    limits = replace(BROWSER_LIMITS, outbox_bytes=200_000)

    async def handler(call: IncomingCall) -> Answer:
        nonlocal handled
        handled += 1
        return b'"%b"' % (b"x" * 100_000)

    async with serve_peers(handler, limits=limits) as server, raw_client(server.url) as client:
        for call_id in range(400):
            await client.send({"jsonrpc": "2.0", "id": call_id, "method": "x"})
        await until(lambda: server.peers[0]._outbox.waiting_bytes >= 100_000, "the outbox fills")
        assert server.peers[0]._outbox.waiting_bytes <= 200_200
        assert handled <= 2 * limits.max_running_calls
        answers = [await client.receive() for _ in range(400)]
        assert {answer["id"] for answer in answers} == set(range(400))


async def test_a_peer_that_stops_reading_is_cut() -> None:
    limits = replace(BROWSER_LIMITS, stall_s=0.3)

    async def handler(call: IncomingCall) -> Answer:
        return b'"%b"' % (b"x" * 4_000_000)

    async with serve_peers(handler, limits=limits) as server, raw_client(server.url) as client:
        with capture_logs() as logs:
            for call_id in range(5):
                await client.send({"jsonrpc": "2.0", "id": call_id, "method": "x"})
            await within(server.ended.acquire())
        assert "peer_stalled" in [entry["event"] for entry in logs]
