"""What a peer answers to frames, good and bad, on a real socket."""

import asyncio
from dataclasses import replace

import msgspec
import pytest
from structlog.testing import capture_logs

from tests.support.peers import echo, raw_client, serve_peers, until, within
from ws.protocol.errors import ErrorCode, FieldError, WireError
from ws.rpc import BROWSER_LIMITS, Answer, IncomingCall

CALL = {"jsonrpc": "2.0", "method": "x"}


@pytest.mark.parametrize("call_id", [0, 7, -3, 2**53, "7", "", "a-b", "ü"])
async def test_ids_come_back_as_they_were(call_id: int | str) -> None:
    async with serve_peers(echo) as server, raw_client(server.url) as client:
        assert await client.call(call_id, "echo", {"a": [1]}) == {"jsonrpc": "2.0", "id": call_id, "result": {"a": [1]}}


async def test_params_are_an_empty_object_when_absent() -> None:
    async with serve_peers(echo) as server, raw_client(server.url) as client:
        await client.send({**CALL, "id": 1})
        assert (await client.receive())["result"] == {}


@pytest.mark.parametrize(
    ("frame", "code", "answered_id"),
    [
        ("", -32700, None),
        ("{", -32700, None),
        ("nonsense", -32700, None),
        ('{"jsonrpc":"2.0","id":1,"method":"x"} trailing', -32700, None),
        ("7", -32600, None),
        ("null", -32600, None),
        ('"text"', -32600, None),
        ("[]", -32600, None),
        ("{}", -32600, None),
        ('{"jsonrpc":"2.0","id":1}', -32600, 1),
        ('{"jsonrpc":"1.0","id":1,"method":"x"}', -32600, 1),
        ('{"id":"a","method":"x"}', -32600, "a"),
        ('{"jsonrpc":"2.0","id":1.5,"method":"x"}', -32600, None),
        ('{"jsonrpc":"2.0","id":true,"method":"x"}', -32600, None),
        ('{"jsonrpc":"2.0","id":{},"method":"x"}', -32600, None),
        ('{"jsonrpc":"2.0","id":3,"method":9}', -32600, 3),
        ('{"jsonrpc":"2.0","id":"' + "i" * 129 + '","method":"x"}', -32600, None),
    ],
)
async def test_a_bad_frame_gets_its_error_and_the_connection_lives(
    frame: str, code: int, answered_id: int | str | None
) -> None:
    async with serve_peers(echo) as server, raw_client(server.url) as client:
        await client.send(frame)
        answer = await client.receive()
        assert answer["id"] == answered_id
        assert answer["error"]["code"] == code
        assert answer["error"]["data"]["code"] == "invalid"
        assert (await client.call(1, "echo"))["result"] == {}


async def test_a_binary_frame_is_refused_and_the_connection_lives() -> None:
    async with serve_peers(echo) as server, raw_client(server.url) as client:
        await client.socket.send_bytes(b'{"jsonrpc":"2.0","id":1,"method":"x"}')
        assert (await client.receive())["error"]["code"] == -32700
        assert (await client.call(1, "echo"))["result"] == {}


@pytest.mark.parametrize("opening", ["[", '{"a":', '[1,{"b":'])
@pytest.mark.parametrize("depth", [80, 900, 100_000])
async def test_nesting_bombs_are_refused(opening: str, depth: int) -> None:
    closing = "".join({"[": "]", "{": "}"}.get(c, "") for c in reversed(opening))
    bomb = opening * depth + "1" + closing * depth
    async with serve_peers(echo) as server, raw_client(server.url) as client:
        for frame in (f'{{"jsonrpc":"2.0","id":1,"method":"x","params":{bomb}}}', bomb, f"[{bomb}]"):
            await client.send(frame)
            answer = await client.receive()
            error = answer[0]["error"] if isinstance(answer, list) else answer["error"]
            assert error["code"] in {-32600, -32700}
        assert (await client.call(1, "echo"))["result"] == {}


async def test_many_brackets_are_no_depth() -> None:
    params = {"text": "[{" * 5000 + '"\\', "flat": [[{}, []]] * 500}
    async with serve_peers(echo) as server, raw_client(server.url) as client:
        assert (await client.call(1, "echo", params))["result"] == params


async def test_an_overlong_frame_closes_with_1009() -> None:
    limits = replace(BROWSER_LIMITS, max_frame_bytes=1000)
    async with serve_peers(echo, limits=limits) as server, raw_client(server.url) as client:
        await client.send({**CALL, "id": 1, "params": {"x": "y" * 2000}})
        assert await client.closed() == 1009
        await within(server.ended.acquire())


async def test_invalid_utf8_closes_with_1007() -> None:
    async with serve_peers(echo) as server, raw_client(server.url) as client:
        await client.socket.send_frame(b'{"jsonrpc":"2.0","id":1,"method":"\xff"}', 1)  # type: ignore[arg-type]
        assert await client.closed() == 1007


async def test_unknown_members_notifications_and_stray_answers_are_ignored() -> None:
    async with serve_peers(echo) as server, raw_client(server.url) as client:
        await client.send({**CALL, "params": {}})
        await client.send({"jsonrpc": "2.0", "id": 99, "result": {}})
        await client.send({"jsonrpc": "2.0", "id": None, "error": {"code": 1, "message": "no"}})
        await client.send({"jsonrpc": "2.0", "method": "cancel", "params": 7})
        await client.send({"jsonrpc": "2.0", "method": "event", "params": {"subscription": 1, "event": {}}})
        await client.send({**CALL, "id": 1, "params": {}, "extra": {"deep": [1]}})
        assert await client.receive() == {"jsonrpc": "2.0", "id": 1, "result": {}}


async def test_a_callers_identity_is_believed_only_where_the_peer_was_told_so() -> None:
    async def who(call: IncomingCall) -> Answer:
        return msgspec.json.encode(None if call.caller is None else call.caller.user)

    claim = {**CALL, "id": 1, "caller": {"user": "u1", "login": "l1", "role": "owner"}}
    async with serve_peers(who) as server, raw_client(server.url) as client:
        await client.send(claim)
        assert (await client.receive())["result"] is None
    async with serve_peers(who, is_caller_believed=True) as server, raw_client(server.url) as client:
        await client.send(claim)
        assert (await client.receive())["result"] == "u1"


async def test_errors_carry_their_code_and_defects_only_an_id() -> None:
    async def fail(call: IncomingCall) -> Answer:
        if call.method == "defect":
            raise ZeroDivisionError("secret")
        errors = [FieldError(path="params.path", message="too long")]
        raise WireError(ErrorCode.INVALID, "No such luck.", errors=errors)

    async with serve_peers(fail) as server, raw_client(server.url) as client:
        error = (await client.call(1, "expected"))["error"]
        assert (error["code"], error["message"]) == (-32602, "No such luck.")
        assert error["data"] == {
            "type": "about:blank",
            "title": "Invalid request",
            "status": 400,
            "code": "invalid",
            "detail": "No such luck.",
            "retryable": False,
            "errors": [{"path": "params.path", "message": "too long"}],
        }
        with capture_logs() as logs:
            error = (await client.call(2, "defect"))["error"]
        assert (error["code"], error["data"]["code"]) == (-32603, "internal")
        assert "secret" not in str(error)
        [entry] = [entry for entry in logs if entry["log_level"] == "error"]
        assert entry["defect"] in error["message"]


async def test_calls_run_concurrently_and_answer_in_their_own_time() -> None:
    gates = {"slow": asyncio.Event(), "quick": asyncio.Event()}
    gates["quick"].set()

    async def handler(call: IncomingCall) -> Answer:
        await gates[call.method].wait()
        return b'"%b"' % call.method.encode()

    async with serve_peers(handler) as server, raw_client(server.url) as client:
        await client.send({**CALL, "id": 1, "method": "slow"})
        assert (await client.call(2, "quick"))["result"] == "quick"
        gates["slow"].set()
        assert (await client.receive())["result"] == "slow"


async def test_an_id_in_flight_is_refused_and_free_again_afterwards() -> None:
    gate = asyncio.Event()

    async def handler(call: IncomingCall) -> Answer:
        await gate.wait()
        return b"1"

    async with serve_peers(handler) as server, raw_client(server.url) as client:
        await client.send({**CALL, "id": 1})
        assert (await client.call(1, "x"))["error"]["code"] == -32600
        await client.send({**CALL, "id": "1"})
        gate.set()
        assert {(await client.receive())["id"], (await client.receive())["id"]} == {1, "1"}
        assert (await client.call(1, "x"))["result"] == 1


async def test_more_calls_than_allowed_at_once_are_refused() -> None:
    gate = asyncio.Event()

    async def handler(call: IncomingCall) -> Answer:
        await gate.wait()
        return b"1"

    limits = replace(BROWSER_LIMITS, max_running_calls=2)
    async with serve_peers(handler, limits=limits) as server, raw_client(server.url) as client:
        await client.send({**CALL, "id": 1})
        await client.send({**CALL, "id": 2})
        refused = await client.call(3, "x")
        assert (refused["id"], refused["error"]["data"]["code"]) == (3, "rate_limited")
        assert refused["error"]["data"]["retryable"]
        gate.set()
        assert {(await client.receive())["id"], (await client.receive())["id"]} == {1, 2}


async def test_a_cancelled_call_is_stopped_and_not_answered() -> None:
    stopped = asyncio.Event()

    async def handler(call: IncomingCall) -> Answer:
        if call.method == "echo":
            return call.params
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()
        return b""

    async with serve_peers(handler) as server, raw_client(server.url) as client:
        await client.send({**CALL, "id": 1, "method": "wait"})
        await client.call(2, "echo")
        await client.send({"jsonrpc": "2.0", "method": "cancel", "params": {"id": 1}})
        await within(stopped.wait())
        assert (await client.call(1, "echo"))["result"] == {}


async def test_a_batch_is_answered_by_one_array() -> None:
    async def handler(call: IncomingCall) -> Answer:
        if call.method == "fail":
            raise WireError(ErrorCode.NOT_FOUND, "Nothing there.")
        return call.params

    async with serve_peers(handler) as server, raw_client(server.url) as client:
        await client.send([{**CALL, "id": 1}, {**CALL, "id": "b", "method": "fail"}, {**CALL}, 5, {**CALL, "id": 1}])
        answers = await client.receive()
        results = {str(answer["id"]): answer for answer in answers if "result" in answer}
        codes = sorted(answer["error"]["code"] for answer in answers if "error" in answer)
        assert len(answers) == 4
        assert set(results) == {"1"}
        assert codes == [-32600, -32600, -32000]
        await client.send([{**CALL}, {"jsonrpc": "2.0", "id": 9, "result": 1}])
        assert (await client.call(2, "x"))["id"] == 2


async def test_cancelling_in_a_batch_does_not_hold_up_the_rest() -> None:
    async def handler(call: IncomingCall) -> Answer:
        if call.method == "wait":
            await asyncio.Event().wait()
        return call.params

    async with serve_peers(handler) as server, raw_client(server.url) as client:
        await client.send([{**CALL, "id": 1, "method": "wait"}, {**CALL, "id": 2}])
        await client.send({"jsonrpc": "2.0", "method": "cancel", "params": {"id": 1}})
        assert [answer["id"] for answer in await client.receive()] == [2]


async def test_a_batch_longer_than_the_bound_is_refused_whole() -> None:
    limits = replace(BROWSER_LIMITS, max_running_calls=3)
    async with serve_peers(echo, limits=limits) as server, raw_client(server.url) as client:
        for batch in ([{**CALL, "id": number} for number in range(4)], [0] * 400_000):
            await client.send(batch)
            assert (await client.receive())["error"]["code"] == -32600


async def test_an_answer_longer_than_a_frame_becomes_too_large() -> None:
    limits = replace(BROWSER_LIMITS, max_sent_bytes=1000)

    async def handler(call: IncomingCall) -> Answer:
        return b'"' + b"x" * 2000 + b'"' if call.method == "long" else b"1"

    async with serve_peers(handler, limits=limits) as server, raw_client(server.url) as client:
        assert (await client.call(1, "long"))["error"]["data"]["code"] == "too_large"
        await client.send([{**CALL, "id": 1, "method": "long"}, {**CALL, "id": 2}])
        answers = {answer["id"]: answer for answer in await client.receive()}
        assert answers[1]["error"]["data"]["code"] == "too_large"
        assert answers[2]["result"] == 1


async def test_close_sends_what_is_queued_and_ends_run() -> None:
    async with serve_peers(echo) as server, raw_client(server.url) as client:
        await client.call(1, "echo")
        peer = server.peers[0]
        peer.notify("link.removed", b'{"reason":"gone"}')
        await peer.close(4401, "signed out")
        assert not peer.is_open
        assert await client.receive() == {"jsonrpc": "2.0", "method": "link.removed", "params": {"reason": "gone"}}
        assert await client.closed() == 4401
        await within(server.ended.acquire())


async def test_notifications_reach_who_asked_for_them() -> None:
    heard: list[tuple[str, bytes]] = []
    async with (
        serve_peers(echo, on_notify=lambda method, params: heard.append((method, params))) as server,
        raw_client(server.url) as client,
    ):
        await client.send({"jsonrpc": "2.0", "method": "link.removed", "params": {"reason": "x"}})
        await until(lambda: heard == [("link.removed", b'{"reason":"x"}')], "the notification")
