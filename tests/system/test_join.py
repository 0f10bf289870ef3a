"""`app.py join URL`, run as its user runs it."""

import asyncio
import contextlib
import os
import pty
import stat
import sys
import tomllib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from tests.support.certificates import Issued, issue
from tests.support.client import Client
from tests.support.processes import ROOT, free_port, main_settings, running
from ws.listening import serving_context

TOKEN = "a-register-token-that-nobody-guesses"


async def join(home: Path, *arguments: str, token: str = TOKEN, code: int = 0) -> str:
    """What the command prints; the token comes by standard input."""
    home.mkdir(exist_ok=True)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(ROOT / "app.py"),
        "join",
        f"--config={home / 'node.toml'}",
        *arguments,
        env={"HOME": str(home), "LANG": "C.UTF-8"},
        cwd=home,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    told, _ = await asyncio.wait_for(process.communicate(f"{token}\n".encode()), 30)
    said = told.decode()
    assert process.returncode == code, said
    assert "Traceback" not in said
    assert not token or token not in said
    if code:
        assert len(said.splitlines()) == 1, said
    return said


def config(home: Path) -> dict[str, object]:
    content = tomllib.loads((home / "node.toml").read_text())
    return dict(content["node"])


@contextlib.asynccontextmanager
async def answering(
    body: str, status: int = 200, tls: Issued | None = None, location: str | None = None
) -> AsyncIterator[str]:
    """The address of a server that gives one answer to everything."""

    async def answer(_: web.Request) -> web.Response:
        headers = {} if location is None else {"Location": location}
        return web.Response(text=body, status=status, headers=headers, content_type="application/json")

    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    context = None if tls is None else await asyncio.to_thread(serving_context, tls.certificate, tls.key)
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    try:
        yield f"http{'s' if tls else ''}://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


MAIN = '{"status":"ok","role":"main","version":"0.1.0"}'


async def test_it_joins_and_the_node_comes_online(tmp_path: Path) -> None:
    settings = main_settings(**{"main.local_node": False, "server.base_path": "/yard"})
    home = tmp_path / "node"
    async with (
        running("main_server.py", tmp_path / "main", settings) as main,
        Client(f"{main.url}/yard") as client,
    ):
        await client.register()
        token = (await client.op("nodes.join"))["register_token"]
        said = await join(home, f"{main.url}/yard/", token=TOKEN, code=2)
        assert f"Main at {main.url}/yard does not know this register token" in said
        assert not (home / "node.toml").exists()
        said = await join(home, f"{main.url}/yard/", token=token)
        assert "make run-node" in said
        assert config(home) == {"main_server_url": f"{main.url}/yard", "register_token": token}
        assert stat.S_IMODE((home / "node.toml").stat().st_mode) == 0o600
        given, file = {"server.port": free_port(), "node.id": "joined"}, str(home / "node.toml")
        async with running("app.py", home, given, arguments=["--config", file]):
            await client.online_node("joined")


async def test_again_is_fine_and_comments_stay(tmp_path: Path) -> None:
    (tmp_path / "node.toml").write_text("# mine\n[node] # who\nid = 'x' # kept\n")
    async with answering(MAIN) as url:
        for _ in range(2):
            await join(tmp_path, url)
        text = (tmp_path / "node.toml").read_text()
        assert text.startswith("# mine\n[node] # who\nid = 'x' # kept\n")
        assert config(tmp_path) == {"id": "x", "main_server_url": url, "register_token": TOKEN}


async def test_another_main_is_left_only_by_force(tmp_path: Path) -> None:
    async with answering(MAIN) as first, answering(MAIN) as second:
        await join(tmp_path, first)
        assert f"is a node of {first}" in await join(tmp_path, second, code=2)
        assert config(tmp_path)["main_server_url"] == first
        await join(tmp_path, second, "--force")
        assert config(tmp_path)["main_server_url"] == second


async def test_a_ca_is_tried_and_kept(tmp_path: Path) -> None:
    authority = issue(tmp_path / "tls", "ca", is_authority=True)
    ca = authority.certificate
    async with answering(MAIN, tls=issue(tmp_path / "tls", by=authority)) as url:
        said = await join(tmp_path, url, code=2)
        assert "--ca" in said
        assert not (tmp_path / "node.toml").exists()
        await join(tmp_path, url, "--ca", str(ca))
        assert config(tmp_path)["tls_ca"] == str(ca)
        other = issue(tmp_path / "tls", "other", is_authority=True).certificate
        assert "did not help" in await join(tmp_path, url, "--ca", str(other), code=2)
    async with answering(MAIN, tls=issue(tmp_path / "tls", names=["main.example"], by=authority)) as url:
        assert "made for other names" in await join(tmp_path, url, "--ca", str(ca), "--force", code=2)


@pytest.mark.parametrize(
    ("body", "status", "location", "said"),
    [
        ("<html>", 200, None, "is no Switchyard"),
        ("{}", 200, None, "is no Switchyard"),
        ("[]", 404, None, "is no Switchyard"),
        ('{"status":"ok","role":"node","version":"1"}', 200, None, "is the port of a node"),
        ("", 302, "https://there.example/", "sends on to https://there.example/"),
    ],
)
async def test_what_is_no_main_is_named(
    tmp_path: Path, body: str, status: int, location: str | None, said: str
) -> None:
    async with answering(body, status, location=location) as url:
        assert said in await join(tmp_path, url, code=2)
    assert not (tmp_path / "node.toml").exists()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("main.example", "is no address such as"),
        ("ftp://main", "is no address such as"),
        ("http://", "is no address such as"),
        ("http://main:99999", "is no address"),
        ("http://[::1", "is no address"),
        ("http://u:p@main", "the token is asked for"),
        ("http://main/?token=x", "the token is asked for"),
        ("http://127.0.0.1:1", "cannot be reached"),
        ("https://127.0.0.1:1", "cannot be reached"),
        ("http://no-such-name.invalid", "cannot be reached"),
    ],
)
async def test_a_bad_address_gets_one_sentence(tmp_path: Path, url: str, said: str) -> None:
    assert said in await join(tmp_path, url, code=2)
    assert list(tmp_path.iterdir()) == []


async def test_the_wrong_scheme_is_named(tmp_path: Path) -> None:
    async with answering(MAIN) as url:
        assert "perhaps it is http://" in await join(tmp_path, url.replace("http:", "https:"), code=2)
    async with answering(MAIN, tls=issue(tmp_path / "tls")) as url:
        assert "perhaps it is https://" in await join(tmp_path, url.replace("https:", "http:"), code=2)


async def test_without_a_token_nothing_is_written(tmp_path: Path) -> None:
    async with answering(MAIN) as url:
        for token, said in (
            ("", "no token was given"),
            ("two words", "no register token"),
            ("x" * 2000, "no register"),
        ):
            assert said in await join(tmp_path, url, token=token, code=2)
    assert not (tmp_path / "node.toml").exists()


async def test_a_short_token_is_warned_about(tmp_path: Path) -> None:
    async with answering(MAIN) as url:
        assert "may be guessed" in await join(tmp_path, url, token="k7Qm2xK9")


async def test_a_terminal_does_not_show_the_token(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    try:
        async with answering(MAIN) as url:
            process = await asyncio.create_subprocess_exec(
                *[sys.executable, str(ROOT / "app.py"), "join", url, f"--config={tmp_path / 'node.toml'}"],
                env={"HOME": str(tmp_path), "LANG": "C.UTF-8"},
                stdin=theirs,
                stdout=theirs,
                stderr=theirs,
                start_new_session=True,
                preexec_fn=_take_terminal,
            )
            shown = await asyncio.wait_for(asyncio.to_thread(os.read, ours, 4096), 30)
            assert b"Register token" in shown
            os.write(ours, f"{TOKEN}\n".encode())
            assert await asyncio.wait_for(process.wait(), 30) == 0
            shown += await asyncio.to_thread(os.read, ours, 65536)
    finally:
        os.close(ours)
        os.close(theirs)
    assert TOKEN.encode() not in shown
    assert config(tmp_path)["register_token"] == TOKEN


def _take_terminal() -> None:
    """Make standard input the controlling terminal, which getpass opens as /dev/tty."""
    import fcntl  # noqa: PLC0415  in the child, between fork and exec
    import termios  # noqa: PLC0415

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
