"""git.* as a client meets it: through Main, on a real node, with its trash, its remotes and its watchers."""

from pathlib import Path

import pytest

from tests.support.client import OpError
from tests.support.installation import Installation
from tests.support.repositories import TestRepository

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("api git")]


@pytest.fixture
def repository(whole: Installation, request: pytest.FixtureRequest) -> TestRepository:
    name = str(request.node.name)[:60]
    made = TestRepository.make(whole.home, name)
    made.git("config", "user.name", "T")
    made.git("config", "user.email", "t@example.org")
    made.commit(a_txt="one\n")
    bare = whole.home / f"{name}.git"
    made.git("clone", "-q", "--bare", str(made.path), str(bare))
    made.git("remote", "add", "origin", str(bare))
    made.git("fetch", "-q")
    made.git("branch", "-q", "--set-upstream-to=origin/main")
    return made


async def test_from_a_new_branch_to_the_remote_while_somebody_watches(
    whole: Installation, repository: TestRepository
) -> None:
    path = str(repository.path)
    async with whole.client.socket() as socket:
        watch = await socket.subscribe("git.watch", {"node": whole.node, "path": path})
        assert (await whole.op("git.checkout", path=path, branch="topic", create=True))["branch"] == "topic"
        repository.write("new.txt", "new\n")
        staged = await whole.op("git.stage", path=path, files=["new.txt"])
        assert [(each["path"], each["index"]) for each in staged["files"]] == [("new.txt", "A")]
        committed = await whole.op("git.commit", path=path, message="A new file")
        assert committed["files"] == []
        pushed = await whole.op("git.push", path=path)
        assert (pushed["upstream"], pushed["ahead"]) == ("origin/topic", 0)
        seen: list[str | None] = []
        while "push" not in seen:
            seen += [event.get("act") for event in await watch.until("changed")]
        await watch.close()
    log = await whole.op("git.log", path=path, limit=1)
    assert (log["commits"][0]["subject"], log["commits"][0]["id"]) == ("A new file", committed["head"])
    older = await whole.op("git.log", path=path, limit=1, cursor=log["next_cursor"])
    assert older["commits"][0]["subject"] == "change"
    shown = await whole.op("git.show", path=path, ref=committed["head"])
    assert [file["path"] for file in shown["files"]] == ["new.txt"]
    branches = await whole.op("git.branches", path=path)
    assert (branches["current"], branches["remotes"]) == ("topic", ["origin"])


async def test_a_discarded_file_lies_in_the_trash_and_comes_back(
    whole: Installation, repository: TestRepository
) -> None:
    path = str(repository.path)
    lost = repository.write("not yet known.txt", "only here\n")
    repository.write("a.txt", "changed\n")
    assert (await whole.op("git.discard", path=path, all=True))["files"] == []
    assert not lost.exists()
    assert (repository.path / "a.txt").read_text() == "one\n"
    kept = list(Path(whole.home).rglob("not yet known.txt*"))
    assert any(each.read_text() == "only here\n" for each in kept if each.suffix == ".txt")


async def test_refusals_are_sentences_with_a_code(whole: Installation, repository: TestRepository) -> None:
    path = str(repository.path)
    for op, params, status, words in (
        ("git.commit", {"message": "x"}, 409, "Nothing is staged"),
        ("git.cancel", {}, 409, "No fetch, pull, push or commit runs"),
        ("git.checkout", {"branch": "-f"}, 400, "branch"),
        ("git.fetch", {"remote": "elsewhere"}, 404, "There is no remote elsewhere"),
    ):
        with pytest.raises(OpError) as refused:
            await whole.op(op, path=path, **params)
        assert refused.value.status == status
        assert words in refused.value.problem["detail"]
