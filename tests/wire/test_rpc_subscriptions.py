"""Subscriptions between two peers on a real socket: their frames, their order, their end."""

import asyncio
import json
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from tests.support.peers import Source, dial_peer, raw_client, serve_peers, until, within
from ws.protocol.errors import ErrorCode, WireError
from ws.rpc import (
    BROWSER_LIMITS,
    Answer,
    Detach,
    EventSink,
    Feed,
    IncomingCall,
    Lagging,
    Subscription,
)
from ws.rpc.served import BATCH_BYTES


async def _collect(subscription: Subscription) -> list[bytes]:
    return [event async for event in subscription]


async def test_events_follow_the_result_in_order() -> None:
    async def count(call: IncomingCall) -> Answer:
        def attach(sink: EventSink) -> Detach:
            for number in range(100):
                assert sink.offer(b"%d" % number)
            sink.end()
            return lambda: None

        return Feed(b'{"from":0}', attach)

    async with serve_peers(count) as server, dial_peer(server.url) as peer:
        subscription = await peer.subscribe("watch", b"{}", deadline_s=5)
        assert subscription.result == b'{"from":0}'
        assert await within(_collect(subscription)) == [b"%d" % number for number in range(100)]


async def test_events_that_come_together_are_batches_of_a_bounded_length_in_order() -> None:
    source = Source()
    texts = ["x" * 1000] * 300 + ["y" * BATCH_BYTES]
    events = [{"n": number, "text": text} for number, text in enumerate(texts)]
    limits = replace(BROWSER_LIMITS, takes_batches=True)
    async with serve_peers(source.handler, limits=limits) as server, raw_client(server.url) as client:
        await client.call("s", "watch")
        sink = await source.attached()
        assert sink.offer_all([json.dumps(event).encode() for event in events])
        assert sink.offer_all([b'{"n":-1}'])
        batches = [await client.receive() for _ in range(3)]
        assert [len(batch) for batch in batches[:2]] == [BATCH_BYTES // 1100, BATCH_BYTES // 1100]
        alone = [await client.receive() for _ in range(2)]
        told = [frame for batch in batches for frame in batch] + alone
        assert [frame["params"]["event"] for frame in told] == [*events, {"n": -1}]
        envelope = {"jsonrpc": "2.0", "method": "event"}
        assert all(
            frame == envelope | {"params": {"subscription": "s", "event": event}}
            for frame, event in zip(told, [*events, {"n": -1}], strict=True)
        )


async def test_who_did_not_ask_for_batches_gets_every_event_by_itself() -> None:
    source = Source()
    async with serve_peers(source.handler) as server, raw_client(server.url) as client:
        await client.call("s", "watch")
        sink = await source.attached()
        assert sink.offer_all([b"%d" % number for number in range(100)])
        told = [await client.receive() for _ in range(100)]
        assert [frame["params"]["event"] for frame in told] == [*range(100)]


async def test_events_that_come_together_and_find_no_room_lag() -> None:
    source = Source()
    limits = replace(BROWSER_LIMITS, outbox_bytes=BATCH_BYTES * 3 // 2, takes_batches=True)
    async with serve_peers(source.handler, limits=limits) as server, raw_client(server.url) as client:
        await client.call("s", "watch")
        sink = await source.attached()
        assert not sink.offer_all([b'"%b"' % (b"x" * 1000)] * 400)
        assert not sink.offer_all([b"1"])
        assert len(await client.receive()) > 1
        assert await client.receive() == {"jsonrpc": "2.0", "method": "lagging", "params": {"subscription": "s"}}
        await until(lambda: source.detached == 1, "the feed is detached")


async def test_events_and_answers_may_be_nested_deeper_than_calls() -> None:
    deep = b"[" * 200 + b"]" * 200
    source = Source()

    async def handler(call: IncomingCall) -> Answer:
        return source.feed(deep) if call.method == "watch" else deep

    async with serve_peers(handler) as server, dial_peer(server.url) as peer:
        assert await peer.call("x", b"{}", deadline_s=5) == deep
        subscription = await peer.subscribe("watch", b"{}", deadline_s=5)
        assert subscription.result == deep
        (await source.attached()).offer(deep)
        assert await within(anext(subscription)) == deep
        with pytest.raises(WireError, match="nested deeper"):
            await peer.call("x", deep, deadline_s=5)


async def test_the_frames_of_a_subscription_are_those_of_the_contract() -> None:
    source = Source()
    async with serve_peers(source.handler) as server, raw_client(server.url) as client:
        assert await client.call("s", "watch") == {"jsonrpc": "2.0", "id": "s", "result": {}}
        sink = await source.attached()
        sink.offer(b'{"n":1}')
        params: dict[str, object] = {"subscription": "s", "event": {"n": 1}}
        assert await client.receive() == {"jsonrpc": "2.0", "method": "event", "params": params}
        assert (await client.call(2, "unsubscribe", {"subscription": "s"}))["result"] == {}
        assert source.detached == 1
        assert not sink.offer(b"1")
        sink.end()
        await client.call("s", "watch")
        source.sinks[-1].end(WireError(ErrorCode.NODE_OFFLINE, "Gone."))
        data = {"type": "about:blank", "title": "Machine offline", "status": 503, "code": "node_offline"}
        data |= {"detail": "Gone.", "retryable": True}
        params = {"subscription": "s", "error": data}
        assert await client.receive() == {"jsonrpc": "2.0", "method": "ended", "params": params}
        await until(lambda: source.detached == 2, "the second feed is detached")
        assert (await client.call(3, "unsubscribe", {"subscription": "s"}))["result"] == {}
        assert (await client.call(4, "unsubscribe", {}))["error"]["data"]["code"] == "invalid"


@pytest.mark.parametrize("way", ["unsubscribe", "cancel", "end", "lag", "close", "cut"])
async def test_a_feed_is_detached_exactly_once_however_it_ends(way: str) -> None:
    source = Source()
    async with serve_peers(source.handler) as server, raw_client(server.url) as client:
        await client.call(1, "watch")
        sink = await source.attached()
        match way:
            case "unsubscribe":
                await client.send({"jsonrpc": "2.0", "id": 2, "method": way, "params": {"subscription": 1}})
            case "cancel":
                await client.send({"jsonrpc": "2.0", "method": way, "params": {"id": 1}})
            case "end":
                sink.end()
                sink.end(WireError(ErrorCode.INTERNAL, "twice"))
            case "lag":
                sink.lag()
            case "close":
                await client.socket.close()
            case _:
                await server.peers[0].close()
        await until(lambda: source.detached == 1, "the feed is detached")
        sink.lag()
        assert not sink.offer(b"1")
        assert not await sink.send(b"1")
        await server.peers[0].close()
        await within(server.ended.acquire())
        assert source.detached == 1


async def test_a_feed_whose_caller_has_gone_is_attached_to_nothing_and_detached() -> None:
    source = Source()
    started = asyncio.Event()

    async def slow(call: IncomingCall) -> Answer:
        started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0)
        return source.feed()

    async with serve_peers(slow) as server, raw_client(server.url) as client:
        await client.send({"jsonrpc": "2.0", "id": 1, "method": "watch"})
        await within(started.wait())
        await server.peers[0].close()
        await within(server.ended.acquire())
    assert (len(source.sinks), source.detached) == (1, 1)


async def test_a_feed_that_fails_to_attach_ends_its_subscription_only() -> None:
    def attach(sink: EventSink) -> Detach:
        raise ZeroDivisionError

    async def handler(call: IncomingCall) -> Answer:
        return Feed(b"{}", attach) if call.method == "watch" else b"1"

    async with serve_peers(handler) as server, raw_client(server.url) as client:
        with capture_logs() as logs:
            await client.call(1, "watch")
            ended = await client.receive()
        assert (ended["method"], ended["params"]["error"]["code"]) == ("ended", "internal")
        assert [entry["event"] for entry in logs if entry["log_level"] == "error"] == ["attach_failed"]
        assert (await client.call(1, "x"))["result"] == 1


async def test_more_subscriptions_than_allowed_are_ended_and_detached() -> None:
    source = Source()
    limits = replace(BROWSER_LIMITS, max_subscriptions=2)
    async with serve_peers(source.handler, limits=limits) as server, raw_client(server.url) as client:
        for call_id in range(2):
            await client.call(call_id, "watch")
        await client.call(2, "watch")
        ended = await client.receive()
        assert (ended["params"]["subscription"], ended["params"]["error"]["code"]) == (2, "rate_limited")
        assert source.detached == 1


async def test_lagging_and_ended_reach_the_reader_after_the_events_before_them() -> None:
    source = Source()
    async with serve_peers(source.handler) as server, dial_peer(server.url) as peer:
        for end, expected in ((None, Lagging), (WireError(ErrorCode.FORBIDDEN, "No more."), WireError)):
            subscription = await peer.subscribe("watch", b"{}", deadline_s=5)
            sink = await source.attached()
            sink.offer(b"1")
            if end is None:
                sink.lag()
            else:
                sink.end(end)
            assert await within(anext(subscription)) == b"1"
            with pytest.raises(expected):
                await within(anext(subscription))
            await subscription.close()


async def test_closing_a_subscription_unsubscribes_and_stops_iteration() -> None:
    source = Source()
    async with serve_peers(source.handler) as server, dial_peer(server.url) as peer:
        subscription = await peer.subscribe("watch", b"{}", deadline_s=5)
        await source.attached()
        await subscription.close()
        assert source.detached == 1
        assert await within(_collect(subscription)) == []
        await subscription.close()


async def test_subscriptions_end_with_node_offline_when_the_connection_ends() -> None:
    source = Source()
    async with serve_peers(source.handler) as server, dial_peer(server.url) as peer:
        subscription = await peer.subscribe("watch", b"{}", deadline_s=5)
        await server.peers[0].close()
        with pytest.raises(WireError) as caught:
            await within(anext(subscription))
        assert caught.value.code is ErrorCode.NODE_OFFLINE
