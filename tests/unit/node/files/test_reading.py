"""files.read and files.stat: encodings, what is binary, etags, cutting."""

import codecs
import os

import pytest

from node.files.guard import PathGuard
from node.files.pool import FilePool
from node.files.reading import read
from tests.support.unprivileged import as_nobody, folder_for_nobody
from tests.unit.node.files.conftest import MAX_READ_BYTES, Files
from ws.protocol.errors import ErrorCode, WireError


@pytest.mark.parametrize(
    ("raw", "encoding"),
    [
        ("grün\r\n".encode(), "utf-8"),
        (codecs.BOM_UTF8 + "grün\r\n".encode(), "utf-8-sig"),
        (codecs.BOM_UTF16_LE + "grün\r\n".encode("utf-16-le"), "utf-16-le"),
        (codecs.BOM_UTF16_BE + "grün\r\n".encode("utf-16-be"), "utf-16-be"),
    ],
)
async def test_text_comes_without_its_mark_and_with_its_line_ends(files: Files, raw: bytes, encoding: str) -> None:
    (files.root / "f").write_bytes(raw)
    read = await files.read("f")
    assert (read.content, read.encoding, read.truncated, read.size) == ("grün\r\n", encoding, False, len(raw))


@pytest.mark.parametrize(
    "raw",
    [b"\x89PNG\r\n\x1a\n\0\0", b"caf\xe9", codecs.BOM_UTF32_LE + b"a\0\0\0", b"\x01\x02\x03\x04 text", b"a\0b"],
)
async def test_binary_is_unsupported_and_says_where_to_download_it(files: Files, raw: bytes) -> None:
    (files.root / "my file").write_bytes(raw)
    with pytest.raises(WireError) as refused:
        await files.read("my file")
    assert refused.value.code is ErrorCode.UNSUPPORTED
    assert f"/api/nodes/n/files/content?path={files.root}/my%20file" in refused.value.detail


async def test_an_empty_file_is_text(files: Files) -> None:
    (files.root / "f").touch()
    read = await files.read("f")
    assert (read.content, read.size, read.truncated) == ("", 0, False)


async def test_terminal_output_with_colours_is_text(files: Files) -> None:
    (files.root / "log").write_text("\x1b[31mred\x1b[0m\n" * 20)
    assert (await files.read("log")).encoding == "utf-8"


async def test_a_long_file_is_cut_between_characters_and_its_etag_matches_nothing(files: Files) -> None:
    (files.root / "f").write_text("x" + "ü" * MAX_READ_BYTES)
    read = await files.read("f")
    assert read.truncated
    assert read.content == "x" + "ü" * ((MAX_READ_BYTES - 1) // 2)
    assert read.size == 2 * MAX_READ_BYTES + 1
    with pytest.raises(WireError) as refused:
        await files.write("f", "short", if_match=read.etag)
    assert refused.value.code is ErrorCode.PRECONDITION_FAILED
    (files.root / "f").write_bytes((files.root / "f").read_bytes()[:MAX_READ_BYTES])
    with pytest.raises(WireError):  # also when only the part that was read is left
        await files.write("f", "short", if_match=read.etag)


async def test_a_file_of_exactly_the_limit_is_whole(files: Files) -> None:
    (files.root / "f").write_text("x" * MAX_READ_BYTES)
    assert not (await files.read("f")).truncated
    assert (await files.stat("f")).etag == (await files.read("f")).etag


async def test_stat_follows_a_link_and_names_its_target(files: Files) -> None:
    (files.root / "real").write_text("hello")
    (files.root / "link").symlink_to("real")
    (files.root / "folder").mkdir()
    link, real, folder = [await files.stat(name) for name in ("link", "real", "folder")]
    assert (link.type, link.target, link.size, link.etag) == ("file", "real", 5, real.etag)
    assert (real.target, real.name) == (None, "real")
    assert (folder.type, folder.etag) == ("directory", None)
    assert (await files.stat("")).type == "directory"


async def test_stat_of_a_file_over_the_limit_has_no_etag(files: Files) -> None:
    (files.root / "f").write_text("x" * (MAX_READ_BYTES + 1))
    assert (await files.stat("f")).etag is None


async def test_a_folder_and_a_pipe_are_not_read(files: Files) -> None:
    os.mkfifo(files.root / "pipe")
    for name, code in (("", ErrorCode.INVALID), ("pipe", ErrorCode.UNSUPPORTED)):
        with pytest.raises(WireError) as refused:
            await files.read(name)
        assert refused.value.code is code
    assert (await files.stat("pipe")).type == "other"


async def test_a_loop_of_links_is_not_found(files: Files) -> None:
    (files.root / "a").symlink_to("b")
    (files.root / "b").symlink_to("a")
    with pytest.raises(WireError) as refused:
        await files.read("a")
    assert refused.value.code is ErrorCode.NOT_FOUND


def test_a_file_that_the_account_may_not_read_is_forbidden() -> None:

    with folder_for_nobody() as folder:
        secret = folder / "secret"
        secret.write_text("x")
        secret.chmod(0)
        guard = PathGuard([folder], FilePool())

        def attempt() -> ErrorCode:
            with pytest.raises(WireError) as refused:
                read(guard, "n", str(secret), 100)
            return refused.value.code

        assert as_nobody(attempt) is ErrorCode.FORBIDDEN
