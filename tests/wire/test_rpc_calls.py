"""Calls and subscriptions between two peers on a real socket."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from tests.support.peers import dial_peer, echo, raw_client, serve_peers, until, within
from ws.protocol.base import LoginId, UserId
from ws.protocol.envelope import Caller
from ws.protocol.errors import ErrorCode, WireError
from ws.rpc import (
    BROWSER_LIMITS,
    LINK_LIMITS,
    Answer,
    Detach,
    EventSink,
    Feed,
    IncomingCall,
    Lagging,
    Subscription,
    feed_from,
)
from ws.tasks import TaskOwner

CALLER = Caller(user=UserId("u"), login=LoginId("l"), role="member")


class Source:
    """A feed held open by a test."""

    def __init__(self) -> None:
        self.sinks: list[EventSink] = []
        self.detached = 0

    def feed(self, result: bytes = b"{}") -> Feed:
        def attach(sink: EventSink) -> Detach:
            self.sinks.append(sink)
            return self._detach

        return Feed(result, attach)

    def _detach(self) -> None:
        self.detached += 1

    async def handler(self, call: IncomingCall) -> Answer:
        return self.feed() if call.method == "watch" else call.params

    async def attached(self) -> EventSink:
        await until(lambda: bool(self.sinks), "a feed is attached")
        return self.sinks[-1]


async def _collect(subscription: Subscription) -> list[bytes]:
    return [event async for event in subscription]


async def test_calls_go_both_ways_at_once() -> None:
    async with serve_peers(echo) as server, dial_peer(server.url) as peer:
        async with asyncio.TaskGroup() as group:
            down = [group.create_task(peer.call("x", b"[%d]" % n, deadline_s=5)) for n in range(50)]
            await until(lambda: bool(server.peers), "the server has its peer")
            up = [group.create_task(server.peers[0].call("x", b"[%d]" % n, deadline_s=5)) for n in range(50)]
        assert [task.result() for task in down] == [b"[%d]" % n for n in range(50)] == [task.result() for task in up]


async def test_the_caller_travels_beside_the_params() -> None:
    async def who(call: IncomingCall) -> Answer:
        assert call.caller == CALLER
        return b"1"

    async with serve_peers(who, is_caller_believed=True) as server, dial_peer(server.url) as peer:
        assert await peer.call("x", b"{}", deadline_s=5, caller=CALLER) == b"1"


async def test_the_others_error_arrives_as_it_was_raised() -> None:
    async def fail(call: IncomingCall) -> Answer:
        raise WireError(ErrorCode.RATE_LIMITED, "Slow down.", retry_after_s=2.5)

    async with serve_peers(fail) as server, dial_peer(server.url) as peer:
        with pytest.raises(WireError, match="Slow down") as caught:
            await peer.call("x", b"{}", deadline_s=5)
        assert (caught.value.code, caught.value.retryable, caught.value.retry_after_s) == ("rate_limited", True, 2.5)


async def test_an_error_code_of_a_later_version_still_ends_the_call() -> None:
    async with serve_peers(echo) as server, raw_client(server.url) as client:
        await until(lambda: bool(server.peers), "the server has its peer")
        async with asyncio.TaskGroup() as group:
            call = group.create_task(_outcome(server.peers[0].call("x", b"{}", deadline_s=5)))
            call_id = (await client.receive())["id"]
            error = {"code": -32000, "message": "Odd.", "data": {"code": "novel", "detail": "Odd.", "retryable": True}}
            await client.send({"jsonrpc": "2.0", "id": call_id, "error": error})
        assert (call.result().code, call.result().detail) == (ErrorCode.INTERNAL, "Odd.")


async def _outcome(work: object) -> WireError:
    with pytest.raises(WireError) as caught:
        await work  # type: ignore[misc]
    return caught.value


@pytest.mark.parametrize("way", ["deadline", "cancellation"])
async def test_a_call_that_is_given_up_is_cancelled_at_the_other_end(way: str) -> None:
    started, stopped = asyncio.Event(), asyncio.Event()

    async def wait(call: IncomingCall) -> Answer:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()
        return b""

    async with serve_peers(wait) as server, dial_peer(server.url) as peer:
        if way == "deadline":
            with pytest.raises(WireError) as caught:
                await peer.call("x", b"{}", deadline_s=0.05)
            assert caught.value.code is ErrorCode.TIMEOUT
        else:
            owner = TaskOwner("caller")

            async def call() -> None:
                await peer.call("x", b"{}", deadline_s=60)

            _ = owner.start(call(), name="call")
            await within(started.wait())
            await owner.close()
        await within(stopped.wait())


async def test_calls_fail_with_node_offline_when_the_connection_ends() -> None:
    async def wait(call: IncomingCall) -> Answer:
        await asyncio.Event().wait()
        return b""

    async with serve_peers(wait) as server, dial_peer(server.url) as peer, asyncio.TaskGroup() as group:
        outcomes = [group.create_task(_outcome(peer.call("x", b"{}", deadline_s=60))) for _ in range(3)]
        await until(lambda: bool(server.peers), "the server has its peer")
        await server.peers[0].close()
        assert {(await within(outcome)).code for outcome in outcomes} == {ErrorCode.NODE_OFFLINE}
        late = await within(_outcome(peer.call("x", b"{}", deadline_s=60)))
        assert (late.code, late.retryable) == (ErrorCode.NODE_OFFLINE, True)


async def test_a_call_longer_than_a_frame_is_refused_here() -> None:
    async with serve_peers(echo) as server, dial_peer(server.url) as peer:
        with pytest.raises(WireError) as caught:
            await peer.call("x", b'"%b"' % (b"y" * 9_000_000), deadline_s=5)
        assert caught.value.code is ErrorCode.TOO_LARGE
        assert await peer.call("x", b"1", deadline_s=5) == b"1"


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
        data = {"code": "node_offline", "detail": "Gone.", "retryable": True}
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


async def test_subscriptions_end_with_node_offline_when_the_connection_ends() -> None:
    source = Source()
    async with serve_peers(source.handler) as server, dial_peer(server.url) as peer:
        subscription = await peer.subscribe("watch", b"{}", deadline_s=5)
        await server.peers[0].close()
        with pytest.raises(WireError) as caught:
            await within(anext(subscription))
        assert caught.value.code is ErrorCode.NODE_OFFLINE


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
