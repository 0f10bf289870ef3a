"""Acting in a hostile repository runs the hooks of a commit and of a push, and nothing else that it brings along.

As in test_git_hostile: after the act through us there is no mark; then plain Git does the same and must leave it.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from node.git.runner import GitRunner
from node.git.service import GitService
from tests.support.hostile_git import (
    Trap,
    attribute,
    filter_clean,
    filter_from_a_conditional_include,
    filter_process,
    fsmonitor,
)
from tests.support.hostile_yard import Yard
from ws.protocol.errors import ErrorCode


def hooks(yard: Yard, *names: str) -> None:
    (yard.path / ".git/hooks").mkdir(exist_ok=True)
    for name in names:
        (yard.path / ".git/hooks" / name).symlink_to(yard.program)


async def test_no_hook_runs_but_those_of_a_commit_and_a_push(yard: Yard) -> None:
    hooks(
        yard,
        *("post-checkout", "post-merge", "pre-merge-commit", "pre-rebase", "post-rewrite", "post-index-change"),
        *("reference-transaction", "pre-commit", "commit-msg", "post-commit", "pre-push", "pre-auto-gc"),
    )
    yard.repository.write("new", "1\n")
    for op, fields in (
        ("stage", {"all": True}),
        ("unstage", {"all": True}),
        ("discard", {"all": True}),
        ("create_branch", {"branch": "made"}),
        ("checkout", {"branch": "made"}),
        ("checkout", {"branch": "main"}),
        ("delete_branch", {"branch": "made"}),
        ("fetch", {}),
        ("pull", {}),
    ):
        refused = await yard.do(op, **fields)
        assert refused is None, (op, refused)
        assert not yard.mark.exists(), op
    yard.repository.git("reset", "-q", "--hard", "HEAD~1")
    yard.mark.unlink(missing_ok=True)
    for how in ("merge", "rebase"):
        yard.repository.git("-c", "core.hooksPath=/dev/null", "commit", "-q", "--allow-empty", "-m", how)
        assert await yard.do("pull", how=how) is None
        assert not yard.mark.exists(), how
    yard.repository.write("new", "1\n")
    assert await yard.do("commit", message="x", all=True) is None
    assert yard.mark.exists()
    yard.mark.unlink()
    assert await yard.do("push") is None
    assert yard.mark.exists()


FILES: dict[str, dict[str, Any]] = {
    "stage": {"files": ["f"]},
    "unstage": {"all": True},
    "discard": {"files": ["f"]},
    "checkout": {"branch": "side"},
    "commit": {"message": "x", "all": True},
    "pull": {"how": "rebase"},
}
PLAIN: dict[str, tuple[tuple[str, ...], ...]] = {
    "stage": (("add", "f"),),
    "unstage": (("reset", "-q", "--", "."),),
    "discard": (("status",), ("restore", "f")),  # a file is compared, through its filter, only once
    "checkout": (("switch", "side"),),
    "commit": (("commit", "-qam", "x"),),
    "pull": (("pull", "-q", "--rebase", "--autostash"),),
}


def filter_smudge(yard: Yard) -> None:
    attribute(yard, "filter=evil")
    yard.config("filter.evil.smudge", str(yard.program))


@pytest.mark.parametrize("op", FILES)
@pytest.mark.parametrize("payload", [filter_clean, filter_process, filter_from_a_conditional_include])
async def test_no_filter_of_the_repository_runs_and_nothing_is_done_without_it(
    yard: Yard, op: str, payload: Callable[[Trap], None]
) -> None:
    payload(yard)
    before = (yard.path / "f").read_bytes()
    refused = await yard.do(op, **FILES[op])
    assert refused is not None
    assert (refused.code, "filter.evil" in refused.detail) == (ErrorCode.CONFLICT, True)
    assert (yard.path / "f").read_bytes() == before
    assert not yard.mark.exists()
    assert yard.fires(*PLAIN[op]), "the payload does not work, so this test proves nothing"


@pytest.mark.parametrize("op", ["discard", "pull"])
async def test_no_filter_of_the_repository_runs_when_files_are_written(yard: Yard, op: str) -> None:
    filter_smudge(yard)
    yard.repository.write("f", "x\n")
    assert await yard.do(op, **FILES[op]) is not None
    assert not yard.mark.exists()
    assert yard.fires(*PLAIN[op]), "the payload does not work, so this test proves nothing"


async def test_the_users_own_filter_runs_when_files_are_staged(yard: Yard) -> None:
    attribute(yard, "filter=lfs")
    for place in ("--global", "--local"):  # as `git lfs install` and `git lfs install --local` write it
        yard.repository.git("config", place, "filter.lfs.clean", str(yard.program))
    yard.repository.write("f", "x\n")
    assert await yard.do("stage", files=["f"]) is None
    assert yard.mark.exists()


@pytest.mark.parametrize("op", FILES)
async def test_no_monitor_of_the_repository_runs(yard: Yard, op: str) -> None:
    fsmonitor(yard)
    yard.repository.git("-c", "core.fsmonitor=false", "update-index", "--no-fsmonitor")
    yard.mark.unlink(missing_ok=True)
    yard.touch()
    await yard.do(op, **FILES[op])
    assert not yard.mark.exists()
    assert yard.fires(("status",))


async def test_no_merge_driver_or_strategy_of_the_repository_runs(yard: Yard, tmp_path: Path) -> None:
    yard.repository.write("f", "ours\n")
    yard.repository.commit()
    attribute(yard, "merge=evil")
    yard.config("merge.evil.driver", str(yard.program))
    for how in ("merge", "rebase"):
        refused = await yard.do("pull", how=how)
        assert refused is not None
        assert "merge.evil.driver" in refused.detail
    assert not yard.mark.exists()
    assert yard.fires(("pull", "-q", "--no-rebase", "--no-edit"))
    yard.repository.git("reset", "-q", "--hard", "ORIG_HEAD")
    yard.mark.unlink()
    yard.repository.git("config", "--unset", "merge.evil.driver")
    (tmp_path / "git-merge-evil").symlink_to(yard.transport)
    environ = yard.repository.environ | {"PATH": f"{tmp_path}:{yard.repository.environ['PATH']}"}
    yard.service = GitService(GitRunner(environ), yard.resolve)
    yard.config("branch.main.mergeOptions", "--strategy=evil")
    yard.config("pull.twohead", "evil")
    assert "stopped at conflicts" in str(await yard.do("pull", how="merge"))
    assert not yard.mark.exists()


async def test_no_program_of_the_repository_signs(yard: Yard) -> None:
    yard.repository.write("f", "x\n")
    for key, value in (
        ("commit.gpgSign", "true"),
        ("gpg.program", str(yard.transport)),
        ("gpg.openpgp.program", str(yard.transport)),
    ):
        yard.config(key, value)
    assert "could not be signed" in str(await yard.do("commit", message="x", all=True))
    assert not yard.mark.exists()
    assert yard.fires(("commit", "-qm", "x"))


async def test_the_users_own_program_signs(yard: Yard) -> None:
    yard.repository.write("f", "x\n")
    yard.config("commit.gpgSign", "true")
    yard.repository.git("config", "--global", "gpg.program", str(yard.transport))
    assert await yard.do("commit", message="x", all=True) is not None
    assert yard.mark.exists()


async def test_a_rebase_that_the_repository_brings_half_done_is_not_carried_on(yard: Yard) -> None:
    folder = yard.path / ".git/rebase-merge"
    folder.mkdir()
    head = yard.repository.git("rev-parse", "HEAD").strip()
    for name, content in (
        ("git-rebase-todo", f"exec {yard.program}\n"),
        ("head-name", "refs/heads/main\n"),
        ("onto", head),
        ("orig-head", head),
        ("interactive", ""),
    ):
        (folder / name).write_text(content)
    for op, fields in (("commit", {"message": "x", "all": True}), ("pull", {"how": "rebase"}), ("abort", {})):
        await yard.do(op, **fields)
        assert not yard.mark.exists(), op


async def test_an_editor_or_a_pager_is_never_opened(yard: Yard) -> None:
    for key in ("core.editor", "core.pager", "sequence.editor", "core.askPass", "pager.log", "pager.branch"):
        yard.config(key, str(yard.program))
    yard.repository.write("f", "x\n")
    for op, fields in (
        ("commit", {"message": "", "amend": True, "all": True}),
        ("pull", {"how": "merge"}),
        ("abort", {}),
        ("pull", {"how": "rebase"}),
        ("abort", {}),
        ("log", {}),
        ("branches", {}),
    ):
        await yard.do(op, **fields)
    assert not yard.mark.exists()
