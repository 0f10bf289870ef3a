"""Files of the built page: plain until they have been compressed beside the start, and right at every moment."""

import gzip
import json
import threading
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path

import aiohttp
import pytest

from tests.support.main_app import running_main
from tests.support.waiting import eventually

LONG = b"/* script */\n" * 400_000
"""More than the sockets between the two hold."""
FILES = {
    "a.js": b"/* first */\n" * 200,
    "b.css": b"a{color:red}\n" * 200,
    "long.js": LONG,
    "short.js": b"1",
    "letters.woff2": bytes(range(256)) * 16,
}
TEXT = ["a.js", "b.css", "long.js"]
"""In the order in which they are compressed."""

WITH_GZIP = [
    "gzip",
    "GZIP",
    "x-gzip",
    "br, gzip",
    "gzip;q=0.001",
    "*",
    "br;q=1.0, *;q=0.5",
    "*;q=0, gzip",
    "gzip; q=1",
    "deflate,gzip ;q=0.5,",
]
WITHOUT_GZIP = [
    "",
    "identity",
    "br",
    "gzip;q=0",
    "gzip; q=0.000",
    "gzip;\tq=0",
    "gzip;q=0, *",
    "*, gzip;q=0",
    "*;q=0",
    "gzipped",
    "gzip;q=",
    "gzip;q=yes",
    ";;,,=",
]


class Compressor:
    """In the place of `gzip.compress`: each call waits for its turn."""

    def __init__(self) -> None:
        self._turns = threading.Semaphore(0)
        self._compress = gzip.compress

    def __call__(self, data: bytes, compresslevel: int = 9, *, mtime: float | None = None) -> bytes:
        assert self._turns.acquire(timeout=30)
        return self._compress(data, compresslevel, mtime=mtime)

    def let(self, calls: int) -> None:
        self._turns.release(calls)


@pytest.fixture
def compressor(monkeypatch: pytest.MonkeyPatch) -> Iterator[Compressor]:
    compressor = Compressor()
    monkeypatch.setattr("routes.main.assets.gzip.compress", compressor)
    yield compressor
    compressor.let(len(FILES))


@pytest.fixture
async def http(tmp_path: Path, compressor: Compressor) -> AsyncIterator[aiohttp.ClientSession]:
    folder = tmp_path / "dist/assets"
    folder.mkdir(parents=True)
    (tmp_path / "dist/manifest.json").write_text(json.dumps({"src/main.ts": {"file": "assets/a.js"}}))
    for name, body in FILES.items():
        (folder / name).write_bytes(body)
    async with (
        running_main(tmp_path) as main,
        aiohttp.ClientSession(main.url, auto_decompress=False, skip_auto_headers=["Accept-Encoding"]) as http,
    ):
        yield http
        compressor.let(len(FILES))


async def get(http: aiohttp.ClientSession, name: str, accepted: str | None) -> str:
    """The encoding of the answer, whose body is the file whatever it is."""
    headers = {} if accepted is None else {"Accept-Encoding": accepted}
    async with http.get(f"/assets/{name}", headers=headers) as answer:
        body, encoding = await answer.read(), answer.headers.get("Content-Encoding", "")
        assert (answer.status, answer.headers["Vary"]) == (200, "Accept-Encoding")
        assert answer.headers["Content-Length"] == str(len(body))
    assert (gzip.decompress(body) if encoding else body) == FILES[name], (name, accepted)
    return encoding


async def get_and_head(http: aiohttp.ClientSession, name: str, accepted: str | None) -> str:
    """The same, with the head alone that says the same: only while nothing is being compressed."""
    encoding = await get(http, name, accepted)
    headers = {} if accepted is None else {"Accept-Encoding": accepted}
    async with (
        http.get(f"/assets/{name}", headers=headers) as whole,
        http.head(f"/assets/{name}", headers=headers) as head,
    ):
        assert head.headers["Content-Length"] == whole.headers["Content-Length"]
        assert head.headers.get("Content-Encoding", "") == encoding
    return encoding


async def test_each_file_is_compressed_for_who_takes_it_once_it_is_and_plain_before(
    http: aiohttp.ClientSession, compressor: Compressor
) -> None:
    for done in range(len(TEXT) + 1):
        if done:
            compressor.let(1)
            await eventually(partial(_is_made, http, TEXT[done - 1]), what="the next compressed file")
        for name in FILES:
            is_made = name in TEXT[:done]
            for accepted in WITH_GZIP if name == "a.js" else WITH_GZIP[:1]:
                assert await get_and_head(http, name, accepted) == ("gzip" if is_made else ""), (name, accepted)
            for without in [None, *WITHOUT_GZIP] if name == "a.js" else [None]:
                assert await get_and_head(http, name, without) == "", (name, without)


async def _is_made(http: aiohttp.ClientSession, name: str) -> bool:
    return await get(http, name, "gzip") == "gzip"


async def test_an_answer_that_is_under_way_stays_what_it_began_as(
    http: aiohttp.ClientSession, compressor: Compressor
) -> None:
    async with http.get("/assets/long.js", headers={"Accept-Encoding": "gzip"}) as answer:
        assert "Content-Encoding" not in answer.headers
        compressor.let(len(TEXT))
        await eventually(lambda: _is_made(http, "long.js"), what="the compressed file")
        assert await answer.read() == LONG


async def test_who_says_twice_what_it_takes_is_heard_twice(http: aiohttp.ClientSession, compressor: Compressor) -> None:
    compressor.let(1)
    await eventually(lambda: _is_made(http, "a.js"), what="the compressed file")
    headers = [("Accept-Encoding", "br"), ("Accept-Encoding", "gzip")]
    async with http.get("/assets/a.js", headers=headers) as answer:
        assert answer.headers["Content-Encoding"] == "gzip"


async def test_a_page_that_is_built_by_half_counts_as_not_built(tmp_path: Path) -> None:
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist/manifest.json").write_text(json.dumps({"src/main.ts": {"file": "assets/a.js"}}))
    async with running_main(tmp_path) as main, main.http() as http, http.get("/") as answer:
        assert answer.status == 503
