"""What a browser is told to refuse: a strict policy on the page, and on everything else nothing is allowed at all."""

import json
import re
from pathlib import Path

import aiohttp
import pytest

from tests.support.main_app import RunningMain, running_main
from tests.support.waiting import eventually

PAGES = ["/", "/login", "/m", "/m/laptop", "/m/laptop/s/abc", "/m/a/p/home/me", "/needs", "/settings", "/new", "/more"]


def build_page(folder: Path) -> None:
    """A built page of one script."""
    (folder / "dist/assets").mkdir(parents=True)
    chunks = {
        "src/main.ts": {"file": "assets/main-1.js", "css": ["assets/main-1.css"], "imports": ["_shared.js"]},
        "_shared.js": {"file": "assets/shared-1.js"},
    }
    (folder / "dist/manifest.json").write_text(json.dumps(chunks))
    (folder / "dist/assets/main-1.js").write_text("/* script */\n" * 200)
    (folder / "dist/assets/shared-1.js").write_text("1")
    (folder / "dist/assets/main-1.css").write_text("a{}")


async def test_the_page_has_a_strict_policy_with_a_fresh_nonce(tmp_path: Path) -> None:
    build_page(tmp_path)
    nonces = set()
    async with running_main(tmp_path) as main, main.http() as http:
        for path in PAGES:
            async with http.get(path) as answer:
                text, policy = await answer.text(), answer.headers["Content-Security-Policy"]
                assert answer.status == 200, path
            assert answer.headers["Cache-Control"] == "no-store"
            assert "unsafe" not in policy
            assert "frame-ancestors 'none'" in policy
            found = re.findall(r'nonce="([^"]+)"', text)
            assert len(set(found)) == 1
            assert f"'nonce-{found[0]}'" in policy
            nonces.add(found[0])
            assert re.findall(r"<script[^>]*>([^<]*)</script>", text) == [""], "a script stands in the page itself"
            assert re.search(r"<style(?! nonce=)", text) is None
            assert " style=" not in text
            assert re.search(r"\son\w+=", text) is None
    assert len(nonces) == len(PAGES)


async def test_every_answer_can_do_nothing_as_a_document(main: RunningMain) -> None:
    token = await main.token()
    async with main.http() as http:
        for path in ("/health", "/api/auth/status", "/api/ops/nodes.list", "/api/openapi.json", "/nope", "/assets/x"):
            async with http.get(path, headers={"Authorization": f"Bearer {token}"}) as answer:
                headers = answer.headers
            assert headers["Content-Security-Policy"].startswith("default-src 'none'"), path
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert headers["X-Frame-Options"] == "DENY"
            assert headers["Referrer-Policy"] == "no-referrer"
            assert "aiohttp" not in headers["Server"]
            assert not [name for name in headers if name.lower().startswith("access-control")]


async def test_assets_are_immutable_typed_and_compressed(tmp_path: Path) -> None:
    build_page(tmp_path)
    async with running_main(tmp_path) as main, aiohttp.ClientSession(main.url, auto_decompress=False) as http:
        async with http.get("/assets/main-1.js", headers={"Accept-Encoding": "identity"}) as answer:
            assert answer.content_type == "text/javascript"
            assert "immutable" in answer.headers["Cache-Control"]
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            plain = await answer.read()
        async with http.get("/assets/main-1.js", headers={"Accept-Encoding": "br, gzip;q=0"}) as answer:
            assert "Content-Encoding" not in answer.headers

        async def compressed() -> bytes | None:
            """As soon as it has been made, beside the start."""
            async with http.get("/assets/main-1.js", headers={"Accept-Encoding": "gzip, br"}) as answer:
                return await answer.read() if answer.headers.get("Content-Encoding") == "gzip" else None

        assert len(await eventually(compressed, what="the compressed file")) < len(plain)


@pytest.mark.parametrize(
    "name", ["..%2f..%2fmain.db", "%2e%2e/manifest.json", "..%5cmain.db", "main-1.js%00", "/etc/passwd", "."]
)
async def test_assets_are_nothing_but_the_built_files(tmp_path: Path, name: str) -> None:
    build_page(tmp_path)
    async with running_main(tmp_path) as main, main.http() as http, http.get(f"/assets/{name}") as answer:
        assert answer.status in {401, 404}


async def test_the_page_works_below_a_path(tmp_path: Path) -> None:
    build_page(tmp_path)
    async with running_main(tmp_path, {"server.base_path": "/yard"}) as main, main.http() as http:
        async with http.get("/yard/m/laptop") as answer:
            text = await answer.text()
        assert '<meta name="switchyard-base" content="/yard/">' in text
        assert 'src="/yard/assets/main-1.js"' in text
        for path, status in {"/yard/assets/main-1.js": 200, "/health": 200, "/yard/health": 200, "/": 401}.items():
            async with http.get(path) as answer:
                assert answer.status == status, path


async def test_without_a_built_page_the_shell_says_how_to_build_it(main: RunningMain) -> None:
    async with main.http() as http, http.get("/") as answer:
        assert answer.status == 503
        assert "make gen" in await answer.text()
