"""Who makes the first account: whoever sits at the machine, or reads its terminal; nobody else, and nobody twice."""

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.support.main_app import RunningMain, running_main

BODY = {"username": "ada", "password": "correct horse"}
FORWARDING = [
    {"X-Forwarded-For": "127.0.0.1"},
    {"X-Forwarded-Host": "127.0.0.1"},
    {"X-Forwarded-Proto": "http"},
    {"Forwarded": "for=127.0.0.1"},
    {"X-Real-IP": "127.0.0.1"},
    {"Via": "1.1 proxy"},
]


async def register(http: aiohttp.ClientSession, body: dict[str, Any], headers: dict[str, str] | None = None) -> int:
    async with http.post("/api/auth/register", json=body, headers=headers) as answer:
        return answer.status


async def test_from_this_machine_no_code_is_needed(main: RunningMain) -> None:
    async with main.http() as http:
        async with http.get("/api/auth/status") as answer:
            assert (await answer.json())["setup_required"] is True
        assert await register(http, BODY, {"Origin": main.url}) == 201
        async with http.get("/api/auth/status") as answer:
            assert (await answer.json())["setup_required"] is False


@pytest.mark.parametrize(
    "headers",
    [
        *FORWARDING,
        {"Host": "192.0.2.7"},
        {"Host": "yard.example"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
    ],
    ids=str,
)
async def test_what_may_come_from_elsewhere_needs_the_code(tmp_path: Path, headers: dict[str, str]) -> None:
    async with running_main(tmp_path, {"server.allowed_hosts": ["yard.example"]}) as main, main.http() as http:
        assert await register(http, BODY, headers) == 403
        assert await main.main.accounts.needs_setup()


async def test_a_trusted_proxy_on_this_machine_is_elsewhere_too(tmp_path: Path) -> None:
    settings = {"server.trusted_proxies": ["127.0.0.1"]}
    async with running_main(tmp_path, settings) as main, main.http() as http:
        for headers in FORWARDING:
            assert await register(http, BODY, headers) == 403


async def test_from_another_address_the_code_opens_once(main: RunningMain) -> None:
    code = main.main.accounts.setup_code.text
    assert code is not None
    elsewhere = {"Host": "192.0.2.7"}
    async with main.http() as http:
        assert await register(http, {**BODY, "setup_code": "AAAA-BBBB-CCCC"}, elsewhere) == 403
        assert await register(http, {**BODY, "setup_code": code.lower().replace("-", " ")}, elsewhere) == 201
        assert main.main.accounts.setup_code.text is None
        assert await register(http, {**BODY, "username": "eve", "setup_code": code}, elsewhere) == 409


async def test_guessing_the_code_is_throttled(main: RunningMain) -> None:
    async with main.http() as http:
        guesses = [
            await register(http, {**BODY, "setup_code": f"AAAA-BBBB-{n:04}"}, {"Host": "192.0.2.7"}) for n in range(7)
        ]
        assert guesses == [403] * 5 + [429] * 2


async def test_two_set_ups_at_once_make_one_account(main: RunningMain) -> None:
    async with main.http() as http:
        race = [
            asyncio.create_task(register(http, {**BODY, "username": f"user{n}"}))  # noqa: TID251  the race itself
            for n in range(6)
        ]
        assert sorted([await each for each in race]) == [201, 409, 409, 409, 409, 409]
        rows = await main.main.store.database.read("SELECT name FROM users")
        assert len(rows) == 1


@pytest.mark.parametrize("body", [b"", b"garbage", b"{}", b'{"username":"x","password":"short"}', b"[1]"])
async def test_once_a_user_exists_every_sign_up_is_409(main: RunningMain, body: bytes) -> None:
    await main.add_user()
    async with main.http() as http, http.post("/api/auth/register", data=body) as answer:
        assert answer.status == 409


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"username": "", "password": "correct horse"}, "params.username"),
        ({"username": " x", "password": "correct horse"}, "params.username"),
        ({"username": "a\nb", "password": "correct horse"}, "params.username"),
        ({"username": "\u2800", "password": "correct horse"}, "params.username"),
        ({"username": "ada", "password": "short"}, "params.password"),
        ({"username": "ada", "password": "ü" * 40}, "params.password"),
        ({"username": "ada", "password": "x" * 73}, "params.password"),
        ({"username": "ada"}, "params.password"),
        ({"username": "ada", "password": "correct horse", "role": "owner"}, "params.role"),
    ],
)
async def test_a_bad_sign_up_names_the_field(main: RunningMain, body: dict[str, Any], field: str) -> None:
    async with main.http() as http, http.post("/api/auth/register", json=body) as answer:
        assert answer.status == 400
        assert [each["path"] for each in (await answer.json(content_type=None))["errors"]] == [field]


async def test_a_proxy_that_says_nothing_of_itself_brings_nobody_in(main: RunningMain) -> None:
    """Such as nginx with `proxy_pass http://127.0.0.1:PORT` alone: the name and the peer are loopback, in HTTP/1.0."""
    body = b'{"username":"eve","password":"correct horse"}'
    host = f"Host: 127.0.0.1:{main.port}\r\nConnection: close\r\n".encode()
    register = b"POST /api/auth/register HTTP/1.%d\r\n" + host + b"Content-Length: %d\r\n\r\n%b"
    metrics = b"GET /metrics HTTP/1.%d\r\n" + host + b"\r\n"
    assert b" 401 " in await answered(main, metrics % 0)
    assert b" 200 " in await answered(main, metrics % 1)
    assert b" 403 " in await answered(main, register % (0, len(body), body))
    assert await main.main.accounts.needs_setup()
    assert b" 201 " in await answered(main, register % (1, len(body), body))


async def answered(main: RunningMain, request: bytes) -> bytes:
    """The status line."""
    reader, writer = await asyncio.open_connection("127.0.0.1", main.port)
    try:
        writer.write(request)
        async with asyncio.timeout(5):
            return await reader.readline()
    finally:
        writer.close()
        await writer.wait_closed()
