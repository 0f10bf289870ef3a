"""git.log and git.show against real histories."""

import os

import pytest

from tests.support.repositories import TestRepository
from tests.unit.node.git.conftest import Git
from ws.protocol.errors import ErrorCode


def _subjects(page: object) -> list[str]:
    return [commit.subject for commit in page.commits]  # type: ignore[attr-defined]


def _commits(repository: TestRepository, *subjects: str) -> None:
    for subject in subjects:
        repository.git("commit", "-q", "--allow-empty", "-m", subject)


async def test_before_the_first_commit_the_log_is_empty(git: Git) -> None:
    page = await git.do("log")
    assert (page.commits, page.next_cursor) == ([], None)


async def test_a_commit_says_who_when_and_what(git: Git) -> None:
    head = git.repository.commit(a="1")
    git.repository.git("tag", "v1")
    git.repository.git("branch", "with,comma")
    git.repository.git("commit", "-q", "--allow-empty", "-m", "subject ü\n\nfirst\n\nsecond\n")
    (newest, first) = (await git.do("log")).commits
    assert (newest.subject, newest.body, newest.parents) == ("subject ü", "first\n\nsecond", [head])
    assert (newest.author, newest.email) == ("T", "t@example.org")
    assert newest.date.endswith("Z")
    assert (newest.refs, sorted(first.refs)) == (["main"], ["v1", "with,comma"])


async def test_pages_stay_right_while_commits_are_added(git: Git) -> None:
    _commits(git.repository, "1", "2", "3", "4", "5")
    first = await git.do("log", limit=2)
    _commits(git.repository, "6", "7")
    second = await git.do("log", limit=2, cursor=first.next_cursor)
    third = await git.do("log", limit=2, cursor=second.next_cursor)
    assert [_subjects(page) for page in (first, second, third)] == [["5", "4"], ["3", "2"], ["1"]]
    assert third.next_cursor is None


async def test_the_log_of_a_file_follows_its_renaming(git: Git) -> None:
    git.repository.commit(old="a\nb\nc\nd\n")
    git.repository.commit(other="x")
    git.repository.git("mv", "old", "new")
    git.repository.commit()
    assert len((await git.do("log", file="new")).commits) == 2
    assert len((await git.do("log", file="other")).commits) == 1
    assert (await git.do("log", file="nowhere")).commits == []


async def test_a_file_whose_name_is_no_text_has_a_log(git: Git) -> None:
    name = b"caf\xe9"
    (git.repository.path / os.fsdecode(name)).write_text("1")
    git.repository.commit()
    assert len((await git.do("log", file_bytes=name)).commits) == 1
    (file,) = (await git.do("show", ref="HEAD")).files
    assert (file.path, file.path_bytes) == ("caf\ufffd", name)


async def test_a_branch_has_a_log_of_its_own(git: Git) -> None:
    _commits(git.repository, "on main")
    git.repository.git("switch", "-q", "-c", "side")
    _commits(git.repository, "on side")
    git.repository.git("switch", "-q", "main")
    assert _subjects(await git.do("log", ref="side")) == ["on side", "on main"]


@pytest.mark.parametrize("cursor", ["x", "deadbeef:1", "f" * 40 + ":1", "HEAD:0", "a" * 40 + ":-1"])
async def test_a_cursor_that_was_not_given_is_invalid(git: Git, cursor: str) -> None:
    git.repository.commit(a="1")
    assert (await git.refusal("log", cursor=cursor)).code is ErrorCode.INVALID


async def test_a_ref_that_names_nothing_is_not_found(git: Git) -> None:
    git.repository.commit(a="1")
    for op in ("log", "show"):
        assert (await git.refusal(op, ref="no-such")).code is ErrorCode.NOT_FOUND


async def test_a_commit_is_shown_with_what_it_changed(git: Git) -> None:
    git.repository.commit(a="1\n", b="1\n")
    git.repository.commit(a="2\n")
    shown = await git.do("show", ref="HEAD")
    assert [(file.path, file.status) for file in shown.files] == [("a", "modified")]
    assert shown.files[0].hunks[0].lines == ["-1", "+2"]
    first = await git.do("show", ref="HEAD~1", file="b")
    assert [(file.path, file.status) for file in first.files] == [("b", "added")]


async def test_a_merge_is_shown_against_its_first_parent(git: Git) -> None:
    git.repository.commit(a="1\n")
    git.repository.git("switch", "-q", "-c", "side")
    git.repository.commit(b="side\n")
    git.repository.git("switch", "-q", "main")
    git.repository.commit(c="main\n")
    git.repository.git("merge", "-q", "--no-edit", "side")
    shown = await git.do("show", ref="HEAD")
    assert len(shown.commit.parents) == 2
    assert [file.path for file in shown.files] == ["b"]


async def test_a_commit_from_beyond_the_calendar_has_a_date(git: Git) -> None:
    git.repository.commit(a="1")
    tree = git.repository.git("rev-parse", "HEAD^{tree}").strip()
    raw = git.repository.path / "raw"
    raw.write_text(f"tree {tree}\nauthor A <a> 99999999999999 +0000\ncommitter A <a> 0 +0000\n\nfar\n")
    commit = git.repository.git("hash-object", "-t", "commit", "-w", "--literally", "raw").strip()
    (found,) = (await git.do("log", ref=commit)).commits
    assert found.date == "1970-01-01T00:00:00Z"


async def test_a_repository_of_sha_256_has_a_history(git: Git) -> None:
    folder = git.repository.path.parent / "long"
    folder.mkdir()
    long = TestRepository.make(folder, options=("--object-format=sha256",))
    long.commit(a="1\n")
    long.commit(a="2\n")
    first = await git.do("log", long.path, limit=1)
    second = await git.do("log", long.path, limit=1, cursor=first.next_cursor)
    assert len(second.commits[0].id) == 64
    assert (await git.do("show", long.path, ref=second.commits[0].id)).files[0].status == "added"
