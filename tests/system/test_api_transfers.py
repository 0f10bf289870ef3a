"""Transfers as the contract has them: content down, up and as an archive, through Main and a node."""

import asyncio
import base64
import io
import json
import os
import shutil
import stat
import subprocess
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest
from yarl import URL

from tests.support.installation import Installation
from tests.support.waiting import eventually

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("api transfers")]

BIG = os.urandom(3_000_000)
"""More than filesystem.max_read_bytes."""


@pytest.fixture
def folder(whole: Installation, request: pytest.FixtureRequest) -> Path:
    made = whole.work / str(request.node.name)[:60].replace("[", "-").replace("]", "")
    made.mkdir()
    return made


def url(whole: Installation, what: str = "content", node: str | None = None) -> str:
    return f"{whole.url}/api/nodes/{node or whole.node}/files/{what}"


def names(folder: Path) -> list[str]:
    """What lies in it, hidden temporaries too."""
    return sorted(each.name for each in folder.iterdir())


class Answered:
    """One answer, read to its end."""

    def __init__(self, answer: aiohttp.ClientResponse, body: bytes) -> None:
        self.status = answer.status
        self.headers = answer.headers
        self.body = body

    @property
    def code(self) -> str:
        return str(parsed(self.body)["code"])


def parsed(body: bytes) -> dict[str, Any]:
    return dict(json.loads(body))


async def ask(
    whole: Installation, method: str, path: Path | str, body: Any = None, what: str = "content", **headers: str
) -> Answered:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    body = io.BytesIO(body) if isinstance(body, bytes) else body
    async with whole.client.http.request(
        method, url(whole, what), params={"path": str(path)}, data=body, headers={**whole.client.headers, **given}
    ) as answer:
        return Answered(answer, await answer.read())


async def test_a_file_comes_as_it_is(whole: Installation, folder: Path) -> None:
    (folder / "big.bin").write_bytes(BIG)
    answer = await ask(whole, "GET", folder / "big.bin")
    assert (answer.status, answer.body == BIG) == (200, True)
    assert answer.headers["Content-Length"] == str(len(BIG))
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="big.bin"')
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert "private" in answer.headers["Cache-Control"]
    head = await ask(whole, "HEAD", folder / "big.bin")
    assert (head.status, head.body) == (200, b"")
    for name in ("Content-Length", "ETag", "Last-Modified", "Content-Disposition"):
        assert head.headers[name] == answer.headers[name]


async def test_an_empty_file_comes_empty(whole: Installation, folder: Path) -> None:
    (folder / "empty").touch()
    answer = await ask(whole, "GET", folder / "empty")
    assert (answer.status, answer.body, answer.headers["Content-Length"]) == (200, b"", "0")
    assert (await ask(whole, "GET", folder / "empty", Range="bytes=0-")).status == 416


async def test_parts_make_the_whole(whole: Installation, folder: Path) -> None:
    (folder / "big.bin").write_bytes(BIG)
    tag = (await ask(whole, "HEAD", folder / "big.bin")).headers["ETag"]
    got = b""
    for start in range(0, len(BIG), 1_000_000):
        answer = await ask(
            whole, "GET", folder / "big.bin", Range=f"bytes={start}-{start + 999_999}", **{"If-Range": tag}
        )
        assert answer.status == 206
        assert answer.headers["Content-Range"] == f"bytes {start}-{start + 999_999}/{len(BIG)}"
        got += answer.body
    assert got == BIG
    (folder / "big.bin").write_bytes(BIG[::-1])
    answer = await ask(whole, "GET", folder / "big.bin", Range="bytes=0-9", **{"If-Range": tag})
    assert (answer.status, len(answer.body)) == (200, len(BIG))


async def test_conditions_and_ranges_are_answered_with_their_statuses(whole: Installation, folder: Path) -> None:
    (folder / "a.txt").write_text("0123456789")
    tag = (await ask(whole, "HEAD", folder / "a.txt")).headers["ETag"]
    known = await ask(whole, "GET", folder / "a.txt", If_None_Match=tag)
    assert (known.status, known.body, known.headers["ETag"]) == (304, b"", tag)
    stale = await ask(whole, "GET", folder / "a.txt", If_Match='"other"')
    assert (stale.status, stale.code) == (412, "precondition_failed")
    beyond = await ask(whole, "GET", folder / "a.txt", Range="bytes=10-")
    assert (beyond.status, beyond.headers["Content-Range"]) == (416, "bytes */10")
    several = await ask(whole, "GET", folder / "a.txt", Range="bytes=0-1,5-6")
    assert (several.status, several.body) == (200, b"0123456789")


async def test_the_etag_is_that_of_stat_and_of_write(whole: Installation, folder: Path) -> None:
    written = await whole.op("files.write", path=str(folder / "a.txt"), content="hello\n", create=True)
    stated = await whole.op("files.stat", path=str(folder / "a.txt"))
    answer = await ask(whole, "GET", folder / "a.txt")
    assert answer.headers["ETag"] == f'"{written["etag"]}"' == f'"{stated["etag"]}"'
    put = await ask(whole, "PUT", folder / "a.txt", b"hello\n", If_Match=written["etag"])
    assert parsed(put.body) == {"etag": written["etag"], "size": 6, "path": str(folder / "a.txt")}


async def test_inline_shows_pictures_and_text_alone(whole: Installation, folder: Path) -> None:
    for name, kind in (("a.png", "image/png"), ("a.svg", "application/octet-stream"), ("a.md", "text/plain")):
        (folder / name).write_bytes(b"<svg onload=alert(1)>")
        async with whole.client.http.get(
            url(whole), params={"path": str(folder / name), "inline": "1"}, headers=whole.client.headers
        ) as answer:
            assert answer.content_type == kind
            assert answer.headers["Content-Disposition"].startswith("inline")
            assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"


async def test_a_name_that_is_not_utf8_is_reached_by_its_bytes(whole: Installation, folder: Path) -> None:
    raw = os.fsencode(str(folder)) + b"/\xff\xfe"
    params = {"path_bytes": base64.b64encode(raw).decode()}
    async with whole.client.http.put(url(whole), params=params, data=b"odd", headers=whole.client.headers) as answer:
        assert answer.status == 201
    assert [os.fsencode(each) for each in names(folder)] == [b"\xff\xfe"]
    async with whole.client.http.get(url(whole), params=params, headers=whole.client.headers) as got:
        assert await got.read() == b"odd"
    in_the_query = URL(f"{url(whole)}?path={quote(raw)}", encoded=True)
    async with whole.client.http.get(in_the_query, headers=whole.client.headers) as got:
        assert await got.read() == b"odd"


async def test_what_cannot_be_had_is_one_clear_sentence(whole: Installation, folder: Path) -> None:
    os.mkfifo(folder / "fifo")
    (folder / "out").symlink_to("/etc/passwd")
    for path, status in (
        (folder / "missing", 404),
        (folder, 400),
        (folder / "fifo", 501),
        (folder / "out", 403),
        ("/etc/passwd", 403),
        ("relative", 400),
        (f"{folder}/../../../../etc/passwd", 403),
    ):
        answer = await ask(whole, "GET", path)
        assert answer.status == status, path
        assert answer.headers["Content-Type"].startswith("application/problem+json")
    for query in ("", "?path=/a&path=/b", "?path=/a&what=1", "?path=%2Fa&inline=yes", "?path=/a&node=x", "?path=%00"):
        async with whole.client.http.get(url(whole) + query, headers=whole.client.headers) as refused:
            assert refused.status == 400, query
    async with whole.client.http.get(url(whole, node="nope") + "?path=/a", headers=whole.client.headers) as refused:
        assert refused.status in (404, 503)


async def test_an_upload_makes_and_replaces(whole: Installation, folder: Path) -> None:
    made = await ask(whole, "PUT", folder / "new.bin", BIG)
    assert (made.status, parsed(made.body)["size"]) == (201, len(BIG))
    assert (folder / "new.bin").read_bytes() == BIG
    (folder / "new.bin").chmod(0o750)
    replaced = await ask(whole, "PUT", folder / "new.bin", b"less", If_Match=made.headers["ETag"])
    assert replaced.status == 200
    assert (folder / "new.bin").read_bytes() == b"less"
    assert stat.S_IMODE((folder / "new.bin").stat().st_mode) == 0o750
    assert names(folder) == ["new.bin"]


async def test_an_upload_without_a_known_length_is_taken(whole: Installation, folder: Path) -> None:
    async def pieces() -> Any:
        for start in range(0, len(BIG), 100_001):
            yield BIG[start : start + 100_001]

    assert (await ask(whole, "PUT", folder / "chunked", pieces())).status == 201
    assert (folder / "chunked").read_bytes() == BIG
    assert (await ask(whole, "PUT", folder / "empty", b"")).status == 201
    assert (folder / "empty").read_bytes() == b""


async def test_a_refused_upload_changes_nothing(whole: Installation, folder: Path) -> None:
    (folder / "kept").write_text("kept")
    (folder / "sub").mkdir()
    (folder / "out").symlink_to("/etc")
    for path, headers, status in (
        (folder / "kept", {"If-Match": '"stale"'}, 412),
        (folder / "kept", {"If-None-Match": "*"}, 412),
        (folder / "missing", {"If-Match": "*"}, 412),
        (folder / "sub", {}, 409),
        (f"{folder}/slash/", {}, 400),
        (folder / "nope" / "new", {}, 404),
        (folder / "kept" / "below", {}, 404),
        (folder / "out" / "new", {}, 403),
        (folder / "kept", {"Content-Range": "bytes 0-1/2"}, 400),
        (folder / "kept", {"Content-Encoding": "gzip"}, 400),
        (folder / "kept", {"If-None-Match": '"a"'}, 400),
        (folder / ("x" * 300), {}, 400),
    ):
        answer = await ask(whole, "PUT", path, b"evil", **headers)
        assert answer.status == status, (path, headers, answer.body)
    assert (folder / "kept").read_text() == "kept"
    assert names(folder) == ["kept", "out", "sub"]


async def test_of_two_uploads_with_one_etag_only_the_first_wins(whole: Installation, folder: Path) -> None:
    (folder / "a").write_text("old")
    tag = (await ask(whole, "HEAD", folder / "a")).headers["ETag"]
    answers = await asyncio.gather(
        *(ask(whole, "PUT", folder / "a", str(each) * 100_000, If_Match=tag) for each in range(8))
    )
    assert sorted(each.status for each in answers) == [200] + [412] * 7
    news = await asyncio.gather(
        *(ask(whole, "PUT", folder / "b", str(each), **{"If-None-Match": "*"}) for each in range(8))
    )
    assert sorted(each.status for each in news) == [201] + [412] * 7
    assert names(folder) == ["a", "b"]


async def test_an_upload_that_is_cut_leaves_the_old_file(whole: Installation, folder: Path) -> None:
    (folder / "a").write_text("old")
    port = int(whole.url.rpartition(":")[2])
    for headers in ("Content-Length: 1000000", "Transfer-Encoding: chunked"):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        request = (
            f"PUT /api/nodes/{whole.node}/files/content?path={quote(str(folder / 'a'))} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"Authorization: Bearer {whole.client.token}\r\n{headers}\r\n\r\n"
        )
        body = b"x" * 300_000 if "Length" in headers else b"493e0\r\n" + b"x" * 300_000
        writer.write(request.encode() + body)
        await writer.drain()
        rows = len((await whole.client.op("audit.list", action="file.uploaded"))["rows"])
        writer.transport.abort()

        async def is_noted(before: int = rows) -> bool:
            return len((await whole.client.op("audit.list", action="file.uploaded"))["rows"]) > before

        await eventually(is_noted, what="the end of the upload")
        assert reader is not None
    assert (folder / "a").read_text() == "old"
    assert names(folder) == ["a"]


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
async def test_curl_does_not_send_what_is_refused(whole: Installation, folder: Path) -> None:
    (folder / "source").write_bytes(BIG)
    base = f"{url(whole)}?path={quote(str(folder))}"
    bearer = ["-H", f"Authorization: Bearer {whole.client.token}", "-H", "Expect: 100-continue"]

    async def curl(*more: str) -> str:
        command = ["curl", "-sS", "--max-time", "20", "--expect100-timeout", "15", *bearer, *more]
        done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
        return done.stdout + done.stderr

    shown = ["-o", os.devnull, "-w", "%{http_code} %{size_upload}"]
    assert await curl(*shown, "-T", str(folder / "source"), f"{base}/nope/new") == "404 0"
    assert await curl(*shown, "-T", str(folder / "source"), f"{base}/new") == f"201 {len(BIG)}"
    assert (folder / "new").read_bytes() == BIG
    assert await curl("-o", str(folder / "half"), "-r", "0-999999", f"{base}/source") == ""
    assert await curl("-o", str(folder / "half"), "-C", "-", f"{base}/source") == ""
    assert (folder / "half").read_bytes() == BIG


async def test_a_folder_comes_as_zip(whole: Installation, folder: Path) -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / "Übung.txt").write_text("text " * 10_000)
    (folder / "big.bin").write_bytes(BIG)
    (folder / "run.sh").write_text("#!/bin/sh\n")
    (folder / "run.sh").chmod(0o755)
    (folder / "link").symlink_to("/etc/passwd")
    (folder / "loop").symlink_to(".")
    (folder / "empty").mkdir()
    answer = await ask(whole, "GET", folder, what="archive")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/zip")
    assert f'filename="{folder.name}.zip"' in answer.headers["Content-Disposition"]
    with zipfile.ZipFile(io.BytesIO(answer.body)) as packed:
        assert packed.testzip() is None
        assert sorted(each.removeprefix(folder.name + "/") for each in packed.namelist()) == [
            "big.bin",
            "empty/",
            "link",
            "loop",
            "run.sh",
            "sub/",
            "sub/Übung.txt",
        ]
        assert packed.read(f"{folder.name}/big.bin") == BIG
        assert packed.read(f"{folder.name}/link") == b"/etc/passwd"
        modes = {info.filename.rpartition("/")[2]: info.external_attr >> 16 for info in packed.infolist()}
        assert stat.S_ISLNK(modes["link"])
        assert stat.S_IMODE(modes["run.sh"]) == 0o755
    assert len(answer.body) < len(BIG) + 10_000


async def test_picked_names_come_as_zip(whole: Installation, folder: Path) -> None:
    for name in ("a", "b", "c"):
        (folder / name).write_text(name)
    params = [("path", str(folder)), ("name", "a"), ("name", "c")]
    async with whole.client.http.get(url(whole, "archive"), params=params, headers=whole.client.headers) as answer:
        with zipfile.ZipFile(io.BytesIO(await answer.read())) as packed:
            assert packed.namelist() == ["a", "c"]
    for wrong in ("..", "missing", "a/b", ""):
        params = [("path", str(folder)), ("name", wrong)]
        async with whole.client.http.get(url(whole, "archive"), params=params, headers=whole.client.headers) as refused:
            assert refused.status in (400, 404), wrong
    assert (await ask(whole, "GET", folder / "a", what="archive")).status == 400


async def test_the_data_folder_is_not_in_the_archive(whole: Installation) -> None:
    answer = await ask(whole, "GET", whole.home, what="archive")
    with zipfile.ZipFile(io.BytesIO(answer.body)) as packed:
        names = packed.namelist()
    assert any(name.endswith("conversation.json") for name in names)
    assert not [name for name in names if ".db" in name]


async def test_a_file_that_becomes_shorter_ends_the_connection(whole: Installation, folder: Path) -> None:
    size = 64 << 20
    with (folder / "shrinking").open("wb") as file:
        file.truncate(size)
    async with whole.client.http.get(
        url(whole), params={"path": str(folder / "shrinking")}, headers=whole.client.headers
    ) as answer:
        assert answer.content_length == size
        await answer.content.readexactly(1000)
        os.truncate(folder / "shrinking", 10)
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.read()


async def test_a_file_that_grows_comes_as_long_as_announced(whole: Installation, folder: Path) -> None:
    (folder / "log").write_bytes(bytes(20_000_000))
    async with whole.client.http.get(
        url(whole), params={"path": str(folder / "log")}, headers=whole.client.headers
    ) as answer:
        with (folder / "log").open("ab") as log:
            log.write(b"more" * 1000)
        assert len(await answer.read()) == 20_000_000


async def test_uploads_are_in_the_audit_trail(whole: Installation, folder: Path) -> None:
    await ask(whole, "PUT", folder / "a", b"x")
    await ask(whole, "PUT", folder / "a" / "b", b"x")
    rows = (await whole.client.op("audit.list", action="file.uploaded", limit=2))["rows"]
    assert [(row["outcome"], row["subject"]) for row in rows] == [
        ("not_found", str(folder / "a" / "b")),
        ("ok", str(folder / "a")),
    ]


async def test_many_at_once_all_come_whole(whole: Installation, folder: Path) -> None:
    (folder / "big").write_bytes(BIG)
    answers = await asyncio.gather(
        *(ask(whole, "GET", folder / "big") for _ in range(10)),
        *(ask(whole, "PUT", folder / f"up{each}", BIG) for each in range(10)),
    )
    assert [each.status for each in answers] == [200] * 10 + [201] * 10
    assert all(each.body == BIG for each in answers[:10])
    assert all((folder / f"up{each}").read_bytes() == BIG for each in range(10))
