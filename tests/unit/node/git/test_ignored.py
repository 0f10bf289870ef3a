"""Which of some names Git ignores, whatever they are made of."""

import os
from pathlib import Path

from node.git.ignored import IgnoredFiles
from node.git.runner import GitRunner
from tests.support.repositories import TestRepository

ODD = [
    "new\nline",
    'quo"te',
    "back\\slash",
    "gr\udcfcn",
    "tab\t",
    "-rf",
    ":!x",
    ":(glob)*",
    "*",
    "$(touch x)",
    "日本",
    " ",
]


async def resolve(path: str) -> Path:
    return Path(path)


def make(folder: Path) -> tuple[TestRepository, IgnoredFiles]:
    repository = TestRepository.make(folder)
    return repository, IgnoredFiles(GitRunner(repository.environ), resolve)


async def test_rules_count_for_a_folder_below_and_not_for_what_is_tracked(tmp_path: Path) -> None:
    repository, ignored = make(tmp_path)
    repository.write(".gitignore", "*.log\nbuild/\n")
    repository.write("sub/kept.log", "x")
    repository.git("add", "--force", "sub/kept.log")
    repository.write("sub/build/f", "x")
    names = ["kept.log", "other.log", "build", "f"]
    assert await ignored.among(repository.path / "sub", names) == {"other.log", "build"}
    assert await ignored.among(repository.path, ["a.log", "sub"]) == {"a.log"}
    assert await ignored.among(tmp_path, ["a.log"]) == frozenset(), "no repository"


async def test_odd_names_come_back_as_they_are(tmp_path: Path) -> None:
    repository, ignored = make(tmp_path)
    repository.write("all/.gitignore", "*\n")
    (repository.path / "none").mkdir()
    for name in ODD:
        Path(os.fspath(repository.path), "all", name).touch()
    assert await ignored.among(repository.path / "all", ODD) == set(ODD)
    assert await ignored.among(repository.path / "none", ODD) == frozenset()


async def test_many_long_names_are_asked_for_in_parts(tmp_path: Path) -> None:
    repository, ignored = make(tmp_path)
    repository.write(".gitignore", "x*\n")
    names = [f"x{number:0254}" for number in range(1000)]
    assert await ignored.among(repository.path, [*names, "y"]) == set(names)
