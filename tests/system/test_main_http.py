"""Operations over HTTP and over the socket: the same answers, the same errors."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import msgspec
import pytest
import structlog

from tests.support.fake_node import FakeNode
from tests.support.main_app import RunningMain
from tests.support.waiting import eventually
from ws.protocol.errors import HTTP_STATUS, ErrorCode, WireError
from ws.protocol.ops import OPS, Op, Place
from ws.rpc import Answer, IncomingCall


def node_of(main: RunningMain, **behaviours: Any) -> FakeNode:
    named = {name.replace("_", ".", 1): behaviour for name, behaviour in behaviours.items()}
    return FakeNode(main.url, "laptop", main.main.registry.tokens.shown, behaviours=named)


async def listing(call: IncomingCall) -> Answer:
    return msgspec.json.encode({"path": msgspec.json.decode(call.params)["path"], "parent": None, "entries": []})


async def test_a_read_only_op_answers_post_and_get_alike(main: RunningMain) -> None:
    async with node_of(main, files_list=listing).online() as node, main.client() as client:
        posted = await client.op("files.list", node="laptop", path="/tmp/a b")
        got = await client.get("/api/ops/files.list?node=laptop&path=/tmp/a%20b&hidden=false&limit=5")
        assert posted == got == {"path": "/tmp/a b", "parent": None, "entries": []}
        sent = [msgspec.json.decode(call.params) for call in node.calls if call.method == "files.list"]
        assert sent[1] == {"node": "laptop", "path": "/tmp/a b", "hidden": False, "limit": 5}


async def test_an_op_that_acts_takes_post_only(main: RunningMain) -> None:
    async with (
        main.client() as client,
        client.http.get(f"{main.url}/api/ops/nodes.remove?node=x", headers=client.headers) as answer,
    ):
        assert answer.status == 405
        assert answer.headers["Allow"] == "POST"
        assert (await answer.json(content_type=None))["status"] == 405


async def test_a_person_at_a_wrong_address_reads_a_page_that_leads_back(main: RunningMain) -> None:
    looking = {"Accept": "text/html,application/xhtml+xml", "Sec-Fetch-Dest": "document"}
    async with main.client() as client:
        async with client.http.get(f"{main.url}/machines", headers={**client.headers, **looking}) as answer:
            assert (answer.status, answer.content_type) == (404, "text/html")
            text = await answer.text()
            assert "There is nothing at this address." in text
            assert '<a href="/">' in text
        async with client.http.get(f"{main.url}/machines", headers=client.headers) as answer:
            assert (answer.status, answer.content_type) == (404, "application/problem+json")


@pytest.mark.parametrize(
    ("op", "params", "field"),
    [
        ("files.list", {"node": "laptop"}, "params.path"),
        ("files.list", {"node": "laptop", "path": "relative"}, "params.path"),
        ("files.list", {"node": "laptop", "path": "/a\x00b"}, "params.path"),
        ("files.list", {"node": "laptop", "path": "/" + "a" * 5000}, "params.path"),
        ("files.list", {"node": "../x", "path": "/"}, "params.node"),
        ("files.list", {"node": "laptop\n", "path": "/"}, "params.node"),
        ("files.list", {"node": "laptop", "path": "/", "limit": 0}, "params.limit"),
        ("files.list", {"node": "laptop", "path": "/", "nope": 1}, "params.nope"),
        ("terminal.open", {"node": "l", "path": "/", "cols": 80, "rows": 10**9}, "params.rows"),
        ("terminal.open", {"node": "l", "path": "/", "cols": 8, "rows": 8, "command": [1]}, "params.command.0"),
        ("session.send", {"node": "l", "session": "s", "message_id": "", "text": "t"}, "params.message_id"),
        (
            "session.send",
            {"node": "l", "session": "s", "message_id": "m", "text": "t", "attachments": [{"type": "x"}]},
            "params.attachments.0.type",
        ),
    ],
)
async def test_a_bad_parameter_is_named_before_anybody_is_asked(
    main: RunningMain, op: str, params: dict[str, Any], field: str
) -> None:
    async with (
        main.client() as client,
        client.http.post(f"{main.url}/api/ops/{op}", json=params, headers=client.headers) as answer,
    ):
        body = await answer.json(content_type=None)
        assert answer.status == 400
        assert body["code"] == "invalid"
        assert [each["path"] for each in body["errors"]] == [field]


@pytest.mark.parametrize("body", [b"[]", b"1", b"{", b"\xff", b'{"node":"a"}}', b"[" * 100_000])
async def test_a_body_that_is_no_object_is_400(main: RunningMain, body: bytes) -> None:
    async with (
        main.client() as client,
        client.http.post(f"{main.url}/api/ops/nodes.list", data=body, headers=client.headers) as answer,
    ):
        assert answer.status == 400
        assert answer.content_type == "application/problem+json"


async def test_an_empty_body_means_no_params(main: RunningMain) -> None:
    async with (
        main.client() as client,
        client.http.post(f"{main.url}/api/ops/nodes.list", headers=client.headers) as answer,
    ):
        assert await answer.json() == {"nodes": []}


@pytest.mark.parametrize("code", list(ErrorCode))
async def test_every_error_of_a_node_has_its_status_and_one_shape(main: RunningMain, code: ErrorCode) -> None:
    async def fail(_: IncomingCall) -> Answer:
        raise WireError(code, "A sentence.", retry_after_s=2.0 if code is ErrorCode.RATE_LIMITED else None)

    async with (
        node_of(main, files_list=fail).online(),
        main.client() as client,
        client.http.get(f"{main.url}/api/ops/files.list?node=laptop&path=/", headers=client.headers) as answer,
    ):
        body = await answer.json(content_type=None)
        assert answer.status == HTTP_STATUS[code]
        assert {"type", "title", "status", "code", "detail", "retryable"} <= set(body)
        assert (body["status"], body["code"], body["detail"]) == (HTTP_STATUS[code], code, "A sentence.")
        assert answer.headers.get("Retry-After") == ("2" if code is ErrorCode.RATE_LIMITED else None)


async def test_a_node_that_does_not_answer_is_a_timeout(main: RunningMain, monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(_: IncomingCall) -> Answer:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setitem(OPS, "files.list", _quick("files.list"))
    monkeypatch.setitem(OPS, "files.write", _quick("files.write"))
    async with node_of(main, files_list=never, files_write=never).online(), main.client() as client:
        for op, retryable in (("files.list", True), ("files.write", False)):
            params = {"node": "laptop", "path": "/", **({"content": ""} if op == "files.write" else {})}
            async with client.http.post(f"{main.url}/api/ops/{op}", json=params, headers=client.headers) as answer:
                body = await answer.json(content_type=None)
                assert (answer.status, body["code"], body["retryable"]) == (504, "timeout", retryable)


def _quick(name: str) -> Op:
    return replace(OPS[name], deadline_s=0.2)


async def test_a_subscription_over_http_is_an_event_stream(main: RunningMain) -> None:
    async with (
        main.client() as client,
        client.http.get(f"{main.url}/api/ops/nodes.watch", headers=client.headers) as stream,
    ):
        assert stream.content_type == "text/event-stream"
        assert await stream.content.readuntil(b"\n\n") == b'event: result\ndata: {"nodes":[]}\n\n'
        async with node_of(main).online():
            event = json.loads((await stream.content.readuntil(b"\n\n")).removeprefix(b"data: "))
            assert event["type"] == "node"
            assert event["node"]["id"] == "laptop"


async def test_a_dropped_event_stream_is_detached(main: RunningMain) -> None:
    async with main.client() as client:
        async with client.http.get(f"{main.url}/api/ops/nodes.watch", headers=client.headers) as stream:
            await stream.content.readuntil(b"\n\n")
            assert main.main.registry.nodes.readers == 1
            stream.close()
        async with node_of(main).online():
            pass  # something to write, at which the end of the connection is met
        await eventually(lambda: not main.main.registry.nodes.readers, what="the reader to be gone")


async def test_the_socket_takes_calls_from_the_first_frame_and_batches(main: RunningMain) -> None:
    async with main.client() as client:
        raw = await client.http.ws_connect(f"{main.url}/ws", headers=client.headers)
        call = {"jsonrpc": "2.0", "method": "nodes.list", "params": {}}
        await raw.send_json([{**call, "id": "a"}, {**call, "id": 2}, {**call, "id": 3, "method": "nope"}])
        answers = {each["id"]: each for each in await raw.receive_json()}
        assert answers["a"]["result"] == answers[2]["result"] == {"nodes": []}
        assert answers[3]["error"]["code"] == -32601
        assert answers[3]["error"]["data"]["code"] == "not_found"
        await raw.send_json({**call, "id": 4, "params": {"x": 1}})
        refused = (await raw.receive_json())["error"]
        assert refused["code"] == -32602
        assert refused["data"]["errors"][0]["path"] == "params.x"
        await raw.close()


async def test_a_browser_cannot_say_who_it_is(main: RunningMain) -> None:
    async with node_of(main, files_list=listing).online() as node, main.client("vera", "viewer") as client:
        raw = await client.http.ws_connect(f"{main.url}/ws", headers=client.headers)
        forged = {"user": "root", "login": "x", "role": "owner", "name": "root"}
        call = {"jsonrpc": "2.0", "id": 1, "method": "files.list", "caller": forged}
        await raw.send_json({**call, "params": {"node": "laptop", "path": "/"}})
        assert "result" in await raw.receive_json()
        told = next(each for each in node.calls if each.method == "files.list").caller
        assert told is not None
        assert (told.name, told.role) == ("vera", "viewer")
        await raw.close()


async def test_privileged_acts_leave_a_row_with_who_from_where_and_how_it_ended(main: RunningMain) -> None:
    async def opened(_: IncomingCall) -> Answer:
        return b'{"terminal":"t1","name":"sh","cols":80,"rows":24}'

    async with node_of(main, terminal_open=opened).online(), main.client() as client:
        await client.op("terminal.open", node="laptop", path="/work", cols=80, rows=24)
        async with client.http.post(
            f"{main.url}/api/ops/nodes.remove", json={"node": "unknown"}, headers=client.headers
        ) as answer:
            assert answer.status == 404
        rows = (await client.op("audit.list"))["rows"]
        acts = [(row["action"], row["who"], row["node"], row["subject"], row["outcome"]) for row in rows]
        assert ("terminal.opened", "ada", "laptop", "/work", "ok") in acts
        assert ("node.removed", "ada", "unknown", None, "not_found") in acts
        assert ("node.joined", "laptop", "laptop", None, "ok") in acts
        assert {row["address"] for row in rows} == {"127.0.0.1"}
        first = await client.op("audit.list", limit=1)
        assert len(first["rows"]) == 1
        following = await client.op("audit.list", limit=1, cursor=first["next_cursor"])
        assert following["rows"][0]["id"] < first["rows"][0]["id"]


async def test_the_description_names_every_op(main: RunningMain) -> None:
    async with main.client() as client:
        described = await client.get("/api/openapi.json")
    assert set(described["paths"]) == {f"/api/ops/{op.name}" for op in OPS.values() if op.place is not Place.LINK}


async def test_a_defect_shows_an_id_and_nothing_else(main: RunningMain, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: Any) -> None:
        raise RuntimeError("a secret detail")

    monkeypatch.setattr(main.main.accounts, "logins", broken)
    async with main.client() as client:
        with structlog.testing.capture_logs() as logged:
            async with client.http.post(f"{main.url}/api/ops/logins.list", headers=client.headers) as answer:
                body = await answer.json(content_type=None)
    assert (answer.status, body["code"]) == (500, "internal")
    assert "secret" not in json.dumps(body)
    defects = [entry["defect"] for entry in logged if "defect" in entry]
    assert len(defects) == 1
    assert defects[0] in body["detail"]
