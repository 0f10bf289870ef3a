"""Bodies and queries that a client got wrong: one sentence each, nothing done, no defect in Main's log."""

import asyncio
import gzip
import json
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest

from tests.support.client import OpError
from tests.support.installation import Installation

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("api bodies")]

READ_BYTES = 65536


async def ask(whole: Installation, line: str, head: str, body: bytes) -> tuple[int, str, str]:
    """Status, code and sentence of an answer to raw bytes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", whole.main.port)
    bearer = f"Authorization: Bearer {whole.client.token}"
    writer.write(f"{line} HTTP/1.1\r\nHost: 127.0.0.1\r\n{bearer}\r\n{head}\r\n\r\n".encode() + body)
    async with asyncio.timeout(10):
        status = int((await reader.readuntil(b"\r\n")).split()[1])
        await reader.readuntil(b"\r\n\r\n")
        problem = json.loads(await reader.readuntil(b"}"))
    writer.transport.abort()
    return status, problem["code"], problem["detail"]


def lines(whole: Installation) -> dict[str, str]:
    content = f"/api/nodes/{whole.node}/files/content?path={quote(str(whole.work / 'sent'))}"
    return {"op": "POST /api/ops/nodes.watch", "login": "POST /api/auth/login", "upload": f"PUT {content}"}


@pytest.mark.parametrize("where", ["op", "login", "upload"])
@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "zstd", "of our own"])
async def test_a_compressed_body_is_refused_with_a_sentence(whole: Installation, where: str, encoding: str) -> None:
    for body in (b"zzz", gzip.compress(bytes(1_000_000))):
        head = f"Content-Encoding: {encoding}\r\nContent-Length: {len(body)}"
        status, code, detail = await ask(whole, lines(whole)[where], head, body)
        assert (status, code) == (400, "invalid")
        assert detail == "A body with Content-Encoding is not taken: send it as it is."
    assert not (whole.work / "sent").exists()


@pytest.mark.parametrize("where", ["op", "login", "upload"])
async def test_chunks_that_are_none_are_refused_with_a_sentence(whole: Installation, where: str) -> None:
    for body in (b"zz\r\n", b"-1\r\n", b"5\r\nabcdeXX5\r\n"):
        status, code, detail = await ask(whole, lines(whole)[where], "Transfer-Encoding: chunked", body)
        assert (status, code) == (400, "invalid"), detail
    assert not (whole.work / "sent").exists()


async def test_nothing_of_it_is_a_defect(whole: Installation) -> None:
    for where in ("op", "login", "upload"):
        await ask(whole, lines(whole)[where], "Content-Encoding: gzip\r\nContent-Length: 3", b"zzz")
        await ask(whole, lines(whole)[where], "Transfer-Encoding: chunked", b"5\r\nabcdeXX5\r\n")
    await whole.client.op("nodes.list")
    assert "Traceback" not in whole.main.text
    assert "internal" not in whole.main.text


async def test_a_query_holds_lists_and_objects(whole: Installation) -> None:
    for name in ("a.py", "a.js", "a.md"):
        (whole.work / name).write_text("needle\n")
    query = f"node={whole.node}&path={quote(str(whole.work))}&query=needle&include=*.py&include=*.md"
    async with whole.client.http.get(f"{whole.url}/api/ops/files.grep?{query}", headers=whole.client.headers) as answer:
        text = (await answer.read()).decode()
    assert [f"a.{kind}" in text for kind in ("py", "js", "md")] == [True, False, True]

    async def labelled(labels: Any) -> int:
        answer = await whole.client.get(f"/api/ops/nodes.list?labels={quote(json.dumps(labels))}")
        return len(answer["nodes"])

    assert [await labelled({}), await labelled({"rack": "7"})] == [1, 0]
    with pytest.raises(OpError) as refused:
        await whole.client.get("/api/ops/nodes.list?labels=rack")
    assert refused.value.problem["errors"][0]["path"] == "params.labels"


@pytest.mark.parametrize(
    ("query", "is_regex", "words"),
    [
        ("(a)\\1", True, "backreferences are not supported"),
        ("(?<=a)b", True, "look-around"),
        ("a\\nb", True, "not allowed in a regex"),
        ("(", True, "unclosed group"),
        ("a\nb", False, "leave the line break out"),
    ],
)
async def test_what_cannot_be_searched_for_is_said(whole: Installation, query: str, is_regex: bool, words: str) -> None:
    with pytest.raises(OpError) as refused:
        await whole.op("files.grep", path=str(whole.work), query=query, regex=is_regex)
    assert refused.value.code == "invalid"
    assert words in refused.value.problem["detail"]
    assert "--" not in refused.value.problem["detail"], "no option that nobody here can give"


@pytest.mark.parametrize(
    ("op", "params", "words"),
    [
        ("files.move", {"path": "/a", "to": "b"}, "an absolute path"),
        ("git.log", {"path": "/a", "ref": "-f"}, "without a dash in front"),
        ("git.stage", {"path": "/a", "files": ["a\0b"]}, "a path without NUL"),
        ("users.update", {"user": "a b"}, "1 to 64 letters"),
    ],
)
async def test_a_text_of_the_wrong_form_hears_of_its_own_form(
    whole: Installation, op: str, params: dict[str, Any], words: str
) -> None:
    given = params if op == "users.update" else {"node": whole.node, **params}
    with pytest.raises(OpError) as refused:
        await whole.client.op(op, **given)
    assert words in refused.value.problem["detail"]


async def test_a_wrong_method_hears_of_the_right_ones(whole: Installation) -> None:
    for path in ("/metrics", "/health"):
        async with whole.client.http.post(whole.url + path) as answer:
            assert "base_path" not in await answer.text()


async def test_a_slip_in_the_address_is_no_matter_of_set_up(whole: Installation) -> None:
    async with aiohttp.ClientSession() as stranger:
        for headers, is_told in (({}, False), ({"X-Forwarded-For": "10.0.0.1"}, True)):
            async with stranger.get(f"{whole.url}/sesions", headers=headers) as answer:
                assert ("base_path" in await answer.text()) == is_told


@pytest.mark.parametrize("path", ["/typo", "/typo/settings", "/typo/m/x", "/wp-login.php"])
async def test_a_stranger_at_a_wrong_address_reads_that_nothing_is_there(whole: Installation, path: str) -> None:
    looking = {"Accept": "text/html", "Sec-Fetch-Dest": "document"}
    async with aiohttp.ClientSession() as stranger:
        async with stranger.get(whole.url + path, headers=looking) as answer:
            assert (answer.status, answer.content_type) == (404, "text/html")
            text = await answer.text()
            assert "There is nothing at this address." in text
            assert '<a href="/">' in text
        async with stranger.get(whole.url + path) as answer:
            assert answer.status == 401, "a program learns nothing of what there is"


async def test_a_stranger_behind_a_proxy_that_is_not_set_up_reads_how_it_is(whole: Installation) -> None:
    looking = {"Accept": "text/html", "Sec-Fetch-Dest": "document", "X-Forwarded-For": "10.0.0.1"}
    async with (
        aiohttp.ClientSession() as stranger,
        stranger.get(f"{whole.url}/yard/settings", headers=looking) as answer,
    ):
        assert (answer.status, "base_path" in await answer.text()) == (401, True)


@pytest.mark.parametrize("name", ["a\nb", "a\x00b", "a\u202eb", "   ", "\u3164", "a\u2800"])
async def test_a_machine_gets_no_name_that_cannot_be_read(whole: Installation, name: str) -> None:
    with pytest.raises(OpError) as refused:
        await whole.op("nodes.rename", name=name)
    assert refused.value.problem["errors"][0]["path"] == "params.name"
    assert [node["name"] for node in (await whole.client.op("nodes.list"))["nodes"]] != [name]
