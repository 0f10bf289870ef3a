"""Attacks on acts with names: make, move, copy, delete, restore reach nothing outside the roots, races included."""

import asyncio
import base64
import os
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from node.files.acts import FileActs
from node.files.guard import PathGuard
from node.files.placing import Placer
from node.files.pool import FilePool
from node.files.temporaries import Sweeper
from node.files.trash import Trash
from tests.security.closed import SECRET, Fence, make_fence, swapped
from ws.protocol.errors import ErrorCode, WireError
from ws.protocol.files import FilesDeleteParams, FilesMakeParams, FilesMoveParams, FilesRestoreParams


@dataclass
class ActsFence(Fence):
    """And what acts there."""

    acts: FileActs

    def calls(self, path: str, *, good: str) -> list[Callable[[], Awaitable[object]]]:
        """Every act with `path` in each of its places; `good` is a file inside."""
        acts = self.acts
        return [
            lambda: acts.make(FilesMakeParams(node="n", path=path)),
            lambda: acts.make(FilesMakeParams(node="n", path=path, parents=True)),
            lambda: acts.copy(FilesMoveParams(node="n", path=path, to=f"{self.root}/copied")),
            lambda: acts.copy(FilesMoveParams(node="n", path=good, to=path)),
            lambda: acts.copy(FilesMoveParams(node="n", path=good, to=path, replace=True)),
            lambda: acts.move(FilesMoveParams(node="n", path=good, to=path)),
            lambda: acts.move(FilesMoveParams(node="n", path=good, to=path, replace=True)),
            lambda: acts.move(FilesMoveParams(node="n", path=path, to=f"{self.root}/moved")),
            lambda: acts.delete(FilesDeleteParams(node="n", path=path)),
            lambda: acts.delete(FilesDeleteParams(node="n", path=path, permanent=True)),
        ]

    def holds_secret(self) -> bool:
        return any(
            each.is_file() and not each.is_symlink() and SECRET in each.read_text() for each in self.root.rglob("*")
        )


@pytest.fixture
def fence(tmp_path: Path) -> Iterator[ActsFence]:
    root, outside = make_fence(tmp_path)
    (root / "good").write_text("inside")
    pool = FilePool()
    guard = PathGuard([root], pool)
    yield ActsFence(guard, root, outside, FileActs(Placer(guard, Trash(tmp_path / "trash"), Sweeper()), pool))
    pool.close()


@pytest.mark.parametrize(
    "path",
    [
        "{outside}/secret",
        "{outside}/new",
        "{root}/../outside/secret",
        "{root}/folder/../../outside/new",
        "{root}/missing/../../outside/new",
        "{root}//..//outside/secret",
        "{root}-evil",
        "{root}/way/secret",
        "{root}/way/new",
        "{root}/way/new/deeper",
        "/etc/passwd",
        "/proc/self/cwd/new",
        "/dev/shm/new",
    ],
)
async def test_no_act_leads_outside(fence: ActsFence, path: str) -> None:
    (fence.root / "way").symlink_to(fence.outside)
    for call in fence.calls(path.format(root=fence.root, outside=fence.outside), good=f"{fence.root}/good"):
        with pytest.raises(WireError) as refused:
            await call()
        assert refused.value.code is ErrorCode.FORBIDDEN
        assert SECRET not in refused.value.detail
    assert fence.is_untouched()
    assert {each.name for each in fence.root.iterdir()} == {"good", "folder", "way"}


async def test_the_roots_themselves_and_what_holds_them_stay(fence: ActsFence) -> None:
    for path in (str(fence.root), f"{fence.root}/", f"{fence.root}/folder/..", str(fence.root.parent), "/"):
        for call in fence.calls(path, good=f"{fence.root}/good")[2:]:
            with pytest.raises(WireError) as refused:
                await call()
            assert refused.value.code in {ErrorCode.CONFLICT, ErrorCode.INVALID}
    assert fence.is_untouched()
    assert (fence.root / "good").read_text() == "inside"


async def test_a_link_that_leads_out_is_moved_copied_and_deleted_itself(fence: ActsFence) -> None:
    link, moved, copied = fence.root / "link", fence.root / "moved", fence.root / "copied"
    link.symlink_to(fence.outside)
    await fence.acts.move(FilesMoveParams(node="n", path=str(link), to=str(moved)))
    await fence.acts.copy(FilesMoveParams(node="n", path=str(moved), to=str(copied)))
    assert moved.readlink() == copied.readlink() == fence.outside
    await fence.acts.copy(FilesMoveParams(node="n", path=f"{fence.root}/good", to=str(copied), replace=True))
    assert copied.read_text() == "inside"
    await fence.acts.delete(FilesDeleteParams(node="n", path=str(moved), permanent=True))
    assert not moved.is_symlink()
    assert fence.is_untouched()


async def test_a_folder_swapped_for_a_link_between_check_and_use_leads_nowhere(fence: ActsFence) -> None:
    """One thread swaps a folder and a link out of the roots as fast as it can while every act works below it."""
    outcomes = set()
    async with swapped(fence) as way:
        for number in range(60):
            (fence.root / "good").write_text("inside")
            for path in (str(way / "secret"), str(way / f"new{number}")):
                calls = fence.calls(path, good=f"{fence.root}/good")
                del calls[1]  # makes the folder `way` itself, and then nothing is left to swap
                for call in calls:
                    try:
                        await call()
                        outcomes.add("done")
                    except WireError as error:
                        outcomes.add(error.code.value)
    assert "done" in outcomes
    assert outcomes <= {"done", "forbidden", "not_found", "conflict", "invalid"}
    assert fence.is_untouched()
    assert not fence.holds_secret()


async def test_the_folder_is_judged_by_what_it_is_when_it_is_open(
    fence: ActsFence, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The race, made certain: the path is resolved while the folder is honest and opened when it leads out."""
    way = fence.root / "way"
    resolve = fence.guard.resolve

    def resolve_then_swap(path: str) -> Path:
        real = resolve(path)
        if path.startswith(str(way)) and not way.is_symlink():
            way.rename(fence.root / "honest")
            way.symlink_to(fence.outside)
        return real

    monkeypatch.setattr(fence.guard, "resolve", resolve_then_swap)
    for number in range(10):
        way.mkdir()
        (way / "secret").write_text("inside")
        with pytest.raises(WireError) as refused:
            await fence.calls(str(way / "secret"), good=f"{fence.root}/good")[number]()
        assert refused.value.code in {ErrorCode.FORBIDDEN, ErrorCode.NOT_FOUND}
        assert fence.is_untouched()
        way.unlink()
        (fence.root / "honest/secret").unlink()
        (fence.root / "honest").rmdir()


@pytest.mark.parametrize("permanent", [False, True])
async def test_a_folder_that_becomes_a_link_while_its_tree_is_copied_or_removed_is_not_entered(
    fence: ActsFence, monkeypatch: pytest.MonkeyPatch, *, permanent: bool
) -> None:
    below = fence.root / "source/below"
    below.mkdir(parents=True)
    opened = os.open

    def open_then_swap(path: Any, *args: Any, **more: Any) -> int:
        if path == "below" and not below.is_symlink() and below.exists():
            below.rename(fence.root / "source/away")
            below.symlink_to(fence.outside)
        return opened(path, *args, **more)

    monkeypatch.setattr(os, "open", open_then_swap)
    source = str(fence.root / "source")
    deleting = fence.acts.delete(FilesDeleteParams(node="n", path=source, permanent=True))
    copying = fence.acts.copy(FilesMoveParams(node="n", path=source, to=f"{fence.root}/copied"))
    chosen, other = (deleting, copying) if permanent else (copying, deleting)
    other.close()
    with pytest.raises(WireError):
        await chosen
    assert below.is_symlink()
    assert fence.is_untouched()
    assert not (fence.root / "copied").exists()


async def test_the_programs_own_data_is_not_moved_copied_or_deleted_with_its_folder(tmp_path: Path) -> None:
    home, data = tmp_path / "home", tmp_path / "home/.switchyard"
    data.mkdir(parents=True)
    (data / "main.db").write_text(SECRET)
    (home / "other").mkdir()
    (home / "other/node.db").write_text(SECRET)
    (home / "good").write_text("x")
    pool = FilePool()
    guard = await asyncio.to_thread(
        PathGuard, [tmp_path], pool, data_folders=[data], databases=[home / "other/node.db"]
    )
    acts = FileActs(Placer(guard, Trash(tmp_path / "trash"), Sweeper()), pool)
    for path in (data, data / "main.db", data / "new", home / "other/node.db", home / "other/node.db-wal"):
        for call in ActsFence(guard, tmp_path, tmp_path, acts).calls(str(path), good=str(home / "good")):
            with pytest.raises(WireError) as refused:
                await call()
            assert refused.value.code is ErrorCode.FORBIDDEN, path
    for folder in (home, home / "other"):
        for change in (acts.move, acts.copy):
            with pytest.raises(WireError, match="own data"):
                await change(FilesMoveParams(node="n", path=str(folder), to=str(tmp_path / "taken")))
        for permanent in (False, True):
            with pytest.raises(WireError, match="own data"):
                await acts.delete(FilesDeleteParams(node="n", path=str(folder), permanent=permanent))
    assert (data / "main.db").read_text() == SECRET
    assert not (tmp_path / "taken").exists()
    pool.close()


async def test_a_forged_id_of_the_trash_brings_nothing_in_and_nothing_out(fence: ActsFence, tmp_path: Path) -> None:
    trash = tmp_path / "trash"
    for part in ("files", "info"):
        (trash / part).mkdir(parents=True)
    (trash / "files/out").write_text("stays in the trash")
    (trash / "info/out.trashinfo").write_text(f"[Trash Info]\nPath={fence.outside}/new\n")
    (trash / "files/up").write_text("stays in the trash")
    (trash / "info/up.trashinfo").write_text(f"[Trash Info]\nPath={fence.root}/../outside/new\n")
    (trash / "info/secret.trashinfo").write_text(f"[Trash Info]\nPath={fence.root}/taken\n")
    made = fence.root / f".Trash-{os.geteuid()}"
    (made / "info").mkdir(parents=True)
    (made / "files").symlink_to(fence.outside)
    (made / "info/secret.trashinfo").write_text("[Trash Info]\nPath=taken\n")
    names: list[bytes] = [
        b"\0out",
        b"\0up",
        b"\0../../outside/secret",
        b"\0..",
        b"\0",
        b"",
        b"\0secret",
        b"relative\0secret",
    ]
    names += [os.fsencode(fence.root) + b"\0secret", b"/\0../etc/passwd", b"\0a\0b", b"\0\n"]
    for name in names:
        with pytest.raises(WireError) as refused:
            await fence.acts.restore(FilesRestoreParams(node="n", trash=base64.urlsafe_b64encode(name).decode()))
        assert refused.value.code in {ErrorCode.NOT_FOUND, ErrorCode.FORBIDDEN}, name
    for text in ("x", "é", "AAAA", "%00"):
        with pytest.raises(WireError) as refused:
            await fence.acts.restore(FilesRestoreParams(node="n", trash=text))
        assert refused.value.code is ErrorCode.NOT_FOUND
    assert fence.is_untouched()
    assert not (fence.root / "taken").exists()
    assert (trash / "files/out").exists()
