"""Behind a real nginx: with TLS and a sub-path as README has it, and set up wrongly in each way that people do."""

import asyncio
import contextlib
import html
import json
import re
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from tests.support.certificates import issue
from tests.support.chromium import chromium
from tests.support.client import Client
from tests.support.installation import scripted
from tests.support.main_app import RunningMain, running_main
from tests.support.nginx import HEADERS, Nginx, location, nginx
from tests.support.processes import ROOT, Program, free_port, main_settings, running
from tests.support.reader import reading
from tests.support.waiting import eventually
from ws.dial import DialError, dial_socket

pytestmark = pytest.mark.timeout(120)

MODULE = pytest.mark.asyncio(loop_scope="module")
HTML = {"Accept": "text/html,application/xhtml+xml", "Sec-Fetch-Dest": "document"}
SIGN_IN = {"username": "ada", "password": "correct horse"}


@dataclass
class Behind:
    """`url` is the page as browsers see it; `client` has signed in through nginx."""

    main: Program
    client: Client
    url: str
    cookie: str
    ca: Path

    @property
    def origin(self) -> str:
        return self.url.removesuffix("/yard")

    @property
    def page(self) -> dict[str, str]:
        """What a browser sends for our page."""
        return {"Cookie": self.cookie.partition(";")[0], "Origin": self.origin}


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["", "/yard"])
async def behind(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Behind]:
    base, home = str(request.param), tmp_path_factory.mktemp("home")
    tls = issue(home / "tls")
    settings = main_settings(**scripted(home))
    async with nginx(home / "nginx", location(settings["server.port"], f"{base}/"), tls) as proxy:
        url = f"{proxy.url}{base}"
        settings |= {
            "server.public_url": proxy.url,
            "server.trusted_proxies": ["127.0.0.1"],
            "server.base_path": base,
        }
        trust = ssl.create_default_context(cafile=str(tls.certificate))
        async with running("main_server.py", home, settings) as main, Client(url, trust=trust) as client:
            code = await eventually(
                lambda: re.search(r"needs this code: (\S+)", main.text), what="Main to print the set-up code"
            )
            body = {**SIGN_IN, "setup_code": code[1]}
            headers = {"Origin": proxy.url}
            async with client.http.post(f"{url}/api/auth/register", json=body, headers=headers) as answer:
                assert answer.status == 201, await answer.text()
                client.token = (await answer.json())["token"]
            yield Behind(main, client, url, answer.headers["Set-Cookie"], tls.certificate)


@MODULE
async def test_the_page_comes_with_its_parts(behind: Behind) -> None:
    async with behind.client.http.get(f"{behind.url}/", headers=HTML) as answer:
        text = await answer.text()
    assert answer.status == 200
    base = behind.url.removeprefix(behind.origin)
    assert f'content="{base}/"' in text
    for part in re.findall(r'(?:src|href)="(/[^"]+)"', text):
        async with behind.client.http.get(f"{behind.origin}{part}") as answer:
            assert answer.status == 200, part


@MODULE
async def test_the_cookie_is_a_secure_one(behind: Behind) -> None:
    assert re.match(
        r"__Host-switchyard_\d+=[^;]+; HttpOnly; Max-Age=\d+; Path=/; SameSite=Strict; Secure$", behind.cookie
    )
    async with behind.client.http.get(f"{behind.url}/api/auth/status", headers=behind.page) as answer:
        assert (await answer.json())["user"]["name"] == "ada"


@MODULE
async def test_a_socket_of_the_page_passes(behind: Behind) -> None:
    async with behind.client.http.ws_connect(f"{behind.url}/ws", headers=behind.page) as socket:
        await socket.send_json({"jsonrpc": "2.0", "id": 1, "method": "nodes.list", "params": {}})
        assert (await socket.receive_json(timeout=10))["result"].keys() == {"nodes"}
    with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):
        await behind.client.http.ws_connect(
            f"{behind.url}/ws", headers={**behind.page, "Origin": "https://evil.example"}
        )


@MODULE
async def test_a_terminal_passes(behind: Behind) -> None:
    node = await behind.client.online_node()
    opened = await behind.client.op("terminal.open", node=node, path=str(behind.main.home), cols=80, rows=24)
    async with reading(behind.client, node, opened["terminal"]) as terminal:
        await terminal.type("echo do''ne; head -c 3000000 /dev/zero | tr '\\0' x; echo en''d\n")
        await terminal.until_text(b"done")
        await terminal.until_text(b"end")


@MODULE
async def test_events_come_as_they_happen(behind: Behind) -> None:
    node = await behind.client.online_node()
    given = {"node": node, "path": str(behind.main.home), "provider": "scripted"}
    session = (await behind.client.op("session.create", **given))["session"]["id"]
    address = f"{behind.url}/api/ops/session.watch?node={node}&session={session}&after=0"
    async with behind.client.http.get(address, headers=behind.client.headers) as stream:
        assert stream.content_type == "text/event-stream"
        sent = {"node": node, "session": session, "message_id": "m1", "text": "hold"}
        await behind.client.op("session.send", **sent)
        async with asyncio.timeout(10):  # the turn does not end: what comes is not held back until then
            async for line in stream.content:
                if b"Holding." in line:
                    break


@MODULE
async def test_a_file_goes_up_and_comes_down_unbuffered(behind: Behind) -> None:
    node = await behind.client.online_node()
    content, path = b"0123456789" * 100_000, str(behind.main.home / f"big{free_port()}")
    address = f"{behind.url}/api/nodes/{node}/files/content"
    http, headers = behind.client.http, {**behind.client.headers, "If-None-Match": "*"}
    async with http.put(
        address, params={"path": path}, data=content, headers={**headers, "If-None-Match": "*"}
    ) as answer:
        assert answer.status in {200, 201}, await answer.text()
    async with http.get(address, params={"path": path}, headers=behind.client.headers) as answer:
        assert await answer.read() == content


@MODULE
async def test_who_calls_is_who_nginx_says(behind: Behind) -> None:
    forged = {"X-Forwarded-For": "203.0.113.9", "Origin": behind.origin}
    async with behind.client.http.post(f"{behind.url}/api/auth/login", json=SIGN_IN, headers=forged) as answer:
        assert answer.status == 200
    rows = (await behind.client.op("audit.list", limit=5))["rows"]
    assert {row["address"] for row in rows if row["action"] == "login"} == {"127.0.0.1"}
    assert "203.0.113.9" not in json.dumps(rows)


@MODULE
async def test_a_node_joins_through_nginx(behind: Behind, tmp_path: Path) -> None:
    info = await behind.client.op("nodes.join")
    assert info["main_server_url"].startswith("https://")
    settings = {
        "server.port": free_port(),
        "node.id": f"far{free_port()}",
        "node.main_server_url": behind.url,
        "node.register_token": info["register_token"],
        "node.tls_ca": str(behind.ca),
    }
    async with running("app.py", tmp_path, settings):
        node = await behind.client.online_node(settings["node.id"])
        opened = await behind.client.op("terminal.open", node=node, path=str(tmp_path), cols=80, rows=24)
        async with reading(behind.client, node, opened["terminal"]) as terminal:
            await terminal.type("echo do''ne\n")
            await terminal.until_text(b"done")
    assert "streams_framed" not in behind.main.text, "nginx passes on what comes after the 101"


# --- set up wrongly --------------------------------------------------------------------------------------------------


def without(*names: str) -> str:
    """Nginx's own defaults in the place of some lines."""
    return "\n".join(line for line in HEADERS.splitlines() if not any(name in line for name in names))


@dataclass
class Wrong:
    """Main behind an nginx that is not set up for it. `told` is what Main's log was told."""

    main: RunningMain
    proxy: Nginx
    http: aiohttp.ClientSession
    told: list[Any]

    async def page(self, path: str, **headers: str) -> tuple[int, str]:
        """What a person sees who opens that address."""
        async with self.http.get(self.proxy.url + path, headers={**HTML, **headers}) as answer:
            assert answer.content_type == "text/html"
            return answer.status, html.unescape(await answer.text())

    async def sign_in(self, path: str = "", **headers: str) -> dict[str, Any]:
        address = f"{self.proxy.url}{path}/api/auth/login"
        async with self.http.post(address, json=SIGN_IN, headers=headers) as answer:
            assert answer.content_type in {"application/json", "application/problem+json"}
            return {"detail": "", **(await answer.json()), "status": answer.status, "cookies": answer.headers}

    def advice(self, kind: str) -> list[str]:
        return [each["advice"] for each in self.told if each.get("kind") == kind]


@contextlib.asynccontextmanager
async def wrong(
    folder: Path,
    headers: str = HEADERS,
    *,
    settings: dict[str, Any] | None = None,
    path: str = "/",
    target: str = "",
    is_tls: bool = True,
) -> AsyncIterator[Wrong]:
    """Main with `settings`, and an nginx that passes `path` on to `target` with `headers`."""
    issued = issue(folder / "tls")
    trust = ssl.create_default_context(cafile=str(issued.certificate))
    with capture_logs() as told:
        async with (
            running_main(folder, settings) as main,
            nginx(folder / "nginx", location(main.port, path, headers, target), issued if is_tls else None) as proxy,
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=trust), cookie_jar=aiohttp.DummyCookieJar()
            ) as http,
        ):
            await main.add_user()
            yield Wrong(main, proxy, http, told)


TRUSTING = {"server.trusted_proxies": ["127.0.0.1"]}


async def test_without_a_host_header_the_origin_names_the_key(tmp_path: Path) -> None:
    async with wrong(tmp_path, without("Host"), settings=TRUSTING) as given:
        assert (await given.page("/"))[0] in {200, 503}
        refused = await given.sign_in(Origin=given.proxy.url)
        assert refused["status"] == 403
        assert f'set server.public_url = "{given.proxy.url}"' in refused["detail"]
        for _ in range(3):
            await given.sign_in(Origin=given.proxy.url)
        assert len(given.advice("origin")) == 1, "once, not for every request"


async def test_a_host_header_that_is_not_passed_on_is_told(tmp_path: Path) -> None:
    settings = {**TRUSTING, "server.public_url": "https://yard.example"}
    async with wrong(tmp_path, without("Host"), settings=settings) as given:
        assert (await given.sign_in(Origin="https://yard.example"))["status"] == 200
        assert ["proxy_set_header Host $host" in each for each in given.advice("host")] == [True]


async def test_a_name_that_main_does_not_know_names_both_keys(tmp_path: Path) -> None:
    headers = HEADERS.replace("Host $http_host", "Host yard.example")
    async with wrong(tmp_path, headers, settings=TRUSTING) as given:
        status, text = await given.page("/")
        assert status == 403
        for word in ("'yard.example'", "server.allowed_hosts", "server.public_url"):
            assert word in text
        assert (await given.sign_in())["code"] == "forbidden"
        assert len(given.advice("host")) == 1


async def test_without_the_scheme_the_origin_names_the_key_and_its_value(tmp_path: Path) -> None:
    async with wrong(tmp_path, without("X-Forwarded-Proto"), settings=TRUSTING) as given:
        refused = await given.sign_in(Origin=given.proxy.url)
        assert refused["status"] == 403
        assert f'set server.public_url = "{given.proxy.url}"' in refused["detail"]
        assert given.advice("origin") == [refused["detail"]]


async def test_a_foreign_origin_is_never_proposed_as_a_value(tmp_path: Path) -> None:
    async with wrong(tmp_path, settings=TRUSTING) as given:
        refused = await given.sign_in(Origin="https://evil.example")
        assert refused["status"] == 403
        assert "evil" not in refused["detail"] + str(given.told)


async def test_a_proxy_that_is_not_trusted_is_told(tmp_path: Path) -> None:
    async with wrong(tmp_path) as given:
        refused = await given.sign_in(Origin=given.proxy.url)
        assert refused["status"] == 403, "the scheme that it tells does not count"
        for _ in range(3):
            await given.page("/")
        assert ['server.trusted_proxies = ["127.0.0.1"]' in each for each in given.advice("trusted_proxies")] == [True]


async def test_a_forged_address_counts_for_nothing_behind_a_trusted_proxy(tmp_path: Path) -> None:
    settings = {**TRUSTING, "server.public_url": "https://yard.example"}
    headers = HEADERS.replace("X-Forwarded-For $remote_addr", "X-Forwarded-For $proxy_add_x_forwarded_for")
    async with wrong(tmp_path, headers, settings=settings) as given, given.main.client() as client:
        forged = {"Origin": "https://yard.example", "X-Forwarded-For": "203.0.113.9, 198.51.100.1"}
        assert (await given.sign_in(**forged))["status"] == 200
        rows = (await client.op("audit.list", limit=1))["rows"]
        # nginx adds 127.0.0.1, which is trusted here as a proxy; the next one is as far as anybody can know.
        assert rows[0]["address"] == "198.51.100.1"


async def test_an_upgrade_that_is_not_passed_on_names_the_lines(tmp_path: Path) -> None:
    settings = {**TRUSTING, "server.public_url": "https://yard.example"}
    async with wrong(tmp_path, without("Upgrade", "upgrade"), settings=settings) as given:
        bearer = {"Authorization": f"Bearer {await given.main.token()}"}
        for path in ("/ws", "/ws/terminal?node=a&terminal=b", "/ws/node"):
            async with given.http.get(given.proxy.url + path, headers=bearer) as answer:
                assert answer.status == 400
                detail = (await answer.json())["detail"]
                assert "proxy_set_header Upgrade $http_upgrade" in detail
        assert len(given.advice("upgrade")) == 1
        with pytest.raises(DialError, match=r"proxy_set_header Upgrade"):
            await dial_socket(
                f"{given.proxy.url.replace('https:', 'wss:')}/ws/node",
                headers={},
                ssl=given.http.connector._ssl,  # type: ignore[union-attr]
            )


async def test_nginx_as_it_is_without_any_line_is_named(tmp_path: Path) -> None:
    async with wrong(tmp_path, "", settings=TRUSTING) as given:
        bearer = {"Authorization": f"Bearer {await given.main.token()}"}
        async with given.http.get(f"{given.proxy.url}/ws", headers=bearer) as answer:
            assert "proxy_http_version 1.1" in (await answer.json())["detail"]
        assert "server.public_url" in (await given.sign_in(Origin=given.proxy.url))["detail"]


async def test_a_path_that_the_proxy_takes_off_is_named(tmp_path: Path) -> None:
    settings = {**TRUSTING, "server.base_path": "/yard"}
    async with wrong(tmp_path, settings=settings, path="/yard/", target="/") as given:
        status, text = await given.page("/yard/")
        assert status == 401
        assert "Switchyard is below /yard/ here (server.base_path)" in text
        assert "proxy_pass without a path" in (await given.sign_in("/yard"))["detail"]
        assert len(given.advice("base_path")) == 1


async def test_a_path_that_main_does_not_know_is_named_with_its_value(tmp_path: Path) -> None:
    async with wrong(tmp_path, settings=TRUSTING, path="/yard/") as given:
        status, text = await given.page("/yard/")
        assert status == 401
        assert 'set server.base_path = "/yard"' in text
        assert 'server.base_path = "/yard"' in (await given.sign_in("/yard"))["detail"]
        assert len(given.advice("base_path")) == 1
        async with given.http.get(f"{given.proxy.url}/yard/wp-login.php") as answer:
            assert (await answer.json())["detail"] == "Sign in first.", "what is no address of ours is none of a set-up"


async def test_a_page_whose_parts_do_not_come_says_so(tmp_path: Path) -> None:
    """The proxy takes the path off and Main does not know of it: the shell comes, its parts do not."""
    (tmp_path / "dist").symlink_to(ROOT / "dist")
    async with (
        wrong(tmp_path, settings=TRUSTING, path="/yard/", target="/", is_tls=False) as given,
        chromium() as browser,
    ):
        page = await browser.new_page()
        await page.goto(f"{given.proxy.url}/yard/")
        sentence = page.get_by_text("server.base_path")
        await sentence.wait_for(timeout=20_000)
        assert "is not coming" in await page.inner_text("body")
