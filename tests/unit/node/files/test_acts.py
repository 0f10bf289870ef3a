"""files.mkdir, move, copy, delete, restore: one step each, and nothing half-done when one fails."""

import asyncio
import contextlib
import os
import stat
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from node.files import temporaries, trees
from node.files.acts import FileActs
from node.files.guard import PathGuard
from node.files.placing import Placer
from node.files.pool import FilePool
from node.files.temporaries import Sweeper, temporary_name
from node.files.trash import Trash
from tests.support.disk import small_disk
from tests.support.unprivileged import as_nobody, folder_for_nobody
from tests.support.waiting import eventually
from tests.unit.node.files.conftest import Files
from ws.protocol.errors import ErrorCode, WireError
from ws.protocol.files import FilesDeleteParams, FilesMoveParams, FilesRestoreParams

OLD = 1_000_000_000


def tree(folder: Path) -> dict[str, str]:
    """Everything below, with the content of files and the targets of links."""
    return {
        str(each.relative_to(folder)): str(each.readlink())
        if each.is_symlink()
        else "/"
        if each.is_dir()
        else each.read_text()
        for each in sorted(folder.rglob("*"))
    }


async def refused(call: Awaitable[object], code: ErrorCode, *words: str) -> None:
    with pytest.raises(WireError) as error:
        await call
    assert error.value.code is code, error.value.detail
    assert all(word in error.value.detail for word in words), error.value.detail


async def test_a_folder_is_made_with_or_without_those_on_the_way(files: Files) -> None:
    assert await files.make("a") == str(files.root / "a")
    await refused(files.make("a"), ErrorCode.CONFLICT, "already")
    await refused(files.make("x/y/z"), ErrorCode.NOT_FOUND)
    assert await files.make("x/y/z", parents=True) == str(files.root / "x/y/z")
    await files.make("x/y/z", parents=True)
    (files.root / "file").touch()
    await refused(files.make("file/below"), ErrorCode.CONFLICT, "is a file")
    await refused(files.make("file/below/it", parents=True), ErrorCode.CONFLICT, "is a file")
    assert tree(files.root) == {"a": "/", "file": "", "x": "/", "x/y": "/", "x/y/z": "/"}


async def test_moving_renames_and_never_replaces_unasked(files: Files) -> None:
    (files.root / "a").write_text("a")
    (files.root / "b").write_text("b")
    await refused(files.move("a", "b"), ErrorCode.CONFLICT, "already")
    assert await files.move("a", "c") == str(files.root / "c")
    await refused(files.move("a", "d"), ErrorCode.NOT_FOUND, "/a ")
    await files.move("c", "b", replace=True)
    assert tree(files.root) == {"b": "a"}
    assert (files.trash / "files/b").read_text() == "b"


async def test_a_copy_keeps_modes_times_and_links(files: Files) -> None:
    source = files.root / "source"
    (source / "below").mkdir(parents=True)
    (source / "below/run").write_text("#!/bin/sh")
    (source / "below/run").chmod(0o4750)
    (source / "link").symlink_to("/etc/passwd")
    os.mkfifo(source / "pipe")
    for each in (source / "below/run", source / "below"):
        os.utime(each, (OLD, OLD))
    await files.copy("source", "copy")
    copy = files.root / "copy"
    assert (copy / "below/run").read_text() == "#!/bin/sh"
    assert stat.S_IMODE((copy / "below/run").stat().st_mode) == 0o750, "rights of another account are not copied"
    assert (copy / "below").stat().st_mtime == (copy / "below/run").stat().st_mtime == OLD
    assert (copy / "link").readlink() == Path("/etc/passwd")
    assert (copy / "pipe").is_fifo()
    assert {each.name for each in files.root.iterdir()} == {"source", "copy"}


def test_a_file_of_unknown_size_is_copied_whole(tmp_path: Path) -> None:
    copied = tmp_path / "status"
    source, target = os.open("/proc/self", os.O_RDONLY), os.open(tmp_path, os.O_RDONLY)
    trees.copy_entry(source, "status", target, "status", threading.Event())
    os.close(source)
    os.close(target)
    assert copied.read_text().startswith("Name:")


async def test_what_cannot_be_is_refused_with_its_reason(files: Files) -> None:
    (files.root / "folder/below").mkdir(parents=True)
    (files.root / "file").write_text("f")
    before = tree(files.root)
    for act in (files.move, files.copy):
        await refused(act("folder", "folder/below/it"), ErrorCode.CONFLICT, "itself")
        await refused(act("folder", "folder"), ErrorCode.CONFLICT, "already")
        await refused(act("file", "file", replace=True), ErrorCode.CONFLICT, "already")
        await refused(act("folder/below", "folder", replace=True), ErrorCode.CONFLICT, "lies in what")
        await refused(act("file", "folder", replace=True), ErrorCode.CONFLICT, "file and a folder")
        await refused(act("folder", "file", replace=True), ErrorCode.CONFLICT, "file and a folder")
        await refused(act("file", "missing/f"), ErrorCode.NOT_FOUND, "missing")
        await refused(act("file", "file/f"), ErrorCode.CONFLICT, "is a file")
        await refused(act("", "new"), ErrorCode.CONFLICT, "filesystem.roots")
        await refused(act("file", ""), ErrorCode.CONFLICT, "filesystem.roots")
        await refused(act("folder/..", "new"), ErrorCode.INVALID, "name")
    await refused(files.delete(""), ErrorCode.CONFLICT, "filesystem.roots")
    await refused(files.delete("gone"), ErrorCode.NOT_FOUND)
    assert tree(files.root) == before
    assert not (files.trash / "files").exists() or not list((files.trash / "files").iterdir())


async def test_what_is_deleted_lies_in_the_trash_and_comes_back(files: Files) -> None:
    folder = files.root / "grün 100%"
    folder.mkdir()
    (folder / "f").write_text("kept")
    trash = await files.delete("grün 100%")
    assert trash is not None
    assert tree(files.root) == {}
    info = (files.trash / "info/grün 100%.trashinfo").read_text()
    assert info.startswith("[Trash Info]\nPath=")
    assert "gr%C3%BCn%20100%25\nDeletionDate=2" in info
    assert await files.restore(trash) == str(folder)
    assert tree(files.root) == {"grün 100%": "/", "grün 100%/f": "kept"}
    assert tree(files.trash) == {"files": "/", "info": "/"}
    await refused(files.restore(trash), ErrorCode.NOT_FOUND)


async def test_two_of_one_name_lie_in_the_trash_beside_each_other(files: Files) -> None:
    ids = []
    for content in ("1", "2", "3"):
        (files.root / "f").write_text(content)
        ids.append(await files.delete("f"))
    (files.trash / "files/g").write_text("without a record")
    (files.root / "g").write_text("4")
    fourth = await files.delete("g")
    assert fourth is not None
    await files.restore(fourth)
    assert (files.root / "g").read_text() == "4"
    second = ids[1]
    assert second is not None
    await files.restore(second)
    assert (files.root / "f").read_text() == "2"


async def test_a_place_that_is_taken_keeps_the_trash(files: Files) -> None:
    (files.root / "f").write_text("old")
    trash = await files.delete("f")
    assert trash is not None
    (files.root / "f").write_text("new")
    await refused(files.restore(trash), ErrorCode.CONFLICT, "taken")
    assert (files.root / "f").read_text() == "new"
    (files.root / "f").unlink()
    await files.restore(trash)
    assert (files.root / "f").read_text() == "old"


async def test_deleting_for_good_leaves_what_links_lead_to(files: Files) -> None:
    outside = files.root.parent / "outside"
    outside.mkdir()
    (outside / "f").write_text("stays")
    (files.root / "folder").mkdir()
    (files.root / "folder/link").symlink_to(outside)
    (files.root / "link").symlink_to(outside)
    assert await files.delete("folder", permanent=True) is None
    assert await files.delete("link", permanent=True) is None
    assert tree(files.root) == {}
    assert (outside / "f").read_text() == "stays"


async def test_odd_names_go_through_every_act(files: Files) -> None:
    root = os.fsencode(files.root)
    for name in (b"gr\xfcn", b"new\nline", b"-rf", b"$(touch x)", b"\xff" * 255, b"a" * 255):
        path, other = root + b"/" + name, root + b"/other"
        Path(os.fsdecode(path)).write_text("x")
        moved = await files.acts.move(FilesMoveParams(node="n", path_bytes=path, to_bytes=other))
        assert (moved.path, moved.path_bytes) == (other.decode(), None)
        copied = await files.acts.copy(FilesMoveParams(node="n", path_bytes=other, to_bytes=path))
        assert (copied.path_bytes or copied.path.encode()) == path
        deleted = await files.acts.delete(FilesDeleteParams(node="n", path_bytes=path))
        assert deleted.trash is not None
        restored = await files.acts.restore(FilesRestoreParams(node="n", trash=deleted.trash))
        assert (restored.path_bytes or restored.path.encode()) == path
        for each in (path, other):
            await files.acts.delete(FilesDeleteParams(node="n", path_bytes=each, permanent=True))
    assert tree(files.root) == {}


@pytest.mark.parametrize("depth", [trees.MAX_DEPTH + 1, 400])
async def test_a_tree_that_is_nested_too_deep_is_refused_and_leaves_no_copy(files: Files, depth: int) -> None:
    bottom = files.root / "deep"
    bottom.mkdir()
    folder = os.open(bottom, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d", dir_fd=folder)
        below = os.open("d", os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = below
    os.close(folder)
    await refused(files.copy("deep", "copy"), ErrorCode.TOO_LARGE, "nested")
    await refused(files.delete("deep", permanent=True), ErrorCode.TOO_LARGE, "nested")
    await files.move("deep", "moved")
    assert {each.name for each in files.root.iterdir()} == {"moved"}


async def test_a_copy_that_nobody_waits_for_stops_and_leaves_nothing(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = files.root / "source"
    source.mkdir()
    for number in range(50):
        (source / f"f{number}").write_text("x")
    has_begun, may_go_on = threading.Event(), threading.Event()
    copy_file = trees._copy_file

    def slow(*args: object) -> None:
        copy_file(*args)  # type: ignore[arg-type]
        has_begun.set()
        assert may_go_on.wait(10)

    monkeypatch.setattr(trees, "_copy_file", slow)
    copying = asyncio.ensure_future(files.copy("source", "copy"))  # noqa: TID251  cancelled below
    await asyncio.to_thread(has_begun.wait, 10)
    copying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await copying
    may_go_on.set()
    await eventually(lambda: {each.name for each in files.root.iterdir()} == {"source"}, what="the copy to go")


async def on_two_disks(tmp_path: Path, act: Callable[[Files, Path], Awaitable[None]]) -> None:
    """`act` with files on one file system and the empty folder of another one in the same root."""
    root = tmp_path / "root"
    root.mkdir()
    with small_disk(root / "disk", 1 << 20) as disk:
        if not disk.is_mounted:
            pytest.skip("only root can mount a second file system: run the tests as root")
        pool = FilePool()
        guard = await asyncio.to_thread(PathGuard, [root], pool)
        acts = FileActs(Placer(guard, Trash(tmp_path / "trash"), Sweeper()), pool)
        await act(Files(None, guard, root, acts), disk.folder)  # type: ignore[arg-type]
        pool.close()


async def test_moving_to_another_file_system_is_whole(tmp_path: Path) -> None:
    async def act(files: Files, disk: Path) -> None:
        (files.root / "source").mkdir()
        (files.root / "source/f").write_text("f")
        (files.root / "source/f").chmod(0o444)
        (files.root / "source").chmod(0o555)
        await files.move("source", "disk/target")
        assert tree(disk) == {"target": "/", "target/f": "f"}
        assert {each.name for each in files.root.iterdir()} == {"disk"}
        trash = await files.delete("disk/target")
        assert trash is not None
        assert (disk / f".Trash-{os.geteuid()}/files/target/f").read_text() == "f", "the trash of that file system"
        assert await files.restore(trash) == str(disk / "target")

    await on_two_disks(tmp_path, act)


@pytest.mark.parametrize("replace", [False, True])
async def test_a_full_disk_leaves_source_and_target_as_they_were(tmp_path: Path, *, replace: bool) -> None:
    async def act(files: Files, disk: Path) -> None:
        (files.root / "source").mkdir()
        (files.root / "source/small").write_text("s")
        (files.root / "source/large").write_bytes(b"l" * (2 << 20))
        if replace:
            (disk / "target").mkdir()
            (disk / "target/old").write_text("old")
        before = tree(files.root / "source"), {k: v for k, v in tree(disk).items() if ".Trash" not in k}
        for call in (files.move, files.copy):
            await refused(
                call("source", "disk/target", replace=replace), ErrorCode.CONFLICT, "disk or the quota is full"
            )
            after = tree(files.root / "source"), {k: v for k, v in tree(disk).items() if ".Trash" not in k}
            assert after == before

    await on_two_disks(tmp_path, act)


async def test_where_no_trash_can_be_made_permanent_is_named(tmp_path: Path) -> None:
    (tmp_path / "trash").write_text("in its place")
    root = tmp_path / "root"
    root.mkdir()
    (root / "f").write_text("x")
    pool = FilePool()
    guard = await asyncio.to_thread(PathGuard, [root], pool)
    acts = FileActs(Placer(guard, Trash(tmp_path / "trash"), Sweeper()), pool)
    await refused(acts.delete(FilesDeleteParams(node="n", path=str(root / "f"))), ErrorCode.CONFLICT, "`permanent`")
    assert (root / "f").read_text() == "x"
    pool.close()


def test_what_the_account_may_not_change_is_forbidden_and_stays() -> None:
    with folder_for_nobody() as folder:
        (folder / "closed").mkdir(0o755)
        (folder / "closed/f").write_text("f")
        (folder / "own").mkdir()
        (folder / "own").chmod(0o777)
        placer = Placer(PathGuard([folder], FilePool()), Trash(folder / "own/trash"), Sweeper())

        def attempt() -> list[ErrorCode]:
            codes = []
            for call in (
                lambda: placer.make_folder(str(folder / "closed/new"), has_parents=False),
                lambda: placer.make_folder(str(folder / "closed/new/x"), has_parents=True),
                lambda: placer.delete(str(folder / "closed/f"), threading.Event(), is_permanent=True),
                lambda: placer.delete(str(folder / "closed/f"), threading.Event(), is_permanent=False),
            ):
                with pytest.raises(WireError) as refusal:
                    call()
                codes.append(refusal.value.code)
            return codes

        if os.geteuid() == 0:
            assert as_nobody(attempt) == [ErrorCode.FORBIDDEN] * 4
        assert (folder / "closed/f").read_text() == "f"
        assert not list(folder.glob("own/trash/info/*"))


@pytest.mark.parametrize("is_old", [False, True])
async def test_what_a_killed_node_left_goes_at_the_next_write_once_it_is_a_day_old(
    files: Files, monkeypatch: pytest.MonkeyPatch, *, is_old: bool
) -> None:
    left = {temporary_name(), temporary_name()}
    for name in left:
        (files.root / name).mkdir()
        (files.root / name / "f").write_text("half a copy")
        (files.root / name).chmod(0o555)
    (files.root / ".switchyard-notes.tmp").write_text("not ours")
    if is_old:
        monkeypatch.setattr(temporaries, "MIN_AGE_S", -1.0)
    await files.write("g", "x", create=True)
    assert {each.name for each in files.root.iterdir()} == {"g", ".switchyard-notes.tmp"} | (set() if is_old else left)


async def test_what_finds_no_room_in_the_trash_can_be_deleted_for_good(tmp_path: Path) -> None:
    async def act(files: Files, disk: Path) -> None:
        (disk / "large").write_bytes(b"l" * 4096)
        with contextlib.suppress(OSError), (disk / "ballast").open("ab", buffering=0) as ballast:
            while True:
                ballast.write(bytes(4096))
        with pytest.raises(WireError, match="delete it with `permanent`"):
            await files.delete("disk/large")
        assert (disk / "large").stat().st_size == 4096
        assert await files.delete("disk/large", permanent=True) is None

    await on_two_disks(tmp_path, act)


async def test_what_lost_its_folder_stays_in_the_trash(files: Files) -> None:
    (files.root / "folder").mkdir()
    (files.root / "folder/f").write_text("kept")
    trash = await files.delete("folder/f")
    assert trash is not None
    (files.root / "folder").rmdir()
    with pytest.raises(WireError, match="make it first"):
        await files.restore(trash)
    (files.root / "folder").mkdir()
    assert await files.restore(trash) == str(files.root / "folder/f")
