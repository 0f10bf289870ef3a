"""Signing in as the contract has it, against Mains of their own: the throttle remembers."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.support.client import Client
from tests.support.processes import Program, main_settings, running

CREDENTIALS = {"username": "ada", "password": "correct horse"}
THROTTLE = 5


@pytest.fixture
async def program(tmp_path: Path) -> AsyncIterator[Program]:
    async with running("main_server.py", tmp_path, main_settings(**{"main.local_node": False})) as started:
        yield started


@pytest.fixture
async def client(program: Program) -> AsyncIterator[Client]:
    async with Client(program.url) as made:
        yield made


class Answer:
    """Status, headers and body, read whole."""

    def __init__(self, answer: aiohttp.ClientResponse, body: Any) -> None:
        self.status = answer.status
        self.headers = answer.headers
        self.body = body

    def cookie(self) -> SimpleCookie:
        found = SimpleCookie()
        for header in self.headers.getall("Set-Cookie", ()):
            found.load(header)
        return found


async def ask(
    client: Client, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
) -> Answer:
    data = body if isinstance(body, bytes) else None
    json = None if isinstance(body, bytes) else body
    async with client.http.request(method, client.url + path, json=json, data=data, headers=headers) as answer:
        raw = await answer.read()
        return Answer(answer, await answer.json(content_type=None) if raw else None)


async def register(client: Client, body: Any = CREDENTIALS, headers: dict[str, str] | None = None) -> Answer:
    return await ask(client, "POST", "/api/auth/register", body, headers)


async def login(client: Client, body: Any = CREDENTIALS, headers: dict[str, str] | None = None) -> Answer:
    return await ask(client, "POST", "/api/auth/login", body, headers)


def code_of(program: Program) -> str:
    return program.text.partition("this code: ")[2].split()[0]


async def test_status_before_and_after(program: Program, client: Client) -> None:
    before = await ask(client, "GET", "/api/auth/status")
    assert before.status == 200
    assert {"setup_required", "user", "version"} <= set(before.body)
    assert (before.body["setup_required"], before.body["user"]) == (True, None)
    signed_up = await register(client)
    assert signed_up.status == 201
    assert set(signed_up.body) == {"user", "token"}
    assert set(signed_up.body["user"]) == {"id", "name", "role"}
    assert (signed_up.body["user"]["name"], signed_up.body["user"]["role"]) == ("ada", "owner")
    after = (await ask(client, "GET", "/api/auth/status")).body
    assert (after["setup_required"], after["user"]) == (False, None)
    bearer = {"Authorization": f"Bearer {signed_up.body['token']}"}
    assert (await ask(client, "GET", "/api/auth/status", headers=bearer)).body["user"] == signed_up.body["user"]


async def test_afterwards_it_is_409_whatever_is_sent(client: Client) -> None:
    assert (await register(client)).status == 201
    bodies: list[Any] = [CREDENTIALS, {}, b"", b"{", {"username": "eve"}, b"x" * 100_000, [1]]
    for body in bodies:
        for headers in ({}, {"X-Forwarded-For": "10.0.0.9"}, {"Origin": "http://evil.example"}):
            refused = await register(client, body, headers)
            assert (refused.status, refused.body["code"]) == (409, "conflict"), (body, headers)


async def test_of_two_at_once_one_wins(client: Client) -> None:
    async with asyncio.TaskGroup() as racing:
        runs = [
            racing.create_task(register(client, {"username": f"user{number}", "password": "correct horse"}))
            for number in range(4)
        ]
    statuses = sorted(run.result().status for run in runs)
    assert statuses == [201, 409, 409, 409]


ELSEWHERE = [
    {"X-Forwarded-For": "127.0.0.1"},
    {"Forwarded": "for=127.0.0.1"},
    {"X-Real-IP": "127.0.0.1"},
    {"X-Forwarded-Host": "localhost"},
    {"Host": "10.0.0.5:4457"},
    {"Host": socket.gethostname()},
]


async def test_from_elsewhere_it_needs_the_printed_code(program: Program, client: Client) -> None:
    for headers in ELSEWHERE:
        refused = await register(client, headers=headers)
        assert (refused.status, refused.body["code"]) == (403, "forbidden"), headers
    headers = ELSEWHERE[0]
    wrong = await register(client, {**CREDENTIALS, "setup_code": "WRONG-WRONG"}, headers)
    assert wrong.status == 403
    assert (await register(client, {**CREDENTIALS, "setup_code": code_of(program)}, headers)).status == 201
    assert (await register(client, {**CREDENTIALS, "setup_code": code_of(program)}, headers)).status == 409


async def test_a_page_of_another_origin_cannot_sign_up_here(client: Client) -> None:
    assert (await register(client, headers={"Origin": "http://evil.example"})).status == 403
    assert (await register(client, headers={"Origin": "null"})).status == 403
    assert (await register(client, headers={"Origin": client.url})).status == 201


@pytest.mark.parametrize("host", ["LocalHost:1", "127.0.0.1", "[::1]:65535"])
async def test_a_loopback_name_needs_no_code(client: Client, host: str) -> None:
    assert (await register(client, headers={"Host": host})).status == 201


async def test_a_password_of_less_or_more_is_refused(client: Client) -> None:
    for password in ("", "x" * 7, "x" * 73, "ü" * 7, "ü" * 37, "😀" * 7, "😀" * 19):
        answer = await register(client, {"username": "ada", "password": password})
        assert answer.status == 400, password
        assert [each["path"] for each in answer.body["errors"]] == ["params.password"]


@pytest.mark.parametrize("password", ["x" * 8, "x" * 72, "ü" * 36, "😀" * 18])
async def test_a_password_of_8_characters_to_72_bytes_counts_whole(client: Client, password: str) -> None:
    assert (await register(client, {"username": "ada", "password": password})).status == 201
    assert (await login(client, {"username": "ada", "password": password})).status == 200
    assert (await login(client, {"username": "ada", "password": password[:-1]})).status == 401


async def test_unknown_fields_of_bodies_are_invalid(client: Client) -> None:
    refused = await register(client, {**CREDENTIALS, "role": "owner"})
    assert [each["path"] for each in refused.body["errors"]] == ["params.role"]
    assert (await register(client)).status == 201
    assert (await login(client, {**CREDENTIALS, "otp": "1"})).status == 400


async def test_a_refusal_tells_nothing_about_the_user(client: Client) -> None:
    await register(client)
    unknown = await login(client, {"username": "eve", "password": "correct horse"})
    wrong = await login(client, {"username": "ada", "password": "battery staple"})
    assert unknown.status == wrong.status == 401
    assert unknown.body == wrong.body
    assert set(unknown.headers) == set(wrong.headers)


async def test_the_sixth_failure_is_throttled_and_logins_live_on(client: Client) -> None:
    token = (await register(client)).body["token"]
    wrong = {"username": "ada", "password": "battery staple"}
    assert [(await login(client, wrong)).status for _ in range(THROTTLE)] == [401] * THROTTLE
    for body in (wrong, CREDENTIALS):
        throttled = await login(client, body)
        assert (throttled.status, throttled.body["code"]) == (429, "rate_limited")
        assert 0 < int(throttled.headers["Retry-After"]) <= 900
    client.token = token
    assert "nodes" in await client.op("nodes.list")
    other = {"username": "eve", "password": "battery staple"}
    assert (await login(client, other)).status == 401, "another name is not throttled yet"
    assert (await login(client, {"username": "ada"})).status == 400, "parameters first"


async def test_thirty_failures_throttle_the_address(client: Client) -> None:
    await register(client)
    statuses = [
        (await login(client, {"username": f"user{number}", "password": "battery staple"})).status
        for number in range(31)
    ]
    assert statuses == [401] * 30 + [429]


async def test_right_passwords_and_bad_requests_are_not_counted(client: Client) -> None:
    await register(client)
    for _ in range(THROTTLE + 1):
        assert (await login(client)).status == 200
        assert (await login(client, {"username": "ada"})).status == 400
    assert (await login(client)).status == 200


async def test_logout_ends_the_token_and_its_sockets_within_a_second(client: Client) -> None:
    first = (await register(client)).body["token"]
    second = (await login(client)).body["token"]
    client.token = second
    async with (
        client.socket() as ended,
        client.http.get(f"{client.url}/api/ops/nodes.watch", headers=client.headers) as stream,
    ):
        client.token = first
        async with client.socket() as living:
            begun = time.monotonic()
            answer = await ask(client, "POST", "/api/auth/logout", headers={"Authorization": f"Bearer {second}"})
            assert answer.status == 204
            await asyncio.wait_for(ended.closed.wait(), 1)
            assert ended.raw.close_code == 4401
            with pytest.raises(aiohttp.ClientPayloadError):
                await asyncio.wait_for(stream.content.read(), 1)
            assert time.monotonic() - begun < 1
            assert "nodes" in await living.call("nodes.list"), "another login of the same user lives on"
    assert (
        await ask(client, "GET", "/api/ops/nodes.list", headers={"Authorization": f"Bearer {second}"})
    ).status == 401


async def test_the_cookie_is_for_this_port_and_for_no_script(program: Program, client: Client) -> None:
    cookies = (await register(client)).cookie()
    assert list(cookies) == [f"switchyard_{program.port}"]
    cookie = cookies[f"switchyard_{program.port}"]
    assert cookie["httponly"] is True
    assert cookie["samesite"].lower() == "strict"
    assert (cookie["path"], cookie["domain"], cookie["secure"]) == ("/", "", "")
    assert 29 * 86400 <= int(cookie["max-age"]) <= 30 * 86400
    own = {"Cookie": f"switchyard_{program.port}={cookie.value}", "Origin": program.url}
    assert (await ask(client, "POST", "/api/ops/nodes.list", {}, own)).status == 200
    gone = await ask(client, "POST", "/api/auth/logout", None, own)
    assert gone.status == 204
    assert gone.cookie()[f"switchyard_{program.port}"]["max-age"] == "0"
    assert (await ask(client, "POST", "/api/ops/nodes.list", {}, own)).status == 401
    assert (await ask(client, "POST", "/api/auth/logout")).status == 401
