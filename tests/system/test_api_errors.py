"""The error contract: codes, members, which field, the order of the checks, and the same failure on both transports."""

import io
from typing import Any

import aiohttp
import pytest

from tests.support.client import Client, OpError
from tests.support.installation import Installation

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("api errors")]

PROBLEM = {"type", "title", "status", "code", "detail", "retryable"}

FAILURES: dict[str, tuple[str, dict[str, Any], int, str]] = {
    "an unknown op": ("no.such", {}, 404, "not_found"),
    "an op of the link": ("link.probe", {}, 404, "not_found"),
    "a missing field": ("files.list", {"node": "NODE"}, 400, "invalid"),
    "an unknown field": ("nodes.list", {"extra": 1}, 400, "invalid"),
    "a wrong type": ("files.list", {"node": "NODE", "path": 7}, 400, "invalid"),
    "a relative path": ("files.list", {"node": "NODE", "path": "here"}, 400, "invalid"),
    "an id that is none": ("session.get", {"node": "NODE", "session": "../x"}, 400, "invalid"),
    "a bad ref": ("git.diff", {"node": "NODE", "path": "WORK", "base": "-x"}, 400, "invalid"),
    "outside the roots": ("files.list", {"node": "NODE", "path": "/etc"}, 403, "forbidden"),
    "an unknown node": ("files.list", {"node": "nobody", "path": "/"}, 404, "not_found"),
    "an unknown session": ("session.get", {"node": "NODE", "session": "nope"}, 404, "not_found"),
    "an unknown terminal": ("terminal.close", {"node": "NODE", "terminal": "nope"}, 404, "not_found"),
    "no repository": ("git.status", {"node": "NODE", "path": "WORK"}, 404, "not_found"),
    "the local node removed": ("nodes.remove", {"node": "NODE"}, 409, "conflict"),
    "a stale tag": ("files.write", {"node": "NODE", "path": "WORK/f", "content": "", "if_match": "x"}, 412, ""),
    "a binary file": ("files.read", {"node": "NODE", "path": "WORK/b"}, 501, "unsupported"),
    "no such mode": (
        "session.create",
        {"node": "NODE", "path": "WORK", "provider": "scripted", "mode": "bold"},
        400,
        "invalid",
    ),
    "no such provider": ("session.create", {"node": "NODE", "path": "WORK", "provider": "nope"}, 404, "not_found"),
    "an unknown login": ("logins.revoke", {"login": "nope"}, 404, "not_found"),
    "a wrong password": ("users.change_password", {"current_password": "no", "new_password": "x" * 9}, 403, ""),
    "a program that is none": (
        "terminal.open",
        {"node": "NODE", "path": "WORK", "cols": 80, "rows": 24, "command": ["no-such-program"]},
        400,
        "invalid",
    ),
}


def filled(whole: Installation, params: dict[str, Any]) -> dict[str, Any]:
    (whole.work / "f").touch()
    (whole.work / "b").write_bytes(b"\x00\xff\x00")
    return {
        name: value.replace("NODE", whole.node).replace("WORK", str(whole.work)) if isinstance(value, str) else value
        for name, value in params.items()
    }


@pytest.mark.parametrize("name", FAILURES)
async def test_a_failure_is_the_same_on_both_transports(whole: Installation, name: str) -> None:
    op, given, status, code = FAILURES[name]
    params = filled(whole, given)
    async with whole.client.http.post(f"{whole.url}/api/ops/{op}", json=params, headers=whole.client.headers) as answer:
        assert answer.status == status
        assert answer.content_type == "application/problem+json"
        problem = await answer.json(content_type=None)
    assert set(problem) >= PROBLEM
    assert (problem["type"], problem["status"]) == ("about:blank", status)
    assert code in {"", problem["code"]}
    assert problem["detail"].endswith("."), problem
    async with whole.client.socket() as socket:
        with pytest.raises(OpError) as refused:
            await socket.call(op, params)
    assert refused.value.problem == problem, "the same members in `data`"


async def test_an_unknown_op_has_the_number_of_json_rpc(whole: Installation) -> None:
    async with whole.client.socket() as socket:
        for op in ("no.such", "link.hello", "event", "toString", ""):
            with pytest.raises(OpError) as refused:
                await socket.call(op)
            assert refused.value.status == -32601
            assert refused.value.code == "not_found"


@pytest.mark.parametrize(
    ("op", "params", "path"),
    [
        ("files.list", {"node": "NODE"}, "params.path"),
        ("files.list", {"path": "/"}, "params.node"),
        ("files.list", {"node": "a b", "path": "/"}, "params.node"),
        ("files.list", {"node": "x" * 65, "path": "/"}, "params.node"),
        ("files.list", {"node": "NODE", "path": "/", "Limit": 3}, "params.Limit"),
        ("files.list", {"node": "NODE", "path": "WORK", "cursor": "nonsense"}, "params.cursor"),
        ("session.send", {"node": "NODE", "session": "s", "message_id": "", "text": "x"}, "params.message_id"),
        ("session.send", {"node": "NODE", "session": "s", "message_id": "m" * 129, "text": "x"}, "params.message_id"),
        (
            "session.send",
            {"node": "NODE", "session": "s", "message_id": "m", "text": "x", "attachments": [{"type": "film"}]},
            "params.attachments.0.type",
        ),
        ("terminal.open", {"node": "NODE", "path": "WORK", "cols": 0, "rows": 24}, "params.cols"),
        ("terminal.open", {"node": "NODE", "path": "WORK", "cols": 80, "rows": 24, "command": []}, "params.command"),
        (
            "terminal.open",
            {"node": "NODE", "path": "WORK", "cols": 80, "rows": 24, "command": ["no-such-program"]},
            "params.command",
        ),
        ("terminal.open", {"node": "NODE", "path": "WORK", "cols": 80, "rows": 24, "shell": "nosh"}, "params.shell"),
        ("session.create", {"node": "NODE", "path": "WORK", "provider": "scripted", "mode": "bold"}, "params.mode"),
        ("session.queue", {"node": "NODE", "session": "SESSION", "action": "shuffle"}, "params.action"),
        ("session.queue", {"node": "NODE", "session": "SESSION", "action": "drop"}, "params.message_id"),
        ("session.queue", {"node": "NODE", "session": "SESSION", "action": "edit", "message_id": "m"}, "params.text"),
        ("session.events", {"node": "NODE", "session": "SESSION", "after": 0, "before": 3}, "params.before"),
        ("session.events", {"node": "NODE", "session": "SESSION", "after": -1}, "params.after"),
        ("session.events", {"node": "NODE", "session": "SESSION", "limit": 0}, "params.limit"),
        ("git.diff", {"node": "NODE", "path": "WORK", "base": "-x"}, "params.base"),
        ("nodes.list", {"labels": {"rack": 7}}, "params.labels.*"),
        ("git.diff", {"node": "NODE", "path": "REPO", "base": "no-such-commit"}, "params.base"),
        ("git.diff", {"node": "NODE", "path": "REPO", "base": "HEAD", "staged": True}, "params.base"),
        ("git.diff", {"node": "NODE", "path": "REPO", "file": "../x"}, "params.file"),
        ("audit.list", {"cursor": "nonsense"}, "params.cursor"),
        ("users.change_password", {"current_password": "no", "new_password": "short"}, "params.new_password"),
        ("users.change_password", {"current_password": "no", "new_password": "ü" * 40}, "params.new_password"),
    ],
)
async def test_a_bad_field_is_named(
    whole: Installation, repository: str, op: str, params: dict[str, Any], path: str
) -> None:
    session = (await whole.session())["id"] if "SESSION" in params.values() else ""
    given = {
        name: value.replace("SESSION", session).replace("REPO", repository) if isinstance(value, str) else value
        for name, value in filled(whole, params).items()
    }
    with pytest.raises(OpError) as refused:
        await whole.client.op(op, **given)
    assert (refused.value.status, refused.value.code) == (400, "invalid"), refused.value.problem
    assert [each["path"] for each in refused.value.problem["errors"]] == [path]
    assert all(each["message"] for each in refused.value.problem["errors"])


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b"[" * 100_000, b'{"a":' * 50_000])
async def test_a_body_that_is_no_object_is_invalid(whole: Installation, body: bytes) -> None:
    async with whole.client.http.post(
        f"{whole.url}/api/ops/files.list", data=body, headers=whole.client.headers
    ) as answer:
        assert answer.status == 400
        assert (await answer.json(content_type=None))["errors"]


async def test_a_body_beyond_the_limit_is_too_large(whole: Installation) -> None:
    async with whole.client.http.post(
        f"{whole.url}/api/ops/nodes.list", data=io.BytesIO(b" " * (8 << 20)), headers=whole.client.headers
    ) as answer:
        assert answer.status == 413
        assert (await answer.json(content_type=None))["code"] == "too_large"


@pytest.mark.parametrize("op", ["nodes.list", "no.such", "files.write", "link.hello", "x" * 300, "..%2f"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "PUT"])
async def test_without_credentials_every_op_is_401(whole: Installation, op: str, method: str) -> None:
    async with whole.client.http.request(method, f"{whole.url}/api/ops/{op}", data=b"{") as answer:
        assert answer.status == 401
        problem = await answer.json(content_type=None)
    assert set(problem) == PROBLEM
    assert problem["code"] == "unauthorized"


@pytest.mark.parametrize("path", ["/ws", "/ws/terminal?node=x&terminal=y", "/api/nothing", "/nothing"])
async def test_without_credentials_nothing_else_says_more(whole: Installation, path: str) -> None:
    async with whole.client.http.get(whole.url + path) as answer:
        assert answer.status == 401


async def test_the_host_is_checked_before_the_credentials_and_these_before_the_op(whole: Installation) -> None:
    async def code(headers: dict[str, str], path: str = "/api/ops/no.such") -> str:
        async with whole.client.http.post(whole.url + path, data=b"{", headers=headers) as answer:
            return str((await answer.json(content_type=None))["code"])

    evil = {"Host": "evil.example"}
    assert await code(evil) == "forbidden"
    assert await code({**evil, **whole.client.headers}) == "forbidden"
    assert await code({"Authorization": "Bearer nonsense"}) == "unauthorized"
    assert await code(whole.client.headers) == "not_found"
    assert await code(whole.client.headers, "/api/ops/nodes.list") == "invalid"


async def test_a_method_that_is_not_offered_is_said(whole: Installation) -> None:
    async with whole.client.http.get(f"{whole.url}/api/ops/files.write", headers=whole.client.headers) as answer:
        assert answer.status == 405
        assert answer.headers["Allow"] == "POST"
        assert (await answer.json(content_type=None))["code"] == "invalid"


async def test_tokens_that_are_none_are_unauthorized(whole: Installation) -> None:
    real = whole.client.token or ""
    for bearer in ("", "x", real[:-3], real + "x", real.swapcase(), f"{real} {real}", "null"):
        async with whole.client.http.get(
            f"{whole.url}/api/ops/nodes.list", headers={"Authorization": f"Bearer {bearer}"}
        ) as answer:
            assert answer.status == 401, bearer


async def test_a_token_in_the_query_is_worth_nothing(whole: Installation) -> None:
    for name in ("token", "access_token", "auth"):
        async with whole.client.http.get(f"{whole.url}/api/ops/nodes.list?{name}={whole.client.token}") as answer:
            assert answer.status == 401
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await whole.client.http.ws_connect(f"{whole.url}/ws?{name}={whole.client.token}")
        assert refused.value.status == 401


async def test_the_contract_is_described(whole: Installation) -> None:
    described = await whole.client.get("/api/openapi.json")
    assert described["openapi"].startswith("3.")
    assert "/api/ops/files.list" in described["paths"]
    async with Client(whole.url) as stranger:
        with pytest.raises(OpError) as refused:
            await stranger.get("/api/openapi.json")
    assert refused.value.status == 401
