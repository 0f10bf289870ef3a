"""Transfers whose asker goes while the node still looks: nothing stays open, and nothing that had come is lost."""

import asyncio
import errno
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import pytest

from node.files import transfers
from node.files.guard import PathGuard
from node.files.partials import PartialKey
from node.files.pool import FilePool
from node.files.temporaries import Sweeper
from node.files.transfers import TransferServer
from node.files.uploading import Conditions, Upload
from tests.support.waiting import eventually
from ws.dial import DialError
from ws.protocol.base import LoginId, StreamId, UserId
from ws.protocol.envelope import Caller
from ws.protocol.errors import WireError
from ws.protocol.files import FilesPartialParams
from ws.protocol.transfers import ArchiveParams, DownloadParams, UploadParams
from ws.streams import RawSocket

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

CALLER = Caller(user=UserId("ada"), login=LoginId("l1"), role="owner")
UPLOAD = "u" * 16


class LatePool(FilePool):
    """With `is_late` its callers are cancelled when the work is done and they have not heard of it."""

    is_late = False

    async def run(
        self, work: Callable[Parameters, Result], *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> Result:
        result = await super().run(work, *args, **kwargs)
        if self.is_late:
            raise asyncio.CancelledError
        return result


class Yard:
    """A node's transfers below a folder with one file, and nobody who could be dialled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pool = LatePool()
        self.guard = PathGuard([folder], self.pool)
        self.file = folder / "a.bin"
        self.file.write_bytes(b"old")
        self.server = TransferServer(
            self.guard, self.pool, self._dial, max_read_bytes=4096, commit_lock=threading.Lock(), sweeper=Sweeper()
        )

    async def _dial(self, _key: str) -> RawSocket:
        raise DialError("nobody is there")

    async def keep(self, upload_id: str = UPLOAD, user: str = CALLER.user) -> Upload:
        """Five bytes, as of an upload that broke off."""
        claim = await self.server._partials.claim(PartialKey(UserId(user), str(self.file), upload_id), 0)
        upload = await asyncio.to_thread(self._made)
        self.server._partials.release(claim, upload, None)
        return upload

    def _made(self) -> Upload:
        path = str(self.file)
        upload = Upload(self.guard, path, Conditions(), max_read_bytes=4096, commit_lock=threading.Lock())
        upload.write([b"12345"])
        return upload

    async def upload(self, offset: int, upload_id: str = UPLOAD) -> None:
        params = UploadParams(
            **self._place(self.file), stream=StreamId("s1"), key="k", caller=CALLER, upload=upload_id, offset=offset
        )
        await self.server.upload(params)

    async def download(self) -> None:
        await self.server.download(
            DownloadParams(**self._place(self.file), stream=StreamId("s1"), key="k", caller=CALLER)
        )

    async def archive(self) -> None:
        await self.server.archive(
            ArchiveParams(**self._place(self.folder), stream=StreamId("s1"), key="k", caller=CALLER)
        )

    async def size(self) -> int:
        """Of what is kept."""
        return (await self.server.partial(CALLER, FilesPartialParams(**self._place(self.file), upload=UPLOAD))).size

    def has_open(self) -> bool:
        """Whether this process has anything of the folder open."""
        for each in Path("/proc/self/fd").iterdir():
            with suppress(FileNotFoundError):  # closed since
                if str(each.readlink()).startswith(str(self.folder)):
                    return True
        return False

    @staticmethod
    def _place(path: Path) -> dict[str, Any]:
        return {"node": "n1", "path": str(path)}


@pytest.fixture
async def yard(tmp_path: Path) -> AsyncIterator[Yard]:
    made = await asyncio.to_thread(Yard, tmp_path)
    yield made
    await made.server.close()
    made.pool.close()


@pytest.mark.parametrize("asked", [Yard.download, Yard.archive, lambda yard: yard.upload(0)])
async def test_what_is_ready_as_its_asker_goes_is_closed(yard: Yard, asked: Callable[[Yard], Awaitable[None]]) -> None:
    yard.pool.is_late = True
    with pytest.raises(asyncio.CancelledError):
        await asked(yard)
    await eventually(lambda: not yard.has_open(), what="its descriptors to be closed")


async def test_what_had_come_stays_when_the_one_who_goes_on_goes_at_once(yard: Yard) -> None:
    upload = await yard.keep()
    yard.pool.is_late = True
    with pytest.raises(asyncio.CancelledError):
        await yard.upload(5)
    yard.pool.is_late = False
    assert (await yard.size(), upload.is_closed) == (5, False)


async def test_what_had_come_goes_before_the_room_for_a_new_beginning_is_looked_at_and_not_for_a_refusal(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = await yard.keep()
    with monkeypatch.context() as crowded:
        crowded.setattr(transfers, "MAX_TRANSFERS", 0)
        with pytest.raises(WireError, match="too many transfers"):
            await yard.upload(0)
    assert await yard.size() == 5
    seen: list[bool] = []
    monkeypatch.setattr(Upload, "_check_room", lambda _: seen.append(upload.is_closed))
    await yard.upload(0)
    assert seen == [True]
    assert await yard.size() == 0


async def test_where_there_is_no_room_what_is_kept_of_the_same_person_goes_first(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    adas, bobs = await yard.keep("u" * 16), await yard.keep("v" * 16, "bob")

    def check_room(_: Upload) -> None:
        if not adas.is_closed:
            raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(Upload, "_check_room", check_room)
    await yard.upload(0, "w" * 16)
    assert (adas.is_closed, bobs.is_closed) == (True, False)
    assert await yard.size() == 0
    adas = bobs
    with pytest.raises(WireError, match="no room left"):
        await yard.upload(0, "x" * 16)
    assert not bobs.is_closed, "another's stays"
