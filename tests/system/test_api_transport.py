"""/ws and /api/ops as transports, and /health."""

import asyncio
import contextlib
import json
from typing import Any

import aiohttp
import pytest

from tests.support.client import OpError
from tests.support.installation import Installation

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("api transport")]


async def raw(whole: Installation) -> aiohttp.ClientWebSocketResponse:
    return await whole.client.http.ws_connect(f"{whole.url}/ws", headers=whole.client.headers)


async def test_health_of_main_counts_its_nodes(whole: Installation) -> None:
    body = await whole.main.healthy()
    assert set(body) == {"status", "role", "version", "uptime_s", "nodes"}
    assert (body["status"], body["role"], body["nodes"]) == ("ok", "main", {"online": 1, "total": 1})


async def test_the_first_frame_may_be_a_call_and_ids_are_numbers_or_texts(whole: Installation) -> None:
    socket = await raw(whole)
    for call_id in (1, 0, -5, "seven", "", "ü"):
        await socket.send_json({"jsonrpc": "2.0", "id": call_id, "method": "nodes.list"})
        frame = await socket.receive_json(timeout=5)
        assert (frame["jsonrpc"], frame["id"]) == ("2.0", call_id)
        assert frame["result"]["nodes"][0]["id"] == whole.node
        assert "error" not in frame
    await socket.close()


async def test_a_batch_is_answered_and_its_notifications_are_not(whole: Installation) -> None:
    socket = await raw(whole)
    await socket.send_json(
        [
            {"jsonrpc": "2.0", "id": "a", "method": "nodes.list", "params": {}},
            {"jsonrpc": "2.0", "id": "b", "method": "no.such"},
            {"jsonrpc": "2.0", "method": "nodes.list"},
            7,
        ]
    )
    answers: list[dict[str, Any]] = []
    while len(answers) < 3:
        frame = await socket.receive_json(timeout=5)
        answers += frame if isinstance(frame, list) else [frame]
    by_id = {answer["id"]: answer for answer in answers}
    assert set(by_id) == {"a", "b", None}
    assert by_id["a"]["result"]["nodes"]
    assert by_id["b"]["error"]["code"] == -32601
    assert by_id[None]["error"]["code"] == -32600
    await socket.send_json([])
    assert (await socket.receive_json(timeout=5))["error"]["code"] == -32600
    await socket.close()


@pytest.mark.parametrize(
    ("frame", "number"),
    [("{", -32700), ("", -32700), ("nonsense", -32700), ("7", -32600), ('{"id":1}', -32600), ('{"method":1}', -32600)],
)
async def test_garbage_is_answered_and_the_socket_lives(whole: Installation, frame: str, number: int) -> None:
    socket = await raw(whole)
    await socket.send_str(frame)
    answer = await socket.receive_json(timeout=5)
    assert answer["error"]["code"] == number
    assert answer["error"]["data"]["code"] == "invalid"
    await socket.send_json({"jsonrpc": "2.0", "id": 2, "method": "nodes.list"})
    assert (await socket.receive_json(timeout=5))["id"] == 2
    await socket.close()


async def test_an_oversized_frame_closes_its_own_socket_only(whole: Installation) -> None:
    socket, other = await raw(whole), await raw(whole)
    with contextlib.suppress(ConnectionError):  # it closes while the frame is still on its way
        await socket.send_str("x" * (9 << 20))
    assert (await socket.receive(timeout=5)).data == 1009
    await other.send_json({"jsonrpc": "2.0", "id": 1, "method": "nodes.list"})
    assert "result" in await other.receive_json(timeout=5)
    await other.close()


async def test_calls_answer_as_they_are_done_not_in_turn(whole: Installation) -> None:
    session = (await whole.session())["id"]
    async with whole.client.socket() as socket, asyncio.TaskGroup() as calls:
        for _ in range(50):
            _ = calls.create_task(socket.call("session.get", {"node": whole.node, "session": session}))


async def test_get_takes_numbers_and_booleans_from_the_query(whole: Installation) -> None:
    (whole.work / ".hidden").touch()
    (whole.work / "seen").touch()
    http, headers = whole.client.http, whole.client.headers
    query = {"node": whole.node, "path": str(whole.work), "hidden": "false", "limit": "1"}
    async with http.get(f"{whole.url}/api/ops/files.list", params=query, headers=headers) as answer:
        assert answer.status == 200
        assert answer.content_type == "application/json"
        assert [entry["name"] for entry in (await answer.json())["entries"]] == ["seen"]
    for bad in ({"limit": "many"}, {"limit": "0"}, {"hidden": "perhaps"}, {"colour": "red"}):
        async with http.get(f"{whole.url}/api/ops/files.list", params={**query, **bad}, headers=headers) as answer:
            assert answer.status == 400
            errors = (await answer.json(content_type=None))["errors"]
            assert [each["path"] for each in errors] == [f"params.{next(iter(bad))}"]


async def test_an_act_is_not_reachable_by_get(whole: Installation) -> None:
    for op in ("session.create", "files.write", "nodes.rename", "terminal.open", "session.interrupt"):
        async with whole.client.http.get(f"{whole.url}/api/ops/{op}", headers=whole.client.headers) as answer:
            assert answer.status == 405


async def test_a_subscription_is_named_by_the_id_of_its_call_and_ended_by_it(whole: Installation) -> None:
    session = (await whole.session())["id"]
    socket = await raw(whole)
    params = {"node": whole.node, "session": session, "after": 0}
    await socket.send_json({"jsonrpc": "2.0", "id": "mine", "method": "session.watch", "params": params})
    assert set((await socket.receive_json(timeout=5))["result"]) == {"epoch", "head"}
    frame = await socket.receive_json(timeout=5)
    assert set(frame) == {"jsonrpc", "method", "params"}
    assert (frame["jsonrpc"], frame["method"]) == ("2.0", "event")
    assert set(frame["params"]) == {"subscription", "event"}
    assert frame["params"]["subscription"] == "mine"
    assert frame["params"]["event"]["type"] == "session_started"
    assert (await socket.receive_json(timeout=5))["params"]["event"]["type"] == "live"
    await socket.send_json({"jsonrpc": "2.0", "id": 2, "method": "unsubscribe", "params": {"subscription": "mine"}})
    assert (await socket.receive_json(timeout=5))["id"] == 2
    await whole.play(session, "hello")
    await socket.send_json({"jsonrpc": "2.0", "id": 3, "method": "nodes.list"})
    assert (await socket.receive_json(timeout=5))["id"] == 3, "no event after unsubscribe"
    await socket.close()


async def test_unsubscribing_nothing_says_so(whole: Installation) -> None:
    async with whole.client.socket() as socket:
        with pytest.raises(OpError) as refused:
            await socket.call("unsubscribe", {})
        assert refused.value.code == "invalid"
        assert [each["path"] for each in refused.value.problem["errors"]] == ["params.subscription"]


async def read_event(stream: aiohttp.StreamReader) -> dict[str, Any]:
    event: dict[str, Any] = {}
    async with asyncio.timeout(10):
        while line := (await stream.readline()).decode().rstrip("\n"):
            name, _, value = line.partition(": ")
            if name:
                event[name] = json.loads(value) if name == "data" else value
    return event


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_subscription_over_http_is_an_event_stream(whole: Installation, method: str) -> None:
    session = (await whole.session())["id"]
    await whole.play(session, "hello")
    params = {"node": whole.node, "session": session, "after": 0}
    given: dict[str, Any] = {"params": params} if method == "GET" else {"json": params}
    async with whole.client.http.request(
        method, f"{whole.url}/api/ops/session.watch", headers=whole.client.headers, **given
    ) as answer:
        assert answer.status == 200
        assert answer.content_type == "text/event-stream"
        first = await read_event(answer.content)
        assert first["event"] == "result"
        head = first["data"]["head"]
        seen = [await read_event(answer.content) for _ in range(head + 1)]
    assert [int(event["id"]) for event in seen[:-1]] == list(range(1, head + 1))
    assert [event["data"]["seq"] for event in seen[:-1]] == list(range(1, head + 1))
    assert seen[-1]["data"]["type"] == "live"


async def test_a_stream_that_is_refused_is_a_problem(whole: Installation) -> None:
    query = {"node": whole.node, "session": "nope"}
    async with whole.client.http.get(
        f"{whole.url}/api/ops/session.watch", params=query, headers=whole.client.headers
    ) as answer:
        assert answer.status == 404
        assert answer.content_type == "application/problem+json"
