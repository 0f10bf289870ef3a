"""Git reads and writes nothing outside the roots, whatever a repository or the address of a remote points to."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from node.files.guard import PathGuard
from node.files.pool import FilePool
from node.git.runner import GitRunner
from node.git.service import GitService
from tests.support.repositories import TestRepository
from ws.protocol.errors import ErrorCode, WireError
from ws.protocol.ops import OPS


@dataclass
class Fenced:
    """`mine` lies inside the roots; of `secret` outside nothing may be seen, and nothing may be put there."""

    root: Path
    mine: TestRepository
    secret: TestRepository
    service: GitService

    async def refused(self, op: str, **fields: object) -> ErrorCode | None:
        params = msgspec.convert({"node": "n", "path": str(self.mine.path), **fields}, OPS[f"git.{op}"].params)
        try:
            await getattr(self.service, op)(params)
        except WireError as error:
            return error.code
        return None

    def has_secret(self) -> bool:
        """Whether the secret commit came over."""
        commit = self.secret.git("rev-parse", "HEAD").strip()
        try:
            self.mine.git("cat-file", "-e", commit)
        except AssertionError:
            return False
        return True


@pytest.fixture
def fenced(tmp_path: Path) -> Iterator[Fenced]:
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    mine, secret = TestRepository.make(root, "mine"), TestRepository.make(outside, "secret")
    for repository, text in ((mine, "mine"), (secret, "secret")):
        repository.write("f", text)
        repository.commit()
    secret.git("config", "receive.denyCurrentBranch", "ignore")
    pool = FilePool()
    yield Fenced(root, mine, secret, GitService(GitRunner(mine.environ), PathGuard([root], pool).resolve_directory))
    pool.close()


Lure = Callable[[Fenced], str]


def percent_signs(fenced: Fenced) -> str:
    """Git decodes them; a folder of that very name passes for the place."""
    place = fenced.mine.path / "%2e%2e/%2e%2e/outside/secret"
    place.mkdir(parents=True)
    return f"file://{place}"


def a_host(fenced: Fenced) -> str:
    """Git drops it; what follows would be below the repository."""
    (fenced.mine.path / f"x{fenced.secret.path}").mkdir(parents=True)
    return f"file://x{fenced.secret.path}"


def a_pointer_to_a_folder(fenced: Fenced) -> str:
    place = fenced.root / "r"
    place.mkdir()
    (place / ".git").write_text(f"gitdir: {fenced.secret.path}/.git\n")
    return str(place)


def a_link_to_a_pointer(fenced: Fenced) -> str:
    place = fenced.root / "r"
    place.mkdir()
    (place / "text").write_text(f"gitdir: {fenced.secret.path}/.git\n")
    (place / ".git").symlink_to("text")
    return str(place)


def a_name_with_git_behind(fenced: Fenced) -> str:
    """Git tries NAME.git when NAME is none."""
    (fenced.root / "s").mkdir()
    (fenced.root / "s.git").symlink_to(fenced.secret.path / ".git")
    return str(fenced.root / "s")


def a_shared_folder(fenced: Fenced) -> str:
    place = fenced.root / "w"
    place.mkdir()
    (place / "HEAD").write_text("ref: refs/heads/main\n")
    (place / "commondir").write_text(f"{fenced.secret.path}/.git\n")
    return str(place)


def objects_of_others(fenced: Fenced) -> str:
    bare = TestRepository.make(fenced.root, "bare", options=("--bare",))
    (bare.path / "objects/info/alternates").write_text(f"# x\n{fenced.secret.path}/.git/objects\n")
    (bare.path / "refs/heads/main").write_text(fenced.secret.git("rev-parse", "HEAD"))
    return str(bare.path)


def objects_that_are_a_link(fenced: Fenced) -> str:
    bare = TestRepository.make(fenced.root, "bare", options=("--bare",))
    for name in ("objects", "refs"):
        (bare.path / name).rename(bare.path / f"{name}.old")
        (bare.path / name).symlink_to(fenced.secret.path / ".git" / name)
    return str(bare.path)


LURES = [
    percent_signs,
    a_host,
    a_pointer_to_a_folder,
    a_link_to_a_pointer,
    a_name_with_git_behind,
    a_shared_folder,
    objects_of_others,
    objects_that_are_a_link,
]


@pytest.mark.parametrize("lure", LURES, ids=lambda each: each.__name__)
async def test_a_remote_that_leads_out_of_the_roots_is_not_reached(fenced: Fenced, lure: Lure) -> None:
    fenced.mine.git("remote", "add", "origin", lure(fenced))
    before = fenced.secret.git("for-each-ref")
    assert await fenced.refused("fetch", remote="origin") is ErrorCode.FORBIDDEN
    assert not fenced.has_secret()
    fenced.mine.git("checkout", "-q", "-b", "pushed")
    assert await fenced.refused("push", remote="origin") is ErrorCode.FORBIDDEN
    assert fenced.secret.git("for-each-ref") == before
    fenced.mine.git("fetch", "-q", "origin")
    assert fenced.has_secret(), "plain Git does reach it"


async def test_the_home_of_somebody_is_no_folder_in_the_repository(fenced: Fenced) -> None:
    (fenced.mine.path / "~/x").mkdir(parents=True)
    fenced.mine.git("remote", "add", "origin", "~/x")
    assert await fenced.refused("fetch", remote="origin") is ErrorCode.FORBIDDEN


@pytest.mark.parametrize("levels", [1, 2])
async def test_a_repository_that_borrows_from_outside_is_not_opened(fenced: Fenced, levels: int) -> None:
    store = fenced.secret.path / ".git/objects"
    if levels > 1:
        between = TestRepository.make(fenced.root, "between", options=("--bare",))
        (between.path / "objects/info/alternates").write_text(f"{store}\n")
        store = between.path / "objects"
    assert await fenced.refused("log") is None
    (fenced.mine.path / ".git/objects/info/alternates").write_text(f"{store}\n")
    commit = fenced.secret.git("rev-parse", "HEAD").strip()
    assert await fenced.refused("show", ref=commit) is ErrorCode.FORBIDDEN
    assert fenced.has_secret(), "plain Git does show it"


async def test_what_stands_behind_the_part_of_a_list_that_is_read_is_not_borrowed_from(fenced: Fenced) -> None:
    """Counted in bytes: in letters, what was read of this list would be shorter than the most."""
    assert await fenced.refused("log") is None
    listed = f"# {'é' * 40_000}\n{fenced.secret.path}/.git/objects\n"
    (fenced.mine.path / ".git/objects/info/alternates").write_text(listed)
    commit = fenced.secret.git("rev-parse", "HEAD").strip()
    assert await fenced.refused("show", ref=commit) is ErrorCode.FORBIDDEN
    assert fenced.has_secret(), "plain Git does show it"


async def test_a_file_of_git_that_is_a_link_to_the_outside_is_not_read(fenced: Fenced, tmp_path: Path) -> None:
    """Git quotes the line of packed-refs that it does not understand."""
    (tmp_path / "outside/shadow").write_text("root:hash\n")
    (fenced.mine.path / ".git/packed-refs").symlink_to(tmp_path / "outside/shadow")
    assert await fenced.refused("branches") is ErrorCode.FORBIDDEN


async def test_links_and_borrowed_objects_inside_the_roots_are_fine(fenced: Fenced) -> None:
    other = TestRepository.make(fenced.root, "other")
    other.write("f", "other")
    other.commit()
    (fenced.mine.path / ".git/objects/info/alternates").write_text("../../../other/.git/objects\n/nowhere\n")
    (fenced.mine.path / ".git/hooks").rename(fenced.mine.path / ".git/hooks.old")
    (fenced.mine.path / ".git/hooks").symlink_to("/usr")
    assert await fenced.refused("show", ref=other.git("rev-parse", "HEAD").strip()) is None
    fenced.mine.git("remote", "add", "origin", str(other.path))
    assert await fenced.refused("fetch") is None
