"""How many uploads that broke off are kept, for how long, and who may go on with them."""

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from node.files import partials
from node.files.guard import PathGuard
from node.files.partials import PartialKey, Partials
from node.files.pool import FilePool
from node.files.uploading import Conditions, Upload
from tests.support.waiting import eventually
from ws.protocol.base import UserId
from ws.protocol.errors import ErrorCode, WireError
from ws.protocol.transfers import Uploaded


class Yard:
    """Uploads below a folder, kept as after a break."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pool = FilePool()
        self.guard = PathGuard([folder], self.pool)
        self.partials = Partials()

    def _made(self, key: PartialKey) -> Upload:
        upload = Upload(self.guard, key.path, Conditions(), max_read_bytes=4096, commit_lock=threading.Lock())
        upload.write([b"12345"])
        return upload

    def key(self, name: str, user: str = "ada") -> PartialKey:
        return PartialKey(UserId(user), str(self.folder / name), "u" * 16)

    async def broken(self, key: PartialKey) -> Upload:
        claim = await self.partials.claim(key, 0)
        upload = await self.pool.run(self._made, key)
        self.partials.release(claim, upload, None)
        return upload

    async def size(self, key: PartialKey) -> int:
        return (await self.partials.state(key)).size


@pytest.fixture
async def yard(tmp_path: Path) -> AsyncIterator[Yard]:
    made = await asyncio.to_thread(Yard, tmp_path)
    yield made
    made.partials.close()
    made.pool.close()


async def is_closed(upload: Upload) -> None:
    await eventually(lambda: upload.is_closed, what="its descriptors to be closed")


async def test_the_oldest_of_a_user_goes_first_and_others_keep_theirs(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partials, "MAX_OF_USER", 2)
    monkeypatch.setattr(partials, "MAX_KEPT", 3)
    bobs = yard.key("a", "bob")
    kept = [await yard.broken(key) for key in (bobs, yard.key("a"), yard.key("b"), yard.key("c"))]
    await is_closed(kept[1])
    assert [await yard.size(key) for key in (bobs, yard.key("a"), yard.key("b"), yard.key("c"))] == [5, 0, 5, 5]
    await yard.broken(yard.key("a", "eve"))
    await is_closed(kept[2])  # of whoever has the most, the oldest
    assert [await yard.size(key) for key in (bobs, yard.key("b"), yard.key("c"))] == [5, 0, 5]
    assert list(yard.folder.iterdir()) == []


async def test_it_is_forgotten_after_a_time_and_when_the_node_stops(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    stays = await yard.broken(yard.key("a"))
    monkeypatch.setattr(partials, "KEEP_S", 0.01)
    goes = await yard.broken(yard.key("b"))
    await is_closed(goes)
    assert (await yard.size(yard.key("a")), await yard.size(yard.key("b"))) == (5, 0)
    yard.partials.close()
    await is_closed(stays)
    late = await yard.broken(yard.key("c"))
    await is_closed(late)


async def test_one_at_a_time_works_on_it(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    key = yard.key("a")
    upload = await yard.broken(key)
    first = await yard.partials.claim(key, 5)
    assert first.kept is upload

    def cut() -> None:
        asyncio.get_running_loop().call_soon(yard.partials.release, first, upload, None)

    first.cut = cut
    second = await yard.partials.claim(key, 5)
    assert second.kept is upload
    assert first.is_unwanted
    monkeypatch.setattr(partials, "END_S", 0.01)
    with pytest.raises(WireError) as refused:  # the second does not end
        await yard.partials.claim(key, 5)
    assert (refused.value.code, refused.value.data.retryable) == (ErrorCode.CONFLICT, True)
    yard.partials.release(second, upload, Uploaded(etag="abc", size=5, path="/a"))
    await is_closed(upload)
    state = await yard.partials.state(key)
    assert (state.size, state.etag) == (5, "abc")


async def test_what_failed_is_not_gone_on_with(yard: Yard) -> None:
    key = yard.key("a")
    upload = await yard.broken(key)
    await yard.pool.run(upload.close)
    assert await yard.size(key) == 0
    with pytest.raises(WireError) as refused:
        await yard.partials.claim(key, 5)
    assert refused.value.code is ErrorCode.CONFLICT
    with pytest.raises(WireError):
        await yard.pool.run(upload.go_on, Conditions())
