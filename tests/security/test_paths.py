"""Attacks on paths: traversal, links, races, odd forms. No file operation reaches anything outside the roots."""

import asyncio
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from node.files.guard import PathGuard
from node.files.pool import FilePool
from node.files.service import FilesService
from tests.security.closed import SECRET, Fence, make_fence, swapped
from ws.protocol.errors import ErrorCode, WireError
from ws.protocol.files import FileParams, FilesListParams, FilesWriteParams


@dataclass
class FilesFence(Fence):
    """And what reads and writes there."""

    service: FilesService

    async def refusals(self, path: str) -> set[ErrorCode]:
        """What list, stat, read, write and resolve_directory say to `path`; each must refuse."""
        calls = (
            lambda: self.service.list(FilesListParams(node="n", path=path)),
            lambda: self.service.stat(FileParams(node="n", path=path)),
            lambda: self.service.read(FileParams(node="n", path=path)),
            lambda: self.service.write(FilesWriteParams(node="n", path=path, content="evil", create=True)),
            lambda: self.guard.resolve_directory(path),
        )
        codes = set()
        for call in calls:
            with pytest.raises(WireError) as refused:
                await call()
            assert SECRET not in refused.value.detail
            codes.add(refused.value.code)
        return codes


@pytest.fixture
def fence(tmp_path: Path) -> Iterator[FilesFence]:
    root, outside = make_fence(tmp_path)
    pool = FilePool()
    guard = PathGuard([root], pool)
    yield FilesFence(guard, root, outside, FilesService(guard, pool, max_read_bytes=4096))
    pool.close()


@pytest.mark.parametrize(
    "path",
    [
        "{outside}/secret",
        "{root}/../outside/secret",
        "{root}/folder/../../outside/secret",
        "{root}/missing/../../outside/secret",
        "{root}//..//outside/secret",
        "{root}/./../outside/new",
        "{root}-evil/f",
        "/etc/passwd",
        "/",
        "//etc/passwd",
        "/proc/self/environ",
        "/proc/self/root/etc/passwd",
        "/dev/null",
    ],
)
async def test_a_path_outside_the_roots_is_forbidden_whether_it_exists_or_not(fence: FilesFence, path: str) -> None:
    assert await fence.refusals(path.format(root=fence.root, outside=fence.outside)) == {ErrorCode.FORBIDDEN}
    assert fence.is_untouched()


@pytest.mark.parametrize(
    "target", ["{outside}/secret", "../outside/secret", "{outside}", "{outside}/not-made-yet", "../../../../etc/passwd"]
)
async def test_a_link_out_of_the_roots_is_forbidden(fence: FilesFence, target: str) -> None:
    (fence.root / "link").symlink_to(target.format(outside=fence.outside))
    (fence.root / "second").symlink_to("link")
    for name in ("link", "second"):
        assert await fence.refusals(str(fence.root / name)) == {ErrorCode.FORBIDDEN}
    assert fence.is_untouched()


async def test_a_folder_on_the_way_that_is_a_link_out_is_forbidden(fence: FilesFence) -> None:
    (fence.root / "way").symlink_to(fence.outside)
    for name in ("way/secret", "way/new", "way/missing/new", "way/../outside/secret"):
        assert await fence.refusals(str(fence.root / name)) == {ErrorCode.FORBIDDEN}
    assert fence.is_untouched()


@pytest.mark.parametrize(
    "path",
    [
        "relative",
        "./x",
        "../etc/passwd",
        "~/x",
        "{root}/a\0b",
        "{root}/" + "a" * 256,
        "{root}" + "/a" * 2100,
        "\ud800",
    ],
)
async def test_what_is_no_absolute_path_is_invalid(fence: FilesFence, path: str) -> None:
    assert await fence.refusals(path.format(root=fence.root)) == {ErrorCode.INVALID}


async def test_percent_escapes_and_backslashes_are_plain_characters(fence: FilesFence) -> None:
    for name in ("%2e%2e%2foutside", "..%2foutside", "..\\outside", "\uff0e\uff0e"):
        with pytest.raises(WireError) as refused:
            await fence.service.read(FileParams(node="n", path=str(fence.root / name)))
        assert refused.value.code is ErrorCode.NOT_FOUND


async def test_a_folder_swapped_for_a_link_between_check_and_use_gives_nothing_away(fence: FilesFence) -> None:
    """One thread swaps a folder and a link out of the roots as fast as it can while others read and write below it."""
    seen = set()
    async with swapped(fence, {"secret": "inside"}) as way:
        for number in range(400):
            try:
                seen.add((await fence.service.read(FileParams(node="n", path=str(way / "secret")))).content)
            except WireError as error:
                seen.add(error.code.value)
            try:
                params = FilesWriteParams(node="n", path=str(way / f"new{number}"), content="evil", create=True)
                await fence.service.write(params)
            except WireError as error:
                seen.add(error.code.value)
    assert SECRET not in seen
    assert seen <= {"inside", "forbidden", "not_found", "conflict"}
    assert "inside" in seen
    assert fence.is_untouched()


async def test_what_is_opened_is_judged_by_what_it_is_and_not_by_its_name(
    fence: FilesFence, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The race, made certain: the path is resolved while the folder is honest and opened when it leads out."""
    way = fence.root / "way"
    way.mkdir()
    (way / "secret").write_text("inside")
    resolve = fence.guard.resolve

    def resolve_then_swap(path: str) -> Path:
        real = resolve(path)
        if not way.is_symlink():
            way.rename(fence.root / "moved")
            way.symlink_to(fence.outside)
        return real

    monkeypatch.setattr(fence.guard, "resolve", resolve_then_swap)
    with pytest.raises(WireError) as refused:
        await fence.service.read(FileParams(node="n", path=str(way / "secret")))
    assert refused.value.code is ErrorCode.FORBIDDEN


async def test_the_programs_own_data_is_closed_even_when_the_roots_hold_it(tmp_path: Path) -> None:
    data = tmp_path / ".switchyard"
    data.mkdir()
    (data / "main.db").write_text(SECRET)
    for name in ("node.db", "node.db-wal", "node.db.lock", "notes"):
        (tmp_path / name).write_text(SECRET)
    (tmp_path / "shortcut").symlink_to(data)
    pool = FilePool()
    guard = await asyncio.to_thread(
        PathGuard.for_node, [tmp_path], pool, database=tmp_path / "node.db", data_folder=data, configuration=[]
    )
    service = FilesService(guard, pool, max_read_bytes=4096)
    for name in (".switchyard/main.db", "shortcut/main.db", "node.db", "node.db-wal", "node.db.lock"):
        with pytest.raises(WireError) as refused:
            await service.read(FileParams(node="n", path=str(tmp_path / name)))
        assert refused.value.code is ErrorCode.FORBIDDEN
    with pytest.raises(WireError):
        await guard.resolve_directory(str(data))
    listed = (await service.list(FilesListParams(node="n", path=str(tmp_path)))).entries
    assert [entry.name for entry in listed] == ["notes", "shortcut"]
    pool.close()


async def test_the_folder_of_a_database_is_closed_whole(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/holder.sock").write_text("x")
    pool = FilePool()
    guard = await asyncio.to_thread(
        PathGuard.for_node,
        [tmp_path],
        pool,
        database=tmp_path / "data/node.db",
        data_folder=tmp_path / "none",
        configuration=[],
    )
    with pytest.raises(WireError) as refused:
        await FilesService(guard, pool, max_read_bytes=4096).stat(
            FileParams(node="n", path=str(tmp_path / "data/holder.sock"))
        )
    assert refused.value.code is ErrorCode.FORBIDDEN
    pool.close()


async def test_a_node_that_opens_everything_does_not_open_the_memory_of_its_processes(tmp_path: Path) -> None:
    """Secrets of Main and of the node may have been given in the environment."""
    pool = FilePool()
    guard = await asyncio.to_thread(
        PathGuard.for_node,
        [Path("/")],
        pool,
        database=tmp_path / "data/node.db",
        data_folder=tmp_path / "none",
        configuration=[],
    )
    service = FilesService(guard, pool, max_read_bytes=4096)
    (tmp_path / "environ").symlink_to("/proc/self/environ")
    for path in ("/proc/self/environ", f"/proc/{os.getpid()}/environ", "/proc/thread-self/environ", "/proc"):
        with pytest.raises(WireError) as refused:
            await service.read(FileParams(node="n", path=path))
        assert refused.value.code is ErrorCode.FORBIDDEN
    with pytest.raises(WireError):
        await service.read(FileParams(node="n", path=str(tmp_path / "environ")))
    names = [entry.name for entry in (await service.list(FilesListParams(node="n", path="/"))).entries]
    assert "etc" in names
    assert "proc" not in names
    pool.close()


async def test_configuration_with_tokens_is_closed_also_where_the_roots_hold_it(tmp_path: Path) -> None:
    """A viewer of a machine must not read the register tokens or the signing secret of a Main that runs there."""
    (tmp_path / "configs").mkdir()
    secret, example = tmp_path / "configs/main.toml", tmp_path / "configs/main.toml.example"
    secret.write_text(SECRET)
    example.write_text("# nothing\n")
    pool = FilePool()
    guard = await asyncio.to_thread(
        PathGuard.for_node,
        [tmp_path],
        pool,
        database=tmp_path / "data/node.db",
        data_folder=tmp_path / "none",
        configuration=[secret, tmp_path / "configs/node.toml"],
    )
    service = FilesService(guard, pool, max_read_bytes=4096)
    (tmp_path / "link").symlink_to(secret)
    for path in (secret, tmp_path / "link", tmp_path / "configs/node.toml"):
        with pytest.raises(WireError) as refused:
            await service.read(FileParams(node="n", path=str(path)))
        assert refused.value.code is ErrorCode.FORBIDDEN
    assert (await service.read(FileParams(node="n", path=str(example)))).content == "# nothing\n"
    listed = await service.list(FilesListParams(node="n", path=str(tmp_path / "configs")))
    assert [entry.name for entry in listed.entries] == [example.name]
    pool.close()


async def test_a_root_that_is_a_link_is_the_folder_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real/f").write_text("x")
    (tmp_path / "root").symlink_to("real")
    pool = FilePool()
    guard = await asyncio.to_thread(PathGuard, [tmp_path / "root"], pool)
    assert await guard.resolve_directory(str(tmp_path / "root")) == tmp_path / "real"
    read = await FilesService(guard, pool, max_read_bytes=4096).read(FileParams(node="n", path=f"{tmp_path}/root/f"))
    assert read.content == "x"
    pool.close()


async def test_opening_a_pipe_waits_for_nobody(fence: FilesFence) -> None:
    os.mkfifo(fence.root / "pipe")
    async with asyncio.timeout(5):
        assert await fence.refusals(str(fence.root / "pipe" / "below")) == {ErrorCode.NOT_FOUND}
        with pytest.raises(WireError):
            await fence.service.read(FileParams(node="n", path=str(fence.root / "pipe")))
