"""A browser that sends garbage, at a whole installation: it is answered, and everybody else is served as before."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from tests.support.client import Subscription
from tests.support.installation import Installation

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("bad frames")]

DEEP = 2000
TOO_LARGE_BYTES = 9 << 20


@contextlib.asynccontextmanager
async def raw(whole: Installation, path: str = "/ws") -> AsyncIterator["aiohttp.ClientWebSocketResponse[bool]"]:
    async with whole.client.http.ws_connect(whole.url + path, headers=whole.client.headers) as socket:
        yield socket


async def lives(socket: "aiohttp.ClientWebSocketResponse[bool]") -> None:
    await socket.send_json({"jsonrpc": "2.0", "id": "still there", "method": "nodes.list"})
    while (await socket.receive_json(timeout=10)).get("id") != "still there":
        pass


@contextlib.asynccontextmanager
async def bystander(whole: Installation) -> AsyncIterator[None]:
    """Somebody else on a socket of their own, who watches a session and sees a turn once the garbage has been sent."""
    session = (await whole.session())["id"]
    async with whole.client.socket() as socket:
        params = {"node": whole.node, "session": session, "after": 0}
        watch: Subscription = await socket.subscribe("session.watch", params)
        await watch.until("live")
        yield
        await whole.send(session, "hello")
        assert (await watch.until("turn_ended"))[-1]["stop_reason"] == "end_turn"


def nested(depth: int) -> str:
    return '{"jsonrpc":"2.0","id":1,"method":"nodes.list","params":' + '{"a":' * depth + "1" + "}" * depth + "}"


@pytest.mark.parametrize(
    "frame",
    [
        nested(DEEP),
        "[" * DEEP + "]" * DEEP,
        json.dumps([{"jsonrpc": "2.0", "id": number, "method": "nodes.list"} for number in range(5000)]),
        json.dumps([[], [[]], 7, None, {"id": {}}]),
        '{"jsonrpc":"2.0","id":1e400,"method":"nodes.list"}',
        '{"jsonrpc":"2.0","id":1,"method":"nodes.list","params":[1,2]}',
        '{"jsonrpc":"2.0","id":1,"method":"unsubscribe","params":{"subscription":{"$ne":1}}}',
        '{"jsonrpc":"2.0","method":"event","params":{"subscription":1,"event":{}}}{',
        "\x00\x00",
        '{"jsonrpc":"2.0","id":1,"method":"\\ud800"}',
    ],
    ids=[
        "deep object",
        "deep array",
        "batch bomb",
        "odd batch",
        "number",
        "list",
        "unsubscribe",
        "tail",
        "NUL",
        "half",
    ],
)
async def test_a_frame_of_garbage_is_answered(whole: Installation, frame: str) -> None:
    async with bystander(whole), raw(whole) as socket:
        await socket.send_str(frame)
        answer = await socket.receive_json(timeout=10)
        for each in answer if isinstance(answer, list) else [answer]:
            assert each["error"]["data"]["code"] in {"invalid", "too_large", "not_found"}, each
            assert each["error"]["data"]["detail"].endswith("."), each
        await lives(socket)


@pytest.mark.parametrize("path", ["/ws", "/ws/terminal"])
async def test_a_frame_beyond_the_bound_closes_its_socket_with_1009(whole: Installation, path: str) -> None:
    query = ""
    if path == "/ws/terminal":
        made = await whole.op("terminal.open", path=str(whole.work), cols=80, rows=24, command=["cat"])
        query = f"?node={whole.node}&terminal={made['terminal']}"
    async with bystander(whole), raw(whole, path + query) as socket:
        with contextlib.suppress(ConnectionError):  # it closes while the frame is still on its way
            await socket.send_bytes(bytes(TOO_LARGE_BYTES))
        async with asyncio.timeout(10):
            while (message := await socket.receive()).type in {aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY}:
                pass
        assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, 1009)


@pytest.mark.parametrize("frame", ["{", "7", "[]", '{"type":"dance"}', '{"type":"ack"}', '{"type":"ack","offset":-1}'])
async def test_garbage_to_a_terminal_ends_that_reader_alone(whole: Installation, frame: str) -> None:
    made = await whole.op("terminal.open", path=str(whole.work), cols=80, rows=24, command=["cat"])
    path = f"/ws/terminal?node={whole.node}&terminal={made['terminal']}"
    async with raw(whole, path) as reader, raw(whole, path) as spoiler:
        await spoiler.send_str(frame)
        told: dict[str, Any] = {}
        async with asyncio.timeout(10):
            while (message := await spoiler.receive()).type is not aiohttp.WSMsgType.CLOSE:
                told = json.loads(message.data) if message.type is aiohttp.WSMsgType.TEXT else told
        assert (told["type"], told["code"], message.data) == ("error", "invalid", 4400)
        assert told["detail"].endswith("."), told
        await reader.send_bytes(b"heron\r")
        seen = b""
        async with asyncio.timeout(10):
            while b"heron\r\nheron" not in seen:
                message = await reader.receive()
                seen += message.data if message.type is aiohttp.WSMsgType.BINARY else b""


@pytest.mark.parametrize(
    ("op", "name"),
    [("files.list", "path"), ("files.read", "path"), ("files.write", "content"), ("session.send", "text")],
)
@pytest.mark.parametrize("text", ["a\\u0000b", "\\ud800", "\\udfff tail", "\\ud83d"])
async def test_nul_and_half_characters_are_refused_by_name_or_kept_whole(
    whole: Installation, op: str, name: str, text: str
) -> None:
    session = (await whole.session())["id"]
    params = {"node": whole.node, "path": str(whole.work / "text"), "content": "", "create": True}
    if op == "session.send":
        params = {"node": whole.node, "session": session, "message_id": "m", "text": ""}
    elif op != "files.write":
        params = {"node": whole.node, "path": ""}
    body = json.dumps({**params, name: "MARK"}).replace("MARK", ("/" if name == "path" else "") + text)
    headers = {**whole.client.headers, "Content-Type": "application/json"}
    async with whole.client.http.post(f"{whole.url}/api/ops/{op}", data=body, headers=headers) as answer:
        told = await answer.json(content_type=None)
    if answer.status == 200:
        assert "u0000" in text, f"half a character was taken: {told}"
        return
    assert (answer.status, told["code"]) == (400, "invalid"), told
    assert (name if "u0000" in text else "half a character") in told["detail"], told


async def test_a_flood_of_calls_on_one_socket_leaves_the_others_served(whole: Installation) -> None:
    async with bystander(whole), raw(whole) as socket:
        for number in range(2000):
            await socket.send_str(f'{{"jsonrpc":"2.0","id":{number},"method":"nodes.list"}}')
        answered = 0
        async with asyncio.timeout(30):
            while answered < 2000:
                frame = await socket.receive_json()
                assert frame.get("error", {"data": {"code": "rate_limited"}})["data"]["code"] == "rate_limited"
                answered += 1


async def test_no_garbage_met_a_defect(whole: Installation) -> None:
    """Last in this module, after all that garbage: no defect was met, so no traceback stands in the logs."""
    node_log = (whole.home / ".switchyard" / "local-node.log").read_text()
    for log in (whole.main.text, node_log):
        assert "Traceback" not in log, log
        assert "internal" not in log, log
