"""Pages of other origins and other names: DNS rebinding, cross-site sockets, forms from elsewhere."""

import asyncio
import socket
from pathlib import Path

import aiohttp
import pytest

from tests.support.main_app import RunningMain, running_main

EVIL_HOSTS = [
    "evil.example",
    "evil.example:80",
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "127.0.0.1@evil.example",
    "evil.example#127.0.0.1",
    "",
    "[::1",
    "a b",
    "127.0.0.1:99999",
]


def evil_origins(port: int) -> list[str]:
    return [
        "http://evil.example",
        "null",
        "",
        f"http://127.0.0.1:{port + 1}",
        f"https://127.0.0.1:{port}",
        f"http://127.0.0.1:{port}.evil.example",
        f"http://evil.example/?http://127.0.0.1:{port}",
        f"http://evil.example#http://127.0.0.1:{port}",
        f"http://127.0.0.1:{port}@evil.example",
        f"http://localhost:{port}",
        f"http://127.0.0.1:{port}/",
        "file://",
        "chrome-extension://abc",
    ]


async def raw(main: RunningMain, text: str) -> bytes:
    """What Main answers to exactly these bytes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", main.port)
    writer.write(text.replace("\n", "\r\n").encode())
    async with asyncio.timeout(10):
        answer = await reader.read()
    writer.close()
    return answer


@pytest.mark.parametrize("host", EVIL_HOSTS)
@pytest.mark.parametrize("path", ["/", "/api/auth/status", "/api/ops/nodes.list", "/ws", "/assets/x.js", "/nope"])
async def test_a_foreign_host_is_refused_everywhere(main: RunningMain, host: str, path: str) -> None:
    answer = await raw(main, f"GET {path} HTTP/1.1\nHost: {host}\nConnection: close\n\n")
    assert answer.split(b" ", 2)[1] in {b"403", b"400"}, answer


async def test_a_foreign_host_comes_before_credentials(main: RunningMain) -> None:
    token = await main.token()
    answer = await raw(
        main,
        f"GET /api/ops/nodes.list HTTP/1.1\nHost: evil.example\nAuthorization: Bearer {token}\nConnection: close\n\n",
    )
    assert answer.startswith(b"HTTP/1.1 403")
    assert b"server.allowed_hosts" in answer


async def test_the_names_of_this_machine_are_known(main: RunningMain) -> None:
    own = socket.gethostname()
    for host in (f"127.0.0.1:{main.port}", "localhost", "LOCALHOST", "[::1]", "192.0.2.7", own, f"{own}.local"):
        answer = await raw(main, f"GET /api/auth/status HTTP/1.1\nHost: {host}\nConnection: close\n\n")
        assert answer.startswith(b"HTTP/1.1 200"), host


async def test_two_hosts_and_whole_addresses_are_refused(main: RunningMain) -> None:
    for head in (
        "GET / HTTP/1.1\nHost: 127.0.0.1\nHost: evil.example\n",
        "GET http://127.0.0.1/ HTTP/1.1\nHost: 127.0.0.1\n",
        "GET http://evil.example/api/auth/status HTTP/1.1\nHost: 127.0.0.1\n",
        "GET /api/auth/status HTTP/1.1\n",
    ):
        answer = await raw(main, f"{head}Connection: close\n\n")
        assert answer.split(b" ", 2)[1] in {b"403", b"400"}, head


async def test_a_forwarded_host_counts_for_nothing(main: RunningMain) -> None:
    answer = await raw(
        main,
        "GET /api/auth/status HTTP/1.1\nHost: evil.example\nX-Forwarded-Host: localhost\n"
        "Forwarded: host=localhost\nConnection: close\n\n",
    )
    assert answer.startswith(b"HTTP/1.1 403")


async def test_sockets_with_a_cookie_need_our_own_origin(main: RunningMain) -> None:
    cookie = {"Cookie": f"switchyard_{main.port}={await main.token()}"}
    async with main.http() as http:
        for path in ("/ws", "/ws/terminal?node=n&terminal=t"):
            for origin in [*evil_origins(main.port), None]:
                headers = cookie if origin is None else {**cookie, "Origin": origin}
                with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                    await http.ws_connect(path, headers=headers)
                assert refused.value.status == 403, origin
        opened = await http.ws_connect("/ws", headers={**cookie, "Origin": main.url})
        await opened.close()


async def test_acts_with_a_cookie_need_our_own_origin(main: RunningMain) -> None:
    cookie = {"Cookie": f"switchyard_{main.port}={await main.token()}"}
    async with main.http() as http:
        for path in ("/api/ops/nodes.list", "/api/auth/logout"):
            for origin in [*evil_origins(main.port), None]:
                headers = cookie if origin is None else {**cookie, "Origin": origin}
                async with http.post(path, json={}, headers=headers) as answer:
                    assert answer.status == 403, f"{path} {origin}"
        async with http.post("/api/ops/nodes.list", json={}, headers={**cookie, "Origin": main.url}) as answer:
            assert answer.status == 200


async def test_signing_in_from_a_page_of_another_origin_is_refused(main: RunningMain) -> None:
    await main.add_user()
    body = {"username": "ada", "password": "correct horse"}
    async with main.http() as http:
        for origin in evil_origins(main.port):
            async with http.post("/api/auth/login", json=body, headers={"Origin": origin}) as answer:
                assert answer.status == 403, origin
        async with http.post("/api/auth/login", json=body, headers={"Origin": main.url}) as answer:
            assert answer.status == 200


async def test_behind_a_proxy_the_public_address_is_the_origin(tmp_path: Path) -> None:
    settings = {"server.public_url": "https://yard.example", "server.trusted_proxies": ["127.0.0.1"]}
    async with running_main(tmp_path, settings) as main, main.http() as http:
        headers = {
            "Host": "yard.example",
            "X-Forwarded-Proto": "https",
            "Cookie": f"__Host-switchyard_{main.port}={await main.token()}",
        }
        async with http.post(
            "/api/ops/nodes.list", json={}, headers={**headers, "Origin": "https://yard.example"}
        ) as answer:
            assert answer.status == 200
        async with http.post(
            "/api/ops/nodes.list", json={}, headers={**headers, "Origin": "http://yard.example"}
        ) as answer:
            assert answer.status == 403
        login, without = {"username": "ada", "password": "correct horse"}, {**headers, "Cookie": ""}
        async with http.post("/api/auth/login", json=login, headers=without) as answer:
            cookie = answer.headers["Set-Cookie"]
            assert cookie.startswith(f"__Host-switchyard_{main.port}=")
            assert "Secure" in cookie
            assert "HttpOnly" in cookie
            assert "SameSite=Strict" in cookie


async def test_a_cookie_over_plain_http_is_kept_from_scripts_and_other_sites(main: RunningMain) -> None:
    await main.add_user()
    async with (
        main.http() as http,
        http.post("/api/auth/login", json={"username": "ada", "password": "correct horse"}) as answer,
    ):
        cookie = answer.headers["Set-Cookie"]
        assert cookie.startswith(f"switchyard_{main.port}=")
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        assert "Domain" not in cookie
