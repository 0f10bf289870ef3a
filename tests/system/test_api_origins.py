"""Host and Origin: who may call Main by which name, and which pages may act with a cookie."""

import socket
from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio

from tests.support.client import Client
from tests.support.processes import Program, main_settings, running

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("api origins")]

PUBLIC = "https://yard.example"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def program(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Program]:
    settings = main_settings(
        **{
            "main.local_node": False,
            "server.public_url": PUBLIC,
            "server.allowed_hosts": ["listed.example"],
        }
    )
    async with running("main_server.py", tmp_path_factory.mktemp("home"), settings) as started:
        yield started


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(program: Program) -> AsyncIterator[Client]:
    async with Client(program.url) as made:
        await made.register()
        yield made


def with_cookie(program: Program, client: Client, **headers: str) -> dict[str, str]:
    return {"Cookie": f"switchyard_{program.port}={client.token}", **headers}


async def status(client: Client, method: str, path: str, headers: dict[str, str]) -> int:
    async with client.http.request(method, client.url + path, headers=headers) as answer:
        return answer.status


async def upgrade(client: Client, path: str, headers: dict[str, str]) -> int:
    try:
        opened = await client.http.ws_connect(client.url + path, headers=headers)
    except aiohttp.WSServerHandshakeError as refused:
        return refused.status
    await opened.close()
    return 101


FOREIGN = [
    "http://evil.example",
    "null",
    "",
    "http://127.0.0.1",
    "http://127.0.0.1:1",
    "https://127.0.0.1:PORT",
    "http://127.0.0.1:PORT.evil.example",
    "http://127.0.0.1:PORT@evil.example",
    "http://evil.example/?http://127.0.0.1:PORT",
    "http://localhost:PORT",
    "http://[::1]:PORT",
    "127.0.0.1:PORT",
    "http://127.0.0.1:PORT/",
    "http://yard.example",
    "https://yard.example.evil.tld",
    "https://xyard.example",
]


@pytest.mark.parametrize("origin", FOREIGN)
async def test_a_cookie_works_for_no_page_of_another_origin(program: Program, client: Client, origin: str) -> None:
    headers = with_cookie(program, client, Origin=origin.replace("PORT", str(program.port)))
    assert await status(client, "POST", "/api/ops/nodes.list", headers) == 403
    assert await status(client, "POST", "/api/auth/logout", headers) == 403
    assert await upgrade(client, "/ws", headers) == 403
    assert await upgrade(client, "/ws/terminal?node=x&terminal=y", headers) == 403


@pytest.mark.parametrize("origin", ["http://127.0.0.1:PORT", PUBLIC, "HTTP://127.0.0.1:PORT", f"{PUBLIC}:443"])
async def test_a_cookie_works_for_mains_own_pages(program: Program, client: Client, origin: str) -> None:
    headers = with_cookie(program, client, Origin=origin.replace("PORT", str(program.port)))
    assert await status(client, "POST", "/api/ops/nodes.list", headers) == 200
    assert await upgrade(client, "/ws", headers) == 101


async def test_a_cookie_without_an_origin_reads_and_does_nothing_else(program: Program, client: Client) -> None:
    headers = with_cookie(program, client)
    assert await status(client, "GET", "/api/ops/nodes.list", headers) == 200
    assert await status(client, "POST", "/api/ops/nodes.list", headers) == 403
    assert await upgrade(client, "/ws", headers) == 403


async def test_a_cookie_of_another_port_is_nobodys(program: Program, client: Client) -> None:
    headers = {"Cookie": f"switchyard_{program.port + 1}={client.token}", "Origin": program.url}
    assert await status(client, "POST", "/api/ops/nodes.list", headers) == 401


async def test_a_bearer_needs_no_origin_and_minds_none(program: Program, client: Client) -> None:
    for more in ({}, {"Origin": "http://evil.example"}):
        assert await status(client, "POST", "/api/ops/nodes.list", {**client.headers, **more}) == 200
        assert await upgrade(client, "/ws", {**client.headers, **more}) == 101


async def test_a_bad_bearer_is_not_saved_by_a_good_cookie(program: Program, client: Client) -> None:
    headers = with_cookie(program, client, Origin=program.url, Authorization="Bearer nonsense")
    assert await status(client, "POST", "/api/ops/nodes.list", headers) == 401


async def test_the_scheme_that_a_stranger_tells_is_not_believed(program: Program, client: Client) -> None:
    headers = with_cookie(program, client, Origin=f"https://127.0.0.1:{program.port}", **{"X-Forwarded-Proto": "https"})
    assert await status(client, "POST", "/api/ops/nodes.list", headers) == 403


KNOWN = [
    "127.0.0.1",
    "127.0.0.1:9",
    "[::1]",
    "[::1]:65535",
    "192.0.2.7:4457",
    "[2001:db8::1]:4457",
    "localhost",
    "LocalHost:1",
    socket.gethostname(),
    f"{socket.gethostname()}.local:4457",
    "yard.example",
    "listed.example:8080",
]


@pytest.mark.parametrize("host", KNOWN)
async def test_main_answers_under_its_names_with_any_port(client: Client, host: str) -> None:
    assert await status(client, "POST", "/api/ops/nodes.list", {**client.headers, "Host": host}) == 200


UNKNOWN = [
    "evil.example",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "evil.example:PORT",
    "xlisted.example",
    "sub.listed.example",
    "[::1",
    "::1",
    "127.0.0.1:99999",
    "127.0.0.1:x",
    "a b",
    "user@127.0.0.1",
    "",
]


@pytest.mark.parametrize("host", UNKNOWN)
@pytest.mark.parametrize("path", ["/", "/api/auth/status", "/api/ops/nodes.list", "/ws", "/nothing"])
async def test_main_answers_under_no_other_name(program: Program, client: Client, host: str, path: str) -> None:
    headers = {**client.headers, "Host": host.replace("PORT", str(program.port))}
    async with client.http.get(client.url + path, headers=headers) as answer:
        assert answer.status in ({400, 403} if host in {"a b", ""} else {403})
        if answer.status == 403:
            assert (await answer.json(content_type=None))["code"] == "forbidden"


async def test_the_refusal_says_which_key_allows_it(client: Client) -> None:
    async with client.http.get(client.url + "/", headers={"Host": "evil.example"}) as answer:
        assert "server.allowed_hosts" in (await answer.json(content_type=None))["detail"]
    headers = {"Cookie": f"switchyard_{client.url.rpartition(':')[2]}={client.token}", "Origin": "http://evil.example"}
    async with client.http.post(client.url + "/api/ops/nodes.list", headers=headers) as answer:
        assert "server.public_url" in (await answer.json(content_type=None))["detail"]


@pytest.mark.parametrize("path", ["/health", "/ws/node", "/ws/stream"])
async def test_health_and_the_doors_of_nodes_answer_under_any_name(client: Client, path: str) -> None:
    headers = {"Host": "evil.example", "Origin": "http://evil.example"}
    expected = 200 if path == "/health" else 401
    if path == "/health":
        assert await status(client, "GET", path, headers) == expected
    else:
        assert await upgrade(client, path, headers) == expected


async def test_no_answer_opens_main_to_other_origins(client: Client) -> None:
    for path in ("/", "/health", "/api/auth/status", "/api/ops/nodes.list"):
        async with client.http.get(
            client.url + path, headers={**client.headers, "Origin": "http://evil.example"}
        ) as answer:
            assert not [name for name in answer.headers if name.lower().startswith("access-control-")]
