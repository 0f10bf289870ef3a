"""Calls between two peers on a real socket."""

import asyncio

import pytest

from tests.support.peers import dial_peer, echo, raw_client, serve_peers, until, within
from ws.protocol.base import LoginId, UserId
from ws.protocol.envelope import Caller
from ws.protocol.errors import ErrorCode, WireError
from ws.rpc import (
    Answer,
    IncomingCall,
)
from ws.tasks import TaskOwner

CALLER = Caller(user=UserId("u"), login=LoginId("l"), role="member")


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
