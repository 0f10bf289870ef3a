"""git.commit: messages, hooks, identity, states."""

import asyncio
from pathlib import Path

import pytest

from tests.support.waiting import eventually
from tests.unit.node.git.conftest import Git, called
from ws.protocol.errors import ErrorCode, WireError

pytestmark = pytest.mark.usefixtures("identity")


def hook(git: Git, name: str, script: str) -> None:
    path = git.repository.write(f".git/hooks/{name}", f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def message(git: Git) -> str:
    return git.repository.git("log", "-1", "--format=%B").rstrip("\n")


async def test_what_is_staged_is_committed_and_the_rest_stays(git: Git) -> None:
    git.repository.write("a", "1\n")
    git.repository.write("b", "1\n")
    git.repository.git("add", "a")
    result = await git.do("commit", message="# a heading stays\n\n-m --amend 'ü'\n")
    assert [file.path for file in result.files] == ["b"]
    assert result.head == git.repository.git("rev-parse", "HEAD").strip()
    assert message(git) == "# a heading stays\n\n-m --amend 'ü'"


async def test_everything_is_committed_when_asked_for(git: Git) -> None:
    git.repository.commit(gone="1\n")
    (git.repository.path / "gone").unlink()
    git.repository.write("new", "1\n")
    assert (await git.do("commit", message="all", all=True)).files == []


async def test_the_last_commit_is_amended_and_may_keep_its_message(git: Git) -> None:
    git.repository.commit(a="1\n")
    git.repository.write("b", "1\n")
    await git.do("commit", message="", amend=True, all=True)
    assert message(git) == "change"
    await git.do("commit", message="better", amend=True)
    assert message(git) == "better"
    assert git.repository.git("rev-list", "--count", "HEAD").strip() == "1"


async def test_what_cannot_be_committed_is_refused_in_a_sentence(git: Git) -> None:
    assert (await git.refusal("commit", message="x", amend=True)).detail.startswith("There is no commit yet")
    git.repository.commit(a="1\n")
    assert (await git.refusal("commit", message=" \n")).code is ErrorCode.INVALID
    assert (await git.refusal("commit", message="x")).detail.startswith("Nothing is staged")
    git.repository.write("a", "2\n")
    assert (await git.refusal("commit", message="x")).detail.startswith("Nothing is staged")


async def test_without_a_name_git_is_told_who_you_are_not_guessed(git: Git) -> None:
    (git.repository.home / ".gitconfig").unlink()
    git.repository.write("a", "1\n")
    refused = await git.refusal("commit", message="x", all=True)
    assert refused.code is ErrorCode.CONFLICT
    assert "git config --global user.name" in refused.detail
    assert "git config --global user.email" in refused.detail


async def test_hooks_run_as_under_plain_git(git: Git, tmp_path: Path) -> None:
    git.repository.write("a", "1\n")
    hook(git, "pre-commit", f"touch {tmp_path}/ran; git status --short > {tmp_path}/status")
    hook(git, "commit-msg", 'echo "Signed-off-by: hook" >> "$1"')
    await git.do("commit", message="x", all=True)
    assert (tmp_path / "status").read_text() == "A  a\n"
    assert message(git) == "x\nSigned-off-by: hook"


async def test_a_hook_that_refuses_is_quoted_and_cut(git: Git) -> None:
    git.repository.write("a", "1\n")
    hook(git, "pre-commit", "yes 'lint: much' | head -n 10000 >&2; echo 'lint: \033[31mline 7 is too long' >&2; exit 1")
    refused = await git.refusal("commit", message="x", all=True)
    assert refused.code is ErrorCode.CONFLICT
    assert refused.detail.startswith("A hook of this repository refused:")
    assert refused.detail.endswith("line 7 is too long")


async def test_a_hook_in_the_folder_that_the_repository_names_counts(git: Git) -> None:
    git.repository.write("a", "1\n")
    script = git.repository.write("hooks/pre-commit", "#!/bin/sh\necho not today\nexit 1\n")
    script.chmod(0o755)
    git.repository.git("config", "core.hooksPath", "hooks")
    assert (await git.refusal("commit", message="x", all=True)).detail.endswith("not today")


async def test_a_program_that_a_hook_leaves_behind_does_not_hold_the_commit(git: Git, tmp_path: Path) -> None:
    git.repository.write("a", "1\n")
    hook(git, "post-commit", f"(sleep 30; true) & echo $! > {tmp_path}/pid")
    async with asyncio.timeout(10):
        assert (await git.do("commit", message="x", all=True)).files == []
    with_pid = (tmp_path / "pid").read_text().strip()
    process = await asyncio.create_subprocess_exec("kill", with_pid)
    await process.wait()


async def test_a_commit_that_cannot_be_signed_says_so(git: Git) -> None:
    git.repository.write("a", "1\n")
    git.repository.git("config", "--global", "commit.gpgSign", "true")
    assert "could not be signed" in (await git.refusal("commit", message="x", all=True)).detail


async def test_conflicts_are_committed_when_they_are_resolved(git: Git) -> None:
    git.repository.commit(a="1\n")
    git.repository.git("switch", "-q", "-c", "side")
    git.repository.commit(a="side\n")
    git.repository.git("switch", "-q", "main")
    git.repository.commit(a="main\n")
    git.repository.git("merge", "-q", "side", code=1)
    assert "still have conflicts" in (await git.refusal("commit", message="x")).detail
    git.repository.write("a", "both\n")
    await git.do("stage", files=["a"])
    result = await git.do("commit", message="merged")
    assert (result.state, result.files) == ("clean", [])


async def test_a_lock_of_another_git_is_waited_for_and_then_named(git: Git) -> None:
    git.repository.write("a", "1\n")
    lock = git.repository.write(".git/index.lock")
    refused = await git.refusal("stage", all=True)
    assert (refused.code, refused.retryable) == (ErrorCode.CONFLICT, True)
    assert str(lock) in refused.detail
    staging = called(git.do("stage", all=True))
    asyncio.get_running_loop().call_later(0.3, lock.unlink)
    assert (await staging).files[0].index == "A"


async def test_a_commit_goes_on_without_its_caller_and_can_be_cancelled(git: Git, tmp_path: Path) -> None:
    git.repository.commit(a="1\n")
    git.repository.write("a", "2\n")
    hook(git, "pre-commit", f"touch {tmp_path}/began; while [ ! -e {tmp_path}/go ]; do sleep 0.02; done")
    caller = called(git.do("commit", message="went on", all=True))
    await eventually((tmp_path / "began").exists, what="the hook")
    caller.cancel()
    assert (await git.refusal("commit", message="second")).detail.startswith("A commit runs")
    assert (await git.refusal("stage", all=True)).code is ErrorCode.CONFLICT
    (tmp_path / "go").touch()
    await eventually(lambda: message(git) == "went on", what="the commit")
    (tmp_path / "go").unlink()
    (tmp_path / "began").unlink()
    git.repository.write("a", "3\n")

    async def second() -> WireError:
        return await git.refusal("commit", message="never", all=True)

    async def is_free() -> bool:
        return not (git.repository.path / ".git/index.lock").exists()

    await eventually(lambda: not git.service._acts._long, what="the end of the first")
    waiting = called(second())
    await eventually((tmp_path / "began").exists, what="the hook again")
    await git.do("cancel")
    assert (await waiting).detail == "The commit was cancelled."
    assert message(git) == "went on"
    assert await is_free()
