"""Attacks on uploads that go on: names, offsets, other people's, places that change meanwhile, too many of them."""

import asyncio
import contextlib
import io
import os
import secrets
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from node.files.partials import MAX_OF_USER
from tests.support.client import Client
from tests.support.installation import Installation, installed
from tests.support.waiting import eventually
from tests.system.test_api_people import code, person, share
from tests.system.test_api_transfers import Answered, names, parsed, url
from tests.system.test_bad_transfers import node_pid, opened

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("kept uploads")]

CONTENT = os.urandom(3 << 20)
SENT = 2 << 20


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def whole(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installation]:
    async with installed(tmp_path_factory.mktemp("home")) as installation:
        yield installation


@pytest.fixture
def folder(whole: Installation) -> Path:
    made = whole.work / secrets.token_hex(4)
    made.mkdir()
    return made


async def put_by(
    client: Client, whole: Installation, path: Path, body: Any, headers: dict[str, str] | None = None, **query: Any
) -> Answered:
    """PUT by somebody, on a connection of its own."""
    given = {"path": str(path), **{name: str(value) for name, value in query.items()}}
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as http,
        http.put(
            url(whole),
            params=given,
            data=io.BytesIO(body) if isinstance(body, bytes) else body,
            headers={**client.headers, **(headers or {})},
        ) as answer,
    ):
        return Answered(answer, await answer.read())


def held(whole: Installation, folder: Path) -> list[int]:
    """Sizes of the files that the node has open in the folder."""
    found = []
    for each in Path(f"/proc/{node_pid(whole)}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed since
            if str(each.readlink()).startswith(f"{folder}/"):
                found.append(each.stat().st_size)
    return found


async def broken(client: Client, whole: Installation, path: Path, upload: str) -> int:
    """Begin an upload of CONTENT that breaks off; how much of it is there."""

    async def body() -> AsyncIterator[bytes]:
        yield CONTENT[:SENT]
        await asyncio.Event().wait()

    before = len(held(whole, path.parent))
    announced = {"Content-Length": str(len(CONTENT))}
    sending = asyncio.get_running_loop().create_task(
        put_by(client, whole, path, body(), announced, upload=upload), name="upload"
    )

    def has_come() -> bool:
        sizes = held(whole, path.parent)
        return len(sizes) > before and min(sizes) >= SENT // 2

    await eventually(has_come, what="a first part at the node")
    sending.cancel()
    await asyncio.wait({sending})
    return await kept(client, whole, path, upload)


async def kept(client: Client, whole: Installation, path: Path, upload: str) -> int:
    return int((await client.op("files.partial", node=whole.node, path=str(path), upload=upload))["size"])


async def all_closed(whole: Installation, folder: Path) -> None:
    await eventually(lambda: not opened(node_pid(whole), folder), what="the node to have nothing of it open")


NUMBER = "params.offset: Expected `str` that is a number of bytes in up to 18 digits."
NAME = "params.upload: Expected `str` that is 16 to 64 letters, digits, _ or -."


BAD: list[tuple[dict[str, Any], str]] = [
    *(({"upload": name}, NAME) for name in ("", "a" * 15, "a" * 65, "../../../../etc/passwd", "\u0430" * 20)),
    *(({"upload": "a" * 16 + end}, NAME) for end in ("\n", "\0", " ", "/")),
    ({"upload": "x" * 10_000}, "This is not a request that Main can read: Got more than 8192 bytes"),
    *(
        ({"upload": "a" * 16, "offset": number}, NUMBER)
        for number in ("-1", "+1", " 1", "1\n", "1e3", "1_0", "0x10", "NaN", "", "\u0663", "9" * 19, "9" * 5000)
    ),
    ({"offset": "1"}, "params.offset is for an upload that has an id: give `upload` too."),
]


async def test_a_bad_name_or_number_is_one_sentence(whole: Installation, folder: Path) -> None:
    for query, detail in BAD:
        refused = await put_by(whole.client, whole, folder / "a.bin", b"evil", **query)
        assert (refused.status, refused.code) == (400, "invalid"), query
        assert parsed(refused.body)["detail"].startswith(detail), query
    assert names(folder) == []
    assert opened(node_pid(whole), folder) == []


async def test_no_offset_that_is_not_there_is_taken(whole: Installation, folder: Path) -> None:
    upload, path = secrets.token_hex(16), folder / "a.bin"
    for offset in (1, 2**31, 2**53 + 1, 10**18 - 1):
        refused = await put_by(whole.client, whole, path, b"evil", upload=upload, offset=offset)
        assert (refused.status, refused.code) == (409, "conflict")
        assert "0 bytes are here" in parsed(refused.body)["detail"]
    assert names(folder) == []
    await all_closed(whole, folder)


async def test_no_path_leads_out(whole: Installation, folder: Path, tmp_path: Path) -> None:
    (folder / "out").symlink_to(tmp_path)
    for path in (tmp_path / "a", folder / "out" / "a", whole.home / ".switchyard" / "a", Path("/proc/self/mem")):
        upload = secrets.token_hex(16)
        refused = await put_by(whole.client, whole, path, CONTENT, upload=upload)
        assert (refused.status, refused.code) == (403, "forbidden")
        assert await kept(whole.client, whole, path, upload) == 0
    assert names(tmp_path) == []
    await all_closed(whole, folder)


def mislead(path: Path, outside: Path) -> None:
    path.symlink_to(outside / "a.bin")


def block(path: Path, _: Path) -> None:
    path.mkdir()


def hang(path: Path, _: Path) -> None:
    os.mkfifo(path)


@pytest.mark.parametrize("take", [mislead, block, hang])
async def test_what_has_taken_the_place_of_the_file_stays(
    whole: Installation, folder: Path, tmp_path: Path, take: Callable[[Path, Path], None]
) -> None:
    upload, path = secrets.token_hex(16), folder / "a.bin"
    there = await broken(whole.client, whole, path, upload)
    take(path, tmp_path)
    before = path.lstat().st_mode
    async with asyncio.timeout(10):
        refused = await put_by(whole.client, whole, path, CONTENT[there:], upload=upload, offset=there)
    assert (refused.status, refused.code) == (409, "conflict")
    assert parsed(refused.body)["detail"].endswith("is a folder or a special file; give the file another name.")
    assert (path.lstat().st_mode, names(tmp_path), names(folder)) == (before, [], ["a.bin"])
    await whole.op("files.partial", path=str(path), upload=upload, discard=True)
    await all_closed(whole, folder)


async def test_a_folder_that_was_moved_out_or_swapped_gets_nothing_and_its_successor_neither(
    whole: Installation, folder: Path, tmp_path: Path
) -> None:
    for way in ("moved", "swapped", "deleted"):
        inner, outside = folder / way, tmp_path / way
        inner.mkdir()
        upload, path = secrets.token_hex(16), inner / "a.bin"
        there = await broken(whole.client, whole, path, upload)
        if way == "deleted":
            inner.rmdir()
        else:
            inner.rename(outside)
        if way == "swapped":
            outside.mkdir(exist_ok=True)
            inner.symlink_to(outside)
        refused = await put_by(whole.client, whole, path, CONTENT[there:], upload=upload, offset=there)
        assert (refused.status, refused.code) in {(403, "forbidden"), (404, "not_found"), (409, "conflict")}, way
        assert parsed(refused.body)["detail"]
        assert not outside.exists() or names(outside) == []
        await whole.op("files.partial", path=str(path), upload=upload, discard=True)
    await all_closed(whole, folder)


async def test_of_two_that_go_on_at_once_one_file_comes_whole(whole: Installation, folder: Path) -> None:
    upload, path = secrets.token_hex(16), folder / "a.bin"
    there = await broken(whole.client, whole, path, upload)

    async def go_on() -> int:
        try:
            return (await put_by(whole.client, whole, path, CONTENT[there:], upload=upload, offset=there)).status
        except aiohttp.ClientError:
            return 0  # cut by the other one

    async with asyncio.TaskGroup() as group:
        both = [group.create_task(go_on()) for _ in range(4)]
    assert {each.result() for each in both} <= {0, 200, 201, 409, 503}
    if not path.exists():
        there = await kept(whole.client, whole, path, upload)
        assert (await put_by(whole.client, whole, path, CONTENT[there:], upload=upload, offset=there)).status == 201
    assert path.read_bytes() == CONTENT
    assert names(folder) == ["a.bin"]
    await all_closed(whole, folder)


async def test_the_ninth_makes_the_oldest_go_and_takes_nothing_of_anybody_else(
    whole: Installation, folder: Path
) -> None:
    uploads = [secrets.token_hex(16) for _ in range(MAX_OF_USER + 1)]
    async with person(whole, "mel", "member", here="member") as (_, mel):
        hers = secrets.token_hex(16)
        await broken(mel, whole, folder / "hers", hers)
        for number, upload in enumerate(uploads):
            await broken(whole.client, whole, folder / f"{number}", upload)
        there = [await kept(whole.client, whole, folder / f"{n}", upload) for n, upload in enumerate(uploads)]
        assert [bool(size) for size in there] == [False] + [True] * MAX_OF_USER
        assert await kept(mel, whole, folder / "hers", hers)
        for number, upload in enumerate(uploads):
            await whole.op("files.partial", path=str(folder / f"{number}"), upload=upload, discard=True)
        await mel.op("files.partial", node=whole.node, path=str(folder / "hers"), upload=hers, discard=True)
    await all_closed(whole, folder)
    assert names(folder) == []


async def test_whoever_loses_the_right_does_not_go_on(whole: Installation, folder: Path) -> None:
    upload, path = secrets.token_hex(16), folder / "a.bin"
    asked = {"node": whole.node, "path": str(path), "upload": upload}
    async with person(whole, "mia", "member", here="member") as (user, mia):
        there = await broken(mia, whole, path, upload)
        for role, status in (("viewer", 403), (None, 404)):
            await share(whole, user, role)
            refused = await put_by(mia, whole, path, CONTENT[there:], upload=upload, offset=there)
            assert refused.status == status
            assert await code(mia.op("files.partial", **asked)) == refused.code
            assert await code(mia.op("files.partial", **asked, discard=True)) == refused.code
        assert names(folder) == []
        await share(whole, user, "member")
        assert await kept(mia, whole, path, upload) == there
        made = await mia.op("tokens.create", name="reader", scopes=["read"])
        async with Client(whole.url) as program:
            program.token = made["secret"]
            assert await code(program.op("files.partial", **asked, discard=True)) == "forbidden"
            refused = await put_by(program, whole, path, CONTENT[there:], upload=upload, offset=there)
            assert (refused.status, refused.code) == (403, "forbidden")
        assert await kept(mia, whole, path, upload) == there
        done = await put_by(mia, whole, path, CONTENT[there:], upload=upload, offset=there)
        assert (done.status, path.read_bytes() == CONTENT) == (201, True)
    await all_closed(whole, folder)


async def test_a_share_that_is_taken_back_in_the_midst_cuts_it(whole: Installation, folder: Path) -> None:
    upload, path = secrets.token_hex(16), folder / "a.bin"
    goes_on = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield CONTENT[:SENT]
        await goes_on.wait()
        yield CONTENT[SENT:]

    async with person(whole, "mo", "member", here="member") as (user, mo):
        announced = {"Content-Length": str(len(CONTENT))}
        sending = asyncio.get_running_loop().create_task(
            put_by(mo, whole, path, body(), announced, upload=upload), name="upload"
        )
        await eventually(lambda: any(size >= SENT // 2 for size in held(whole, folder)), what="a first part")
        await share(whole, user, None)
        goes_on.set()
        with pytest.raises(aiohttp.ClientError):
            await asyncio.wait_for(sending, 5)
        assert names(folder) == []
    assert path.exists() is False
