"""Git option injection: what a caller sends is a commit or a path, never an option."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from node.files.guard import PathGuard
from node.files.pool import FilePool
from node.git.runner import GitRunner
from node.git.service import GitService
from tests.support.repositories import TestRepository
from ws.protocol.errors import ErrorCode, WireError
from ws.protocol.git import GitDiffParams

OPTIONS = [
    "--output={mark}",
    "--output",
    "--no-index",
    "--ext-diff",
    "--upload-pack=touch {mark}",
    "-O{mark}",
    "-f",
    "-",
    "--",
    "--end-of-options",
    "-c core.fsmonitor=touch",
]


@pytest.fixture
def repository(tmp_path: Path) -> TestRepository:
    (tmp_path / "root").mkdir()
    repository = TestRepository.make(tmp_path / "root")
    repository.commit(f="1\n")
    repository.write("f", "2\n")
    return repository


@pytest.fixture
def service(repository: TestRepository) -> Iterator[GitService]:
    pool = FilePool()
    guard = PathGuard([repository.path.parent], pool)
    yield GitService(GitRunner(repository.environ), guard.resolve_directory)
    pool.close()


@pytest.mark.parametrize("option", OPTIONS)
def test_the_protocol_takes_no_option_for_a_commit(option: str) -> None:
    raw = msgspec.json.encode({"node": "n", "path": "/x", "base": option})
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(raw, type=GitDiffParams)


@pytest.mark.parametrize("option", OPTIONS)
async def test_an_option_for_a_commit_is_invalid_even_when_it_gets_that_far(
    service: GitService, repository: TestRepository, tmp_path: Path, option: str
) -> None:
    mark = tmp_path / "mark"
    with pytest.raises(WireError) as refused:
        await service.diff(GitDiffParams(node="n", path=str(repository.path), base=option.format(mark=mark)))
    assert refused.value.code is ErrorCode.INVALID
    assert not mark.exists()


@pytest.mark.parametrize("option", [*OPTIONS, ":(exclude)f", ":/", ":!f", "*", "f\nf", "$(touch mark)", "`id`"])
async def test_an_option_or_a_pattern_for_a_file_is_a_name_that_does_not_exist(
    service: GitService, repository: TestRepository, tmp_path: Path, option: str
) -> None:
    before = set(tmp_path.rglob("*"))
    file = option.format(mark="mark")
    assert (await service.diff(GitDiffParams(node="n", path=str(repository.path), file=file))).files == []
    assert (await service.diff(GitDiffParams(node="n", path=str(repository.path), file=file, base="HEAD"))).files == []
    assert set(tmp_path.rglob("*")) == before


async def test_branches_named_like_options_and_commands_are_only_names(
    service: GitService, repository: TestRepository
) -> None:
    for name in ("$(touch${IFS}x)", "`id`", "a;id", "@"):
        repository.git("update-ref", f"refs/heads/{name}", "HEAD")
        (file,) = (
            await service.diff(GitDiffParams(node="n", path=str(repository.path), base=f"refs/heads/{name}"))
        ).files
        assert file.hunks[0].lines == ["-1", "+2"]
