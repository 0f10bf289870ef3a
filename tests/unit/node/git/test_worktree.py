"""git.stage, unstage and discard, with every kind of name."""

import os
from typing import Any

import pytest

from tests.unit.node.git.conftest import Bin, Git
from ws.protocol.errors import ErrorCode
from ws.protocol.git import GitStatusResult

ODD = ["-rf", "--all", ":(glob)*", ":!f", "new\nline", "tab\there", '"quoted"', "a" * 255, "日本", "*", " ", "\\"]


def letters(result: GitStatusResult) -> dict[str, str]:
    return {file.path: file.index + file.worktree for file in result.files}


@pytest.mark.parametrize("name", ODD)
async def test_a_file_of_any_name_is_staged_unstaged_and_discarded_alone(git: Git, name: str) -> None:
    git.repository.commit(f="1\n")
    git.repository.write(name, "1\n")
    git.repository.commit()
    git.repository.write(name, "2\n")
    git.repository.write("f", "2\n")
    assert letters(await git.do("stage", files=[name])) == {name: "M.", "f": ".M"}
    assert letters(await git.do("unstage", files=[name])) == {name: ".M", "f": ".M"}
    assert letters(await git.do("discard", files=[name])) == {"f": ".M"}
    assert (git.repository.path / name).read_text() == "1\n"


async def test_a_name_that_is_no_text_is_told_and_taken_as_bytes(git: Git) -> None:
    git.repository.commit(f="1\n")
    name = b"caf\xe9"
    (git.repository.path / os.fsdecode(name)).write_text("1\n")
    (file,) = (await git.status()).files
    assert (file.path, file.path_bytes) == ("caf\ufffd", name)
    (staged,) = (await git.do("stage", files_bytes=[name])).files
    assert (staged.index, staged.path_bytes) == ("A", name)
    assert letters(await git.do("unstage", files_bytes=[name])) == {"caf\ufffd": "??"}


async def test_everything_is_staged_and_unstaged(git: Git) -> None:
    git.repository.commit(changed="1\n", gone="1\n")
    git.repository.write("changed", "2\n")
    (git.repository.path / "gone").unlink()
    git.repository.write("deep/new", "n\n")
    staged = letters(await git.do("stage", all=True))
    assert staged == {"changed": "M.", "gone": "D.", "deep/new": "A."}
    assert letters(await git.do("unstage", all=True)) == {"changed": ".M", "gone": ".D", "deep/new": "??"}


async def test_a_folder_stands_for_what_is_below(git: Git, trash: Bin) -> None:
    git.repository.commit(f="1\n")
    git.repository.write("d/a", "1\n")
    git.repository.write("db", "1\n")
    assert letters(await git.do("stage", files=["d"])) == {"d/a": "A.", "db": "??"}
    await git.do("unstage", files=["d"])
    assert letters(await git.do("discard", files=["d"])) == {"db": "??"}
    assert trash.names == ["a"]


async def test_before_the_first_commit_files_are_staged_and_unstaged(git: Git) -> None:
    git.repository.write("a", "1\n")
    assert letters(await git.do("stage", files=["a"])) == {"a": "A."}
    assert letters(await git.do("unstage", files=["a"])) == {"a": "??"}
    await git.do("stage", all=True)
    assert letters(await git.do("unstage", all=True)) == {"a": "??"}


async def test_unstaging_everything_does_not_give_up_a_merge(git: Git) -> None:
    git.repository.commit(a="1\n")
    git.repository.git("switch", "-q", "-c", "side")
    git.repository.commit(b="side\n")
    git.repository.git("switch", "-q", "main")
    git.repository.commit(c="main\n")
    git.repository.git("merge", "-q", "--no-commit", "side")
    assert (await git.do("unstage", all=True)).state == "merging"


async def test_discarding_keeps_what_is_staged_and_puts_untracked_files_into_the_trash(git: Git, trash: Bin) -> None:
    git.repository.commit(f="1\n", gone="1\n")
    git.repository.write("f", "staged\n")
    git.repository.git("add", "f")
    git.repository.write("f", "worktree\n")
    git.repository.write("new", "n\n")
    (git.repository.path / "gone").unlink()
    assert letters(await git.do("discard", all=True)) == {"f": "M."}
    assert (git.repository.path / "f").read_text() == "staged\n"
    assert (git.repository.path / "gone").read_text() == "1\n"
    assert trash.names == ["new"]
    assert (trash.folder / "1").read_text() == "n\n"


async def test_when_one_name_cannot_be_discarded_nothing_is(git: Git, trash: Bin) -> None:
    git.repository.commit(f="1\n", same="1\n")
    git.repository.write("f", "2\n")
    git.repository.write("new", "n\n")
    assert (await git.refusal("discard", files=["f", "new", "same"])).code is ErrorCode.NOT_FOUND
    assert (git.repository.path / "f").read_text() == "2\n"
    assert trash.names == []


async def test_a_file_about_to_be_added_or_in_conflict_is_not_discarded(git: Git) -> None:
    git.repository.commit(f="1\n")
    git.repository.write("soon", "only here\n")
    git.repository.git("add", "--intent-to-add", "soon")
    assert (await git.refusal("discard", files=["soon"])).code is ErrorCode.CONFLICT
    assert (git.repository.path / "soon").read_text() == "only here\n"
    git.repository.git("switch", "-q", "-c", "side")
    git.repository.commit(f="side\n")
    git.repository.git("switch", "-q", "main")
    git.repository.commit(f="main\n")
    git.repository.git("merge", "-q", "side", code=1)
    assert "conflict" in (await git.refusal("discard", files=["f"])).detail


@pytest.mark.parametrize("op", ["stage", "unstage", "discard"])
@pytest.mark.parametrize(
    "fields",
    [{}, {"files": ["f"], "all": True}, {"files": ["../f"]}, {"files": ["/etc/passwd"]}, {"files": ["a/../../f"]}],
)
async def test_a_wrong_choice_of_files_is_invalid(git: Git, op: str, fields: dict[str, Any]) -> None:
    git.repository.commit(f="1\n")
    assert (await git.refusal(op, **fields)).code is ErrorCode.INVALID


async def test_what_cannot_be_staged_is_named(git: Git) -> None:
    git.repository.commit(f="1\n")
    git.repository.write(".gitignore", "*.log\n")
    git.repository.write("x.log", "1\n")
    assert (await git.refusal("stage", files=["nowhere"])).code is ErrorCode.NOT_FOUND
    assert "ignores" in (await git.refusal("stage", files=["x.log"])).detail
    (git.repository.path / "link").symlink_to("/etc")
    assert (await git.refusal("stage", files=["link/passwd"])).code is ErrorCode.INVALID
    assert "A" not in {file.index for file in (await git.do("stage", files=[".git/config"])).files}


async def test_thousands_of_files_are_staged_at_once(git: Git) -> None:
    git.repository.commit(f="1\n")
    names = [f"folder/{'long' * 20}{number}" for number in range(2000)]
    for name in names:
        git.repository.write(name)
    assert len((await git.do("stage", files=names)).files) == 2000


async def test_unstaging_leaves_a_conflict_to_be_given_up(git: Git) -> None:
    git.repository.commit(f="1\n")
    git.repository.git("switch", "-q", "-c", "side")
    git.repository.commit(f="side\n", new="side\n")
    git.repository.git("switch", "-q", "main")
    git.repository.commit(f="main\n")
    git.repository.git("merge", "-q", "side", code=1)
    for files in (["f"], ["."]):
        assert "conflict" in (await git.refusal("unstage", files=files)).detail
    assert letters(await git.do("unstage", all=True)) == {"f": "UU", "new": "??"}
    assert "f has a conflict" in (await git.refusal("unstage", all=True)).detail
    (git.repository.path / "new").unlink()
    assert (await git.do("abort")).state == "clean"
    assert (git.repository.path / "f").read_text() == "main\n"


async def test_a_new_branch_that_a_lock_stopped_is_not_said_to_have_been_there(git: Git) -> None:
    git.repository.commit(f="1\n")
    (git.repository.path / ".git" / "HEAD.lock").touch()
    assert "HEAD.lock" in (await git.refusal("checkout", branch="fresh", create=True)).detail
