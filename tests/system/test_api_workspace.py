"""git.*, projects.list and providers.list: members, kinds and refusals."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.client import OpError
from tests.support.installation import Installation
from tests.support.repositories import TestRepository

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("api workspace")]


@pytest.fixture
def repository(whole: Installation, request: pytest.FixtureRequest) -> TestRepository:
    made = TestRepository.make(whole.home, str(request.node.name)[:60])
    made.commit(a_txt="one\ntwo\nthree\n", b_txt="bee\n", old_txt="same\n" * 20, gone_txt="x\n")
    return made


async def status(whole: Installation, path: Path) -> dict[str, Any]:
    return await whole.op("git.status", path=str(path))


async def test_a_clean_repository(whole: Installation, repository: TestRepository) -> None:
    answer = await status(whole, repository.path)
    expected = {"root": str(repository.path), "branch": "main", "ahead": 0, "behind": 0, "state": "clean", "files": []}
    assert {name: answer[name] for name in expected} == expected
    assert "upstream" not in answer


async def test_every_kind_of_change_by_its_letters(whole: Installation, repository: TestRepository) -> None:
    repository.write("a.txt", "one\nTWO\nthree\n")
    repository.write("new file ü.txt", "new\n")
    repository.write("staged.txt", "staged\n")
    repository.git("add", "staged.txt")
    repository.git("mv", "old.txt", "renamed.txt")
    repository.git("rm", "-q", "gone.txt")
    (repository.path / "sub").mkdir()
    answer = await status(whole, repository.path / "sub")
    assert answer["root"] == str(repository.path)
    found = {each["path"]: each for each in answer["files"]}
    letters = {path: each["index"] + each["worktree"] for path, each in found.items()}
    assert letters == {
        "a.txt": ".M",
        "new file ü.txt": "??",
        "staged.txt": "A.",
        "renamed.txt": "R.",
        "gone.txt": "D.",
    }
    assert found["renamed.txt"]["renamed_from"] == "old.txt"
    assert "renamed_from" not in found["a.txt"]


async def test_upstream_ahead_and_behind(whole: Installation, repository: TestRepository) -> None:
    repository.git("branch", "other")
    repository.git("branch", "-q", "--set-upstream-to=other")
    repository.commit(a_txt="mine\n")
    answer = await status(whole, repository.path)
    assert (answer["upstream"], answer["ahead"], answer["behind"]) == ("other", 1, 0)
    repository.git("checkout", "-q", "--detach")
    assert (await status(whole, repository.path))["branch"] is None


async def test_a_merge_that_is_under_way_says_so(whole: Installation, repository: TestRepository) -> None:
    repository.git("checkout", "-q", "-b", "side")
    repository.commit(a_txt="side\n")
    repository.git("checkout", "-q", "main")
    repository.commit(a_txt="main\n")
    repository.git("merge", "-q", "side", code=1)
    answer = await status(whole, repository.path)
    assert answer["state"] == "merging"
    assert {each["path"]: each["index"] + each["worktree"] for each in answer["files"]} == {"a.txt": "UU"}


async def test_a_diff_by_file_and_hunk(whole: Installation, repository: TestRepository) -> None:
    repository.write("a.txt", "one\nTWO\nthree\n")
    repository.write("b.txt", "bee\nbee\n")
    repository.git("add", "b.txt")
    worktree = await whole.op("git.diff", path=str(repository.path))
    [changed] = worktree["files"]
    assert (changed["path"], changed["status"], changed["binary"]) == ("a.txt", "modified", False)
    [hunk] = changed["hunks"]
    assert hunk["header"].startswith("@@ -1,3 +1,3 @@")
    assert hunk["lines"] == [" one", "-two", "+TWO", " three"]
    staged = await whole.op("git.diff", path=str(repository.path), staged=True)
    assert [each["path"] for each in staged["files"]] == ["b.txt"]
    base = await whole.op("git.diff", path=str(repository.path), base="HEAD")
    assert {each["path"] for each in base["files"]} == {"a.txt", "b.txt"}
    one = await whole.op("git.diff", path=str(repository.path), base="HEAD", file="b.txt")
    assert [each["path"] for each in one["files"]] == ["b.txt"]
    assert (await whole.op("git.diff", path=str(repository.path), file="old.txt"))["files"] == []


async def test_renamed_deleted_and_binary_files_in_a_diff(whole: Installation, repository: TestRepository) -> None:
    repository.git("mv", "old.txt", "renamed.txt")
    repository.git("rm", "-q", "gone.txt")
    (repository.path / "image").write_bytes(b"\x00\xff\x00")
    repository.git("add", "image")
    answer = await whole.op("git.diff", path=str(repository.path), staged=True)
    found = {each["path"]: each for each in answer["files"]}
    assert (found["renamed.txt"]["status"], found["renamed.txt"]["old_path"]) == ("renamed", "old.txt")
    assert found["gone.txt"]["status"] == "deleted"
    assert (found["image"]["status"], found["image"]["binary"], found["image"]["hunks"]) == ("added", True, [])


@pytest.mark.parametrize("op", ["git.status", "git.diff"])
async def test_a_folder_that_is_no_repository_is_not_found(whole: Installation, op: str) -> None:
    with pytest.raises(OpError) as refused:
        await whole.op(op, path=str(whole.work))
    assert (refused.value.status, refused.value.code) == (404, "not_found")


async def test_projects_are_folders_with_sessions_repositories_and_pinned_ones(
    whole: Installation, repository: TestRepository
) -> None:
    await whole.session()
    pinned = whole.home / "pinned"
    pinned.mkdir()
    await whole.op("projects.pin", path=str(pinned), pinned=True)
    projects = {each["path"]: each for each in (await whole.op("projects.list"))["projects"]}
    for each in projects.values():
        assert {"path", "name", "sessions", "last_used", "pinned"} <= set(each)
    worked = projects[str(whole.work)]
    assert (worked["name"], worked["sessions"], worked["pinned"]) == ("work", 1, False)
    assert worked["last_used"].endswith("Z")
    assert "git_branch" not in worked
    assert projects[str(repository.path)]["git_branch"] == "main"
    assert projects[str(repository.path)]["last_used"] is None
    assert projects[str(pinned)]["pinned"] is True


async def test_providers_tell_what_the_page_shows(whole: Installation) -> None:
    providers = {each["id"]: each for each in (await whole.op("providers.list"))["providers"]}
    scripted = providers["scripted"]
    assert {"id", "name", "available", "models", "modes", "commands", "features"} <= set(scripted)
    assert (scripted["name"], scripted["available"]) == ("Scripted", True)
    assert "reason" not in scripted
    assert {"id", "name", "efforts"} <= set(scripted["models"][0])
    assert {"id", "name"} <= set(scripted["modes"][0])
    assert "claude" not in providers, "it is switched off"


async def test_a_node_that_nobody_knows_is_not_found(whole: Installation) -> None:
    for op in ("projects.list", "providers.list", "terminal.list"):
        with pytest.raises(OpError) as refused:
            await whole.client.op(op, node="nobody")
        assert refused.value.code == "not_found"
