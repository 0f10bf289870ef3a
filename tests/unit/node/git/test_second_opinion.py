"""What the node says of a repository agrees with what GitPython reads of it.

GitPython reads references and the index itself and takes commits and trees apart in Python, from the raw objects: no
words of a listing or a patch are read a second time. The repositories are random ones from fixed seeds.
"""

import hashlib
import os
import shutil
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import git as gitpython
import pytest

from tests.support.repositories import TestRepository
from tests.unit.node.git.conftest import Git
from ws.protocol.git import Branch, DiffFile, GitBranchesResult, GitLogResult, GitShowResult
from ws.protocol.git import Commit as WireCommit

NAMES = ("plain", "-f", "two words", "ü/é", "tab\tname", "line\nend", '"quoted"', "back\\slash", ":(top)x", "deep/er/x")
NO_TEXT = os.fsdecode(b"caf\xe9")
STEPS = 14

Tree = dict[str, tuple[int, str]]
"""Mode and id of the content by path; bytes that are no text stand as in `os.fsdecode`."""


class Builder:
    """Does random things to a repository."""

    def __init__(self, repository: TestRepository, seed: int) -> None:
        self._repository = repository
        self._random = Random(seed)

    def build(self) -> None:
        for step in range(STEPS):
            if step > 3 and step % 4 == 0:
                self._merge(step)
            self._change(step)
            self._commit(step)
        self._repository.git("tag", "light", "HEAD~1")
        self._repository.git("tag", "-a", "heavy", "-m", "said with a message", "HEAD~2")
        self._repository.git("branch", "odd/ü,name", "HEAD~3")
        self._repository.git("update-ref", "refs/remotes/origin/main", "HEAD~1")
        self._repository.git("gc", "-q")  # packs and packed-refs are read too, beside what comes after
        self._change(STEPS)
        self._commit(STEPS)

    def disturb(self) -> None:
        """Leave changes of every kind in the index and the worktree.

        A name that is no text goes first: GitPython reads no index that holds one.
        """
        self._git("rm", "-q", "--ignore-unmatch", "--", NO_TEXT)
        self._commit(STEPS)
        tracked = [name for name in self._tracked() if not (self._repository.path / name).is_symlink()]
        self._random.shuffle(tracked)
        staged, changed, gone, both, *_ = tracked
        self._write(staged, "staged")
        self._write(both, "staged")
        self._git("add", "--", staged, both)
        self._write(both, "changed again")
        self._write(changed, "changed")
        (self._repository.path / gone).unlink()
        self._repository.write("not tracked")
        self._repository.write("new")
        self._git("add", "--", "new")

    def _change(self, step: int) -> None:
        names = [*NAMES, NO_TEXT]
        for name in self._random.sample(names, 3):
            self._write(name, f"{step} {name!r}\n" * self._random.randint(1, 20))
        tracked = self._tracked()
        if step % 3 == 2:
            (self._repository.path / self._random.choice(tracked)).unlink()
        if step % 3 == 1:
            self._git("mv", "--", self._random.choice(tracked), f"moved {step}")
        if step == 5:
            (self._repository.path / "link").symlink_to("plain")
        if step == 6:
            self._repository.write("runs", "#!/bin/sh\n").chmod(0o755)

    def _merge(self, step: int) -> None:
        branch = f"side-{step}"
        self._git("switch", "-q", "-c", branch, "HEAD~1")
        self._repository.write(f"of {branch}", branch)
        self._commit(step)
        self._git("switch", "-q", "main")
        self._git("merge", "-q", "--no-ff", "-m", f"merge {branch}", branch)

    def _commit(self, step: int) -> None:
        self._git("add", "-A")
        body = self._random.choice(["", "\n\nwhy\n\n  and how\n", "\n\nü → é\n"])
        self._git("commit", "-q", "--allow-empty", "-m", f"step {step}{body}")

    def _write(self, name: str, content: str) -> None:
        self._repository.write(name, content)

    def _tracked(self) -> list[str]:
        return [name for name in self._git("ls-files", "-z").split("\0") if name]

    def _git(self, *arguments: str) -> str:
        return self._repository.git("--literal-pathspecs", *arguments)


@pytest.fixture(scope="module", params=[1, 2])
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> TestRepository:
    repository = TestRepository.make(tmp_path_factory.mktemp("built"))
    Builder(repository, request.param).build()
    return repository


@pytest.fixture
def repository(built: TestRepository, tmp_path: Path) -> TestRepository:
    """A copy of its own for each test."""
    path = tmp_path / "root" / "repository"
    shutil.copytree(built.path, path, symlinks=True)
    return TestRepository(path, built.home)


@pytest.fixture
def second(repository: TestRepository) -> Iterator[gitpython.Repo]:
    with gitpython.Repo(repository.path) as repo:
        yield repo


def tree_of(commit: gitpython.Commit | None) -> Tree:
    if commit is None:
        return {}
    entries = (each for each in commit.tree.traverse() if isinstance(each, gitpython.Blob))
    return {str(each.path): (each.mode, each.hexsha) for each in entries}


def reachable(start: gitpython.Commit) -> dict[str, gitpython.Commit]:
    found: dict[str, gitpython.Commit] = {}
    ahead = [start]
    while ahead:
        commit = ahead.pop()
        if commit.hexsha not in found:
            found[commit.hexsha] = commit
            ahead += commit.parents
    return found


def shown(path: str) -> str:
    return os.fsencode(path).decode("utf-8", "replace")


def differences(before: Tree, after: Tree) -> set[tuple[str, str]]:
    return {
        (shown(path), "added" if path not in before else "deleted" if path not in after else "modified")
        for path in before.keys() | after.keys()
        if before.get(path) != after.get(path)
    }


def told(files: list[DiffFile]) -> set[tuple[str, str]]:
    """What git.show says, a renaming as the two acts that it is made of."""
    found = set()
    for file in files:
        if file.status == "renamed":
            assert file.old_path is not None
            found |= {(file.old_path, "deleted"), (file.path, "added")}
        else:
            found.add((file.path, file.status))
    return found


def names_at(repo: gitpython.Repo) -> dict[str, set[str]]:
    """Names of branches and tags by commit."""
    found: dict[str, set[str]] = {}
    for ref in repo.refs:
        found.setdefault(ref.commit.hexsha, set()).add(ref.name)
    return found


def same_commit(ours: WireCommit, theirs: gitpython.Commit) -> None:
    subject, _, body = str(theirs.message).partition("\n")
    written = datetime.fromtimestamp(theirs.authored_date, UTC)
    assert (ours.subject, ours.body or "") == (subject, body.strip("\n"))
    assert ours.parents == [parent.hexsha for parent in theirs.parents]
    assert (ours.author, ours.email) == (theirs.author.name, theirs.author.email)
    assert datetime.fromisoformat(ours.date) == written


async def test_the_log_holds_every_commit_once_and_as_it_was_written(git: Git, second: gitpython.Repo) -> None:
    commits: list[WireCommit] = []
    cursor = None
    while cursor is not None or not commits:
        page: GitLogResult = await git.do("log", limit=7, cursor=cursor)
        commits += page.commits
        cursor = page.next_cursor
    theirs, names = reachable(second.head.commit), names_at(second)
    assert sorted(commit.id for commit in commits) == sorted(theirs)
    for commit in commits:
        same_commit(commit, theirs[commit.id])
        assert set(commit.refs) == names.get(commit.id, set())


async def test_a_commit_shows_the_difference_of_two_trees(git: Git, second: gitpython.Repo) -> None:
    theirs = reachable(second.head.commit)
    assert {len(commit.parents) for commit in theirs.values()} == {0, 1, 2}
    renamed = 0
    for identity, commit in theirs.items():
        result: GitShowResult = await git.do("show", ref=identity)
        before, after = tree_of(next(iter(commit.parents), None)), tree_of(commit)
        assert told(result.files) == differences(before, after)
        for file in result.files:
            assert os.fsdecode(file.path_bytes or file.path.encode()) in before | after
            renamed += file.status == "renamed"
    assert renamed


async def test_branches_stand_where_the_references_do(git: Git, second: gitpython.Repo) -> None:
    def facts(branch: Branch) -> tuple[str, str, str]:
        return branch.name, branch.commit, branch.subject

    result: GitBranchesResult = await git.do("branches")
    for kind, refs in (("local", second.heads), ("remote", second.references)):
        expected = {
            (ref.name, ref.commit.hexsha, ref.commit.summary)
            for ref in refs
            if kind == "local" or isinstance(ref, gitpython.RemoteReference)
        }
        assert {facts(branch) for branch in result.branches if branch.kind == kind} == expected
    assert result.current == second.active_branch.name
    assert [branch.name for branch in result.branches if branch.is_current] == ["main"]


async def test_a_detached_head_is_on_no_branch(git: Git, second: gitpython.Repo) -> None:
    git.repository.git("switch", "-q", "--detach", "HEAD~1")
    assert second.head.is_detached
    status, branches = await git.status(), await git.do("branches")
    assert (status.branch, status.head, branches.current) == (None, second.head.commit.hexsha, None)


def blob(path: Path) -> tuple[int, str]:
    """Mode and id that the file would have in a tree (gitformat-index: only whether it runs is kept of its mode)."""
    status = path.lstat()
    is_link = stat.S_ISLNK(status.st_mode)
    raw = os.fsencode(path.readlink()) if is_link else path.read_bytes()
    mode = 0o120000 if is_link else 0o100755 if status.st_mode & 0o100 else 0o100644
    return mode, hashlib.sha1(b"blob %d\0" % len(raw) + raw, usedforsecurity=False).hexdigest()


def letter(before: tuple[int, str] | None, after: tuple[int, str] | None) -> str:
    if before == after:
        return "."
    return "A" if before is None else "D" if after is None else "M"


async def test_the_status_is_the_difference_of_head_index_and_files(git: Git, second: gitpython.Repo) -> None:
    Builder(git.repository, 0).disturb()
    root = git.repository.path
    head = tree_of(second.head.commit)
    index = {str(path): (entry.mode, entry.hexsha) for (path, _), entry in second.index.entries.items()}
    files = {
        str(path.relative_to(root)): blob(path)
        for path in root.rglob("*")
        if ".git" not in path.parts and (path.is_symlink() or path.is_file())
    }
    expected = {}
    for path in head.keys() | index.keys() | files.keys():
        known = path in head or path in index
        letters = letter(head.get(path), index.get(path)) + letter(index.get(path), files.get(path)) if known else "??"
        if letters != "..":
            expected[shown(path)] = letters
    status = await git.status()
    assert {file.path: file.index + file.worktree for file in status.files} == expected
    assert set(expected.values()) >= {"A.", "M.", ".M", ".D", "MM", "??"}
