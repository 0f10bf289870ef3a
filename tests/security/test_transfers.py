"""Attacks on transfers: a node that lies, names that break headers, callers without the right, swapped links."""

import asyncio
import contextlib
import json
import threading
import time
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import msgspec
import pytest

from node.files import archive
from node.files.archive import Archive
from node.files.contents import OpenFile
from node.files.guard import PathGuard
from node.files.pool import FilePool
from node.files.uploading import Conditions, Upload
from tests.support.fake_node import FakeNode
from tests.support.main_app import RunningMain
from tests.support.waiting import eventually
from ws.dial import complete_url
from ws.protocol.errors import ErrorCode, WireError
from ws.rpc import Answer, IncomingCall
from ws.streams import Kind, Records, StreamCutError, dial_raw

Serve = Callable[[Records], Awaitable[None]]
SECRET = b"the secret outside"
TAG = "abc"


class LyingNode:
    """Answers `link.download`, `link.upload` and `link.archive` with `facts`, dials back and does as `serve` says."""

    def __init__(self, main: RunningMain, serve: Serve, facts: dict[str, Any] | None = None) -> None:
        self.main = main
        self.serve = serve
        self.facts = facts or {"size": 10, "etag": TAG, "modified_s": 0}
        self.asked: list[IncomingCall] = []
        self.tasks: list[asyncio.Task[None]] = []

    @contextlib.asynccontextmanager
    async def online(self) -> AsyncIterator[str]:
        methods = ("link.download", "link.upload", "link.archive")
        token = self.main.main.registry.tokens.shown
        async with FakeNode(self.main.url, "liar", token, dict.fromkeys(methods, self._answer)).online():
            yield "liar"
        for task in self.tasks:
            task.cancel()
        if self.tasks:
            await asyncio.wait(self.tasks)

    async def _answer(self, call: IncomingCall) -> Answer:
        self.asked.append(call)
        key = json.loads(call.params)["key"]
        self.tasks.append(asyncio.get_running_loop().create_task(self._dial(key), name="lying node"))
        return msgspec.json.encode(self.facts)

    async def _dial(self, key: str) -> None:
        raw = await dial_raw(complete_url(self.main.url, "/ws/stream"), {"Authorization": f"Bearer {key}"})
        records = Records(raw)
        with contextlib.suppress(StreamCutError):
            await self.serve(records)
            await records.wait_ended()
        records.abort()


async def get(main: RunningMain, token: str, what: str = "content", **headers: str) -> tuple[int, Any, bytes | None]:
    """Status, headers, and the body, or None when the connection was cut before its end."""
    url = f"{main.url}/api/nodes/liar/files/{what}?path=/x"
    async with main.http() as http, http.get(url, headers={"Authorization": f"Bearer {token}", **headers}) as answer:
        try:
            return answer.status, answer.headers, await answer.read()
        except aiohttp.ClientPayloadError:
            return answer.status, answer.headers, None


async def nothing(_: Records) -> None:
    """Dial and be silent."""


def sends(*records: tuple[Kind, bytes]) -> Serve:
    async def serve(stream: Records) -> None:
        await stream.receive(10)
        for kind, payload in records:
            stream.write(kind, payload)
        await stream.finish(5)

    return serve


ERROR = msgspec.json.encode({"code": "not_found", "detail": "gone", "retryable": False})


@pytest.mark.parametrize(
    "records",
    [
        [(Kind.DATA, b"12345")],
        [(Kind.DATA, b"12345"), (Kind.END, b"{}")],
        [(Kind.DATA, b"12345"), (Kind.ERROR, ERROR)],
        [(Kind.DATA, b"12345"), (Kind.ERROR, b"no json")],
        [(Kind.DATA, b"12345"), (Kind.READY, b"{}")],
        [(Kind.DATA, b"12345678901"), (Kind.END, b"{}")],
        [(Kind.DATA, b"1234567890"), (Kind.DATA, b"1"), (Kind.END, b"{}")],
        [(Kind.DATA, b"1234567890")],
    ],
)
async def test_a_node_that_sends_other_than_it_announced_never_looks_whole(
    main: RunningMain, records: list[tuple[Kind, bytes]]
) -> None:
    token = await main.token()
    async with LyingNode(main, sends(*records)).online():
        status, headers, body = await get(main, token)
    # What is whole by the length that was announced cannot be taken back; not a byte more comes.
    assert (status, headers["Content-Length"]) == (200, "10")
    assert body in (None, b"1234567890")
    assert body is None or b"".join(each for kind, each in records if kind is Kind.DATA).startswith(body)
    assert await eventually(lambda: len(main.main.transfers) == 0, what="the end of the transfer")


async def test_an_archive_that_is_cut_never_looks_whole(main: RunningMain) -> None:
    token = await main.token()

    async def serve(stream: Records) -> None:
        stream.write(Kind.READY, b'{"entries":1,"size":5}')
        stream.write(Kind.DATA, b"PK half")
        stream.write(Kind.ERROR, ERROR)
        await stream.finish(5)

    async with LyingNode(main, serve, {}).online():
        status, _, body = await get(main, token, "archive")
    assert (status, body) == (200, None)


@pytest.mark.parametrize(
    "facts",
    [
        {"size": 1, "etag": 'x"\r\nSet-Cookie: a=b', "modified_s": 0},
        {"size": 1, "etag": "x\n", "modified_s": 0},
        {"size": -1, "etag": TAG, "modified_s": 0},
        {"size": 2**63, "etag": TAG, "modified_s": 0},
        {"size": "1", "etag": TAG, "modified_s": 0},
        {"size": 1},
        ["what"],
    ],
)
async def test_a_node_writes_no_header(main: RunningMain, facts: Any) -> None:
    token = await main.token()
    async with LyingNode(main, nothing, facts).online():
        status, headers, _ = await get(main, token)
    assert status == 503
    assert "Set-Cookie" not in headers


async def test_a_node_does_not_choose_the_status(main: RunningMain) -> None:
    token = await main.token()
    async with LyingNode(main, sends((Kind.ERROR, ERROR))).online():
        status, headers, body = await get(main, token)
    assert (status, headers["Content-Type"]) == (404, "application/problem+json")
    assert b"gone" in (body or b"")


@pytest.mark.parametrize("path", ['/a"b', "/a\r\nSet-Cookie: x=y", "/a\nb", "/\u202egpj.exe", "/\ud83d\ude00", "/;x=y"])
async def test_a_name_breaks_no_header(main: RunningMain, path: str) -> None:
    token = await main.token()
    text = path.encode("utf-16", "surrogatepass").decode("utf-16")
    url = f"{main.url}/api/nodes/liar/files/content?path={quote(text)}"
    headers = {"Authorization": f"Bearer {token}"}
    async with LyingNode(main, nothing).online(), main.http() as http, http.head(url, headers=headers) as answer:
        assert answer.status == 200
        assert "Set-Cookie" not in answer.headers
        assert answer.headers["Content-Disposition"].startswith('attachment; filename="')
        assert answer.headers["Content-Disposition"].isascii()


async def test_who_may_only_look_uploads_nothing(main: RunningMain) -> None:
    node = LyingNode(main, nothing)
    await main.add_user("vera", "viewer")
    await main.add_user("eve", "member", {"other": "member"})
    async with node.online(), main.http() as http:
        url = f"{main.url}/api/nodes/liar/files/content?path=/x"
        # Whom the machine is not shared with does not even learn that there is one.
        for name, status in (("vera", 403), ("eve", 404)):
            async with http.put(
                url, data=b"evil", headers={"Authorization": f"Bearer {await main.token(name)}"}
            ) as got:
                assert got.status == status
        for what in ("content", "archive"):
            assert (await get(main, await main.token("eve"), what))[0] == 404
        assert node.asked == []
        async with http.head(url, headers={"Authorization": f"Bearer {await main.token('vera')}"}) as answer:
            assert answer.status == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", None, "http://127.0.0.1:1"])
async def test_a_foreign_page_uploads_nothing(main: RunningMain, origin: str | None) -> None:
    node = LyingNode(main, nothing, {})
    token = await main.token()
    headers = {"Cookie": f"switchyard_{main.port}={token}", **({} if origin is None else {"Origin": origin})}
    async with node.online(), main.http() as http:
        url = f"{main.url}/api/nodes/liar/files/content?path=/x"
        async with http.put(url, data=b"evil", headers=headers) as answer:
            assert answer.status == 403
            assert "Access-Control-Allow-Origin" not in answer.headers
        async with http.options(url, headers=headers) as answer:
            assert answer.status in (400, 401, 403, 405)
    assert node.asked == []


async def test_the_rest_of_an_upload_is_not_sent_to_a_node_that_cannot_go_on(main: RunningMain) -> None:
    got: list[Kind] = []

    async def serve(stream: Records) -> None:
        got.append((await stream.receive(10)).kind)

    token = await main.token()
    url = f"{main.url}/api/nodes/liar/files/content?path=/x&upload={'u' * 16}&offset=5"
    async with (
        LyingNode(main, serve).online(),  # as one before this was known
        main.http() as http,
        http.put(url, data=b"rest", headers={"Authorization": f"Bearer {token}"}) as answer,
    ):
        assert (answer.status, (await answer.json(content_type=None))["code"]) == (501, "unsupported")
    assert got == []


async def test_what_runs_ends_with_the_access(main: RunningMain) -> None:
    async def serve(stream: Records) -> None:
        if (await stream.receive(10)).kind is Kind.ASK:
            stream.write(Kind.DATA, b"12345")
        await stream.wait_ended()

    async with LyingNode(main, serve).online(), main.client() as victim:
        url = f"{main.url}/api/nodes/liar/files/content?path=/x"

        async def endless() -> AsyncIterator[bytes]:
            yield b"x"
            await asyncio.Event().wait()

        async def upload() -> None:
            async with victim.http.put(url, data=endless(), headers=victim.headers) as answer:
                await answer.read()

        uploading = asyncio.get_running_loop().create_task(upload(), name="upload")
        async with victim.http.get(url, headers=victim.headers) as answer:
            assert await answer.content.readexactly(5) == b"12345"
            assert await eventually(lambda: len(main.main.transfers) == 2, what="both transfers")
            await victim.post("/api/auth/logout", {})
            async with asyncio.timeout(1):
                with pytest.raises(aiohttp.ClientError):
                    await answer.read()
                with pytest.raises((aiohttp.ClientError, ConnectionError)):
                    await uploading
        assert await eventually(lambda: len(main.main.transfers) == 0, what="the end of both")


async def test_a_node_that_goes_takes_its_transfers_with_it(main: RunningMain) -> None:
    async def serve(stream: Records) -> None:
        await stream.receive(10)
        stream.write(Kind.DATA, b"12345")
        await stream.wait_ended()

    token = await main.token()
    url = f"{main.url}/api/nodes/liar/files/content?path=/x"
    async with main.http() as http:
        async with LyingNode(main, serve).online():
            answer = await http.get(url, headers={"Authorization": f"Bearer {token}"})
            assert await answer.content.readexactly(5) == b"12345"
        with pytest.raises(aiohttp.ClientError):
            await asyncio.wait_for(answer.read(), 5)


async def test_one_user_does_not_take_all_there_is(main: RunningMain) -> None:
    async def serve(stream: Records) -> None:
        await stream.wait_ended()

    token = await main.token()
    url = f"{main.url}/api/nodes/liar/files/content?path=/x"
    headers = {"Authorization": f"Bearer {token}"}
    async with LyingNode(main, serve).online(), aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        loop = asyncio.get_running_loop()

        async def wait_for_it() -> None:
            await http.get(url, headers=headers)

        waiting = [loop.create_task(wait_for_it(), name="get") for _ in range(24)]
        assert await eventually(lambda: len(main.main.transfers) == 24, what="the first ones")
        async with http.get(url, headers=headers) as answer:
            assert answer.status == 429
            assert "Retry-After" in answer.headers
        for each in waiting:
            each.cancel()
        await asyncio.wait(waiting)
        assert await eventually(lambda: len(main.main.transfers) == 0, what="their end")


@pytest.fixture
def fence(tmp_path: Path) -> Path:
    (tmp_path / "root" / "folder").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_bytes(SECRET)
    return tmp_path


@contextlib.contextmanager
def swapping(place: Path, target: Path) -> Any:
    """Another thread makes `place` a folder with a file, and a link to `target`, in turn, as fast as it can."""
    is_over = threading.Event()

    def swap() -> None:
        while not is_over.is_set():
            with contextlib.suppress(OSError):
                place.rename(place.with_name("aside"))
                place.symlink_to(target)
                place.unlink()
                place.with_name("aside").rename(place)

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


@pytest.mark.may_block("the attack runs in threads, no loop is there")
def test_a_folder_that_is_swapped_for_a_link_leads_nowhere(fence: Path) -> None:
    inside = fence / "root" / "folder"
    (inside / "secret").write_bytes(b"harmless")
    pool = FilePool()
    guard = PathGuard([fence / "root"], pool)
    lock = threading.Lock()
    seen: set[bytes] = set()
    tried = 0
    with swapping(inside, fence / "outside"):
        until = time.monotonic() + 1.5
        while time.monotonic() < until:
            tried += 1
            with contextlib.suppress(WireError):
                file = OpenFile(guard, str(inside / "secret"), 4096)
                seen.add(file.read(0, file.size))
                file.close()
            with contextlib.suppress(WireError):
                upload = Upload(guard, str(inside / "new"), Conditions(), max_read_bytes=4096, commit_lock=lock)
                upload.write([b"evil"])
                with contextlib.suppress(WireError):
                    upload.commit()
                upload.close()
            with contextlib.suppress(WireError, FileNotFoundError):
                seen.update(_packed(guard, fence))
    pool.close()
    assert tried > 20
    assert seen == {b"harmless"}
    assert [each.name for each in (fence / "outside").iterdir()] == ["secret"]


def _packed(guard: PathGuard, fence: Path) -> set[bytes]:
    zipped = fence / "out.zip"
    made = Archive(guard, str(fence / "root"), None, lambda: True)
    try:
        with zipped.open("wb") as file:
            made.pack(file)
    finally:
        made.close()
    with zipfile.ZipFile(zipped) as packed:
        return {packed.read(name) for name in packed.namelist() if name.endswith("/secret")}


@pytest.mark.may_block("no loop is there")
def test_an_archive_beyond_the_bounds_is_refused_before_it_begins(fence: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in range(5):
        (fence / "root" / f"{name}").write_bytes(b"x" * 100)
    pool = FilePool()
    guard = PathGuard([fence / "root"], pool)
    for bound, value in (("MAX_ENTRIES", 5), ("MAX_BYTES", 499)):
        with monkeypatch.context() as patched:
            patched.setattr(archive, bound, value)
            made = Archive(guard, str(fence / "root"), None, lambda: True)
            with pytest.raises(WireError) as refused:
                made.count()
            assert refused.value.code is ErrorCode.TOO_LARGE
            made.close()
    pool.close()
