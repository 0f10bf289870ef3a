"""Git option injection: what a caller sends is a commit or a path, never an option."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest

from node.files.guard import PathGuard
from node.files.pool import FilePool
from node.git.runner import GitRunner
from node.git.service import GitService
from tests.support.repositories import TestRepository
from ws.protocol.errors import ErrorCode, WireError
from ws.protocol.git import GitCommitParams, GitDiffParams, GitFilesParams, GitStatusParams
from ws.protocol.ops import OPS

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


REFS = [
    *((op, "ref") for op in ("log", "show")),
    *(("checkout", field) for field in ("branch", "start")),
    *(("create_branch", field) for field in ("branch", "start")),
    ("delete_branch", "branch"),
    *((op, "remote") for op in ("fetch", "push")),
]
"""Every field of an operation that ends as a name on Git's command line."""


@pytest.mark.parametrize(("op", "field"), REFS)
@pytest.mark.parametrize("option", OPTIONS)
async def test_an_option_for_any_name_is_refused_at_the_border_and_behind_it(
    service: GitService, repository: TestRepository, tmp_path: Path, op: str, field: str, option: str
) -> None:
    row = OPS[f"git.{op}"]
    before = {each for each in tmp_path.rglob("*") if each.is_file()}, (repository.path / "f").read_text()
    fields = {"branch": "x", "ref": "HEAD", "create": True} | {field: option.format(mark=tmp_path / "mark")}
    fields = {name: value for name, value in fields.items() if name in row.params.__struct_fields__}
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"node": "n", "path": str(repository.path), **fields}, row.params)
    unchecked = row.params(node="n", path=str(repository.path), **fields)
    with pytest.raises(WireError) as refused:
        await getattr(service, op)(unchecked)
    assert refused.value.code in {ErrorCode.INVALID, ErrorCode.NOT_FOUND}
    assert ({each for each in tmp_path.rglob("*") if each.is_file()}, (repository.path / "f").read_text()) == before


@pytest.mark.parametrize("op", ["stage", "unstage", "discard"])
@pytest.mark.parametrize("option", [*OPTIONS, ":(exclude)g", ":!g", "*", ":/f"])
async def test_an_option_or_a_pattern_among_files_touches_no_other_file(
    service: GitService, repository: TestRepository, tmp_path: Path, op: str, option: str
) -> None:
    before = await service.status(GitStatusParams(node="n", path=str(repository.path)))
    params = GitFilesParams(node="n", path=str(repository.path), files=[option.format(mark="mark")])
    with suppress(WireError):  # unstage takes a name that does not exist for one without a change
        await getattr(service, op)(params)
    assert await service.status(GitStatusParams(node="n", path=str(repository.path))) == before
    assert (repository.path / "f").read_text() == "2\n"


@pytest.mark.parametrize("message", [*OPTIONS, "$(touch mark)", "-m x", "x\n\n--amend", "\u202e", "x" * 100_000])
async def test_a_message_is_only_a_message(
    service: GitService, repository: TestRepository, tmp_path: Path, message: str
) -> None:
    repository.git("config", "user.name", "T")
    repository.git("config", "user.email", "t@example.org")
    message = message.format(mark=tmp_path / "mark") if "{mark}" in message else message
    await service.commit(GitCommitParams(node="n", path=str(repository.path), message=message, all=True))
    assert repository.git("log", "-1", "--format=%B").rstrip("\n") == message
    assert repository.git("rev-list", "--count", "HEAD").strip() == "2"
    assert not list(tmp_path.rglob("mark"))


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
