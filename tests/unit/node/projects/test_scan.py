"""Finding repositories below the roots."""

import os
from pathlib import Path

from node.projects.head import branch_of
from node.projects.scan import Bounds, repositories
from tests.support.repositories import TestRepository
from tests.support.unprivileged import as_nobody, folder_for_nobody


def make(root: Path, *names: str) -> list[Path]:
    for name in names:
        (root / name / ".git").mkdir(parents=True)
        (root / name / ".git/HEAD").write_text("ref: refs/heads/main\n")
    return [root / name for name in names]


def test_repositories_are_found_nearest_first_and_not_below_each_other(tmp_path: Path) -> None:
    make(tmp_path, "deep/er/b", "a", "a/inner")
    assert repositories([tmp_path], Bounds()) == [tmp_path / "a", tmp_path / "deep/er/b"]


def test_a_root_may_be_a_repository_itself_and_roots_may_overlap(tmp_path: Path) -> None:
    make(tmp_path, "x/a")
    assert repositories([tmp_path / "x/a", tmp_path, tmp_path / "x", tmp_path / "gone"], Bounds()) == [tmp_path / "x/a"]


def test_hidden_folders_dependencies_links_and_other_file_systems_are_passed_over(tmp_path: Path) -> None:
    make(tmp_path, "node_modules/a", ".cache/b", "elsewhere/c")
    (tmp_path / "root").mkdir()
    (tmp_path / "root/link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").rename(tmp_path / "vendor")
    assert repositories([tmp_path], Bounds()) == []
    if Path("/proc").is_mount():
        assert not any(each.is_relative_to("/proc") for each in repositories([Path("/")], Bounds(depth=2)))


def test_every_bound_holds(tmp_path: Path) -> None:
    make(tmp_path, *(f"r{number}" for number in range(20)), "1/2/3/4/5/6/far")
    assert len(repositories([tmp_path], Bounds(repositories=7))) == 7
    assert len(repositories([tmp_path], Bounds(depth=6))) == 20
    assert len(repositories([tmp_path], Bounds(depth=7))) == 21
    assert len(repositories([tmp_path], Bounds(folders=10))) == 9
    ticks = iter(range(1000))
    assert len(repositories([tmp_path], Bounds(seconds=5), clock=lambda: float(next(ticks)))) < 5


def test_closed_folders_are_not_looked_into(tmp_path: Path) -> None:
    (repository,) = make(tmp_path, "a")
    assert repositories([tmp_path], Bounds(), is_allowed=lambda folder: folder != repository) == []


def test_a_folder_that_cannot_be_read_is_passed_over() -> None:
    with folder_for_nobody() as folder:
        make(folder, "a")
        (folder / "closed").mkdir(0)
        assert as_nobody(lambda: repositories([folder], Bounds())) == [folder / "a"]


def test_a_pipe_named_git_holds_nobody_up(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    os.mkfifo(tmp_path / "a/.git")
    make(tmp_path, "b")
    (tmp_path / "b/.git/HEAD").unlink()
    os.mkfifo(tmp_path / "b/.git/HEAD")
    assert repositories([tmp_path], Bounds()) == [tmp_path / "b"]
    assert branch_of(tmp_path / "b") is None


def test_the_branch_is_read_as_git_says_it(tmp_path: Path) -> None:
    repository = TestRepository.make(tmp_path)
    assert branch_of(repository.path) == "main"
    repository.commit(f="1")
    repository.git("checkout", "-q", "-b", "feature/ünïcode")
    assert branch_of(repository.path) == "feature/ünïcode"
    repository.git("worktree", "add", "-q", "-b", "side", "../linked")
    assert branch_of(tmp_path / "linked") == "side"
    repository.git("checkout", "-q", "--detach")
    assert branch_of(repository.path) is None
    assert branch_of(tmp_path) is None
