"""A folder with a fence around it, and the service over it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from node.files.acts import FileActs
from node.files.guard import PathGuard
from node.files.placing import Placer
from node.files.pool import FilePool
from node.files.service import FilesService
from node.files.temporaries import Sweeper
from node.files.trash import Trash
from ws.protocol.files import (
    Entry,
    FileParams,
    FilesDeleteParams,
    FilesListParams,
    FilesListResult,
    FilesMakeParams,
    FilesMoveParams,
    FilesReadResult,
    FilesRestoreParams,
    FilesStatResult,
    FilesWriteParams,
    FilesWriteResult,
)

MAX_READ_BYTES = 4096


@dataclass
class Files:
    """The service, asked in few words about paths relative to its root. The trash lies beside the root."""

    service: FilesService
    guard: PathGuard
    root: Path
    acts: FileActs

    @property
    def trash(self) -> Path:
        return self.root.parent / "trash"

    def path(self, name: str) -> str:
        return name if name.startswith("/") else str(self.root / name) if name else str(self.root)

    async def page(
        self, name: str = "", *, hidden: bool = True, limit: int = 500, cursor: str | None = None
    ) -> FilesListResult:
        return await self.service.list(
            FilesListParams(node="n", path=self.path(name), hidden=hidden, limit=limit, cursor=cursor)
        )

    async def all(self, name: str = "", *, limit: int) -> list[Entry]:
        found: list[Entry] = []
        cursor: str | None = None
        while True:
            page = await self.page(name, limit=limit, cursor=cursor)
            found += page.entries
            cursor = page.next_cursor
            if cursor is None:
                return found

    async def stat(self, name: str) -> FilesStatResult:
        return await self.service.stat(FileParams(node="n", path=self.path(name)))

    async def read(self, name: str) -> FilesReadResult:
        return await self.service.read(FileParams(node="n", path=self.path(name)))

    async def write(
        self, name: str, content: str, *, if_match: str | None = None, create: bool = False
    ) -> FilesWriteResult:
        return await self.service.write(
            FilesWriteParams(node="n", path=self.path(name), content=content, if_match=if_match, create=create)
        )

    async def make(self, name: str, *, parents: bool = False) -> str:
        return (await self.acts.make(FilesMakeParams(node="n", path=self.path(name), parents=parents))).path

    async def move(self, name: str, to: str, *, replace: bool = False) -> str:
        params = FilesMoveParams(node="n", path=self.path(name), to=self.path(to), replace=replace)
        return (await self.acts.move(params)).path

    async def copy(self, name: str, to: str, *, replace: bool = False) -> str:
        params = FilesMoveParams(node="n", path=self.path(name), to=self.path(to), replace=replace)
        return (await self.acts.copy(params)).path

    async def delete(self, name: str, *, permanent: bool = False) -> str | None:
        return (await self.acts.delete(FilesDeleteParams(node="n", path=self.path(name), permanent=permanent))).trash

    async def restore(self, trash: str) -> str:
        return (await self.acts.restore(FilesRestoreParams(node="n", trash=trash))).path


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Files]:
    root = tmp_path / "root"
    root.mkdir()
    pool = FilePool()
    guard = PathGuard([root], pool)
    acts = FileActs(Placer(guard, Trash(tmp_path / "trash"), Sweeper()), pool)
    yield Files(FilesService(guard, pool, max_read_bytes=MAX_READ_BYTES), guard, root, acts)
    pool.close()
