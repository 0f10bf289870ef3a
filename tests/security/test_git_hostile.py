"""A hostile repository cannot run code by being looked at.

Each payload is a real repository whose configuration names a program that leaves a mark. `git.status` and `git.diff`
must leave none; then plain Git, asked the same, must leave it: a payload that never fires would prove nothing.
"""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.files.guard import PathGuard
from node.files.pool import FilePool
from node.git.runner import GitRunner
from node.git.service import GitService
from tests.support.hostile_git import (
    BY_DIFF,
    BY_FETCH,
    BY_STATUS,
    Payload,
    Trap,
    attribute,
    filter_clean,
    filter_from_an_included_file,
)
from tests.support.repositories import TestRepository
from tests.support.unprivileged import NOBODY
from ws.protocol.errors import ErrorCode, WireError
from ws.protocol.git import GitDiffParams, GitStatusParams


@pytest.fixture
def trap(tmp_path: Path) -> Iterator[Trap]:
    root = tmp_path / "root"
    root.mkdir()
    repository = TestRepository.make(root)
    repository.write("f", "abc\n")
    repository.commit()
    mark = tmp_path / "mark"
    program = tmp_path / "payload"
    program.write_text(f"#!/bin/sh\ntouch {mark}\ncat\n")
    program.chmod(0o755)
    (tmp_path / "transport").write_text(f"#!/bin/sh\ntouch {mark}\nexit 1\n")
    (tmp_path / "transport").chmod(0o755)
    pool = FilePool()
    guard = PathGuard([root], pool)
    resolve = guard.resolve_directory
    yield Trap(repository, program, mark, GitService(GitRunner(repository.environ), resolve), resolve)
    pool.close()


def fires(trap: Trap, *command: str) -> bool:
    """Whether plain Git leaves the mark; its own exit code does not matter."""
    for code in (0, 1, 128):
        try:
            trap.repository.git(*command, code=code)
        except AssertionError:
            continue
        break
    return trap.mark.exists()


@pytest.mark.parametrize("payload", BY_STATUS)
async def test_nothing_that_status_would_run_is_run(trap: Trap, payload: Payload) -> None:
    payload(trap)
    await trap.look()
    await trap.look()  # again, with what was remembered of its configuration
    assert not trap.mark.exists()
    assert fires(trap, "status"), "the payload does not work, so this test proves nothing"


@pytest.mark.parametrize("payload", BY_DIFF)
async def test_nothing_that_diff_would_run_is_run(trap: Trap, payload: Payload) -> None:
    payload(trap)
    await trap.look()
    assert not trap.mark.exists()
    assert fires(trap, "diff"), "the payload does not work, so this test proves nothing"


@pytest.mark.parametrize("payload", BY_FETCH)
async def test_a_missing_object_is_not_fetched_by_the_repositorys_own_command(trap: Trap, payload: Payload) -> None:
    payload(trap)
    await trap.service.status(GitStatusParams(node="n", path=str(trap.path)))
    with pytest.raises(WireError) as refused:
        await trap.service.diff(GitDiffParams(node="n", path=str(trap.path)))
    assert refused.value.code is ErrorCode.CONFLICT
    assert not trap.mark.exists()
    assert fires(trap, "diff"), "the payload does not work, so this test proves nothing"


async def test_a_filter_added_after_the_first_look_is_not_run(trap: Trap) -> None:
    await trap.look()
    filter_clean(trap)
    await trap.look()
    (trap.path / ".git/config").write_text(
        (trap.path / ".git/config").read_text().replace("evil", "elsewhere").replace("clean", "process")
    )
    attribute(trap, "filter=elsewhere")
    trap.touch()
    await trap.look()
    assert not trap.mark.exists()


async def test_a_filter_in_a_file_that_is_included_before_it_exists_is_not_run(trap: Trap) -> None:
    trap.config("include.path", "more")
    await trap.look()
    filter_from_an_included_file(trap)
    await trap.look()
    assert not trap.mark.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a repository of somebody else; run as root")
async def test_a_repository_trusted_later_still_runs_nothing(trap: Trap) -> None:
    filter_clean(trap)
    for path in (trap.path, trap.path / ".git"):
        os.chown(path, NOBODY, NOBODY)
    with pytest.raises(WireError, match="does not trust"):
        await trap.look()
    trap.repository.git("config", "--global", "--add", "safe.directory", str(trap.path))
    await trap.look()
    assert not trap.mark.exists()


async def test_the_users_own_filter_works_on(trap: Trap) -> None:
    attribute(trap, "filter=lfs")
    trap.repository.git("config", "--global", "filter.lfs.clean", str(trap.program))
    trap.touch()
    await trap.look()
    assert trap.mark.exists()


async def test_a_repository_cannot_put_its_command_under_the_name_of_the_users_filter(trap: Trap) -> None:
    attribute(trap, "filter=lfs")
    trap.repository.git("config", "--global", "filter.lfs.clean", "cat")
    trap.repository.git("config", "--global", "filter.lfs.required", "true")
    trap.config("filter.lfs.clean", str(trap.program))
    trap.config("filter.lfs.process", str(trap.program))
    trap.touch()
    await trap.look()
    assert not trap.mark.exists()


async def test_too_many_filters_are_refused(trap: Trap) -> None:
    with (trap.path / ".git/config").open("a") as config:
        config.writelines(f'[filter "f{number}"]\n\tclean = x\n' for number in range(1000))
    with pytest.raises(WireError, match="more than 500 filter settings") as refused:
        await trap.look()
    assert refused.value.code is ErrorCode.CONFLICT


async def test_a_program_named_git_in_the_repository_is_not_run(trap: Trap) -> None:
    (trap.path / "git").symlink_to(trap.program)
    environ = trap.repository.environ
    trap.service = GitService(GitRunner(environ | {"PATH": f".:{trap.path.name}::{environ['PATH']}"}), trap.resolve)
    await trap.look()
    assert not trap.mark.exists()


async def test_variables_of_git_in_the_nodes_environment_do_not_count(trap: Trap) -> None:
    trap.touch()
    evil = {
        "GIT_EXTERNAL_DIFF": str(trap.program),
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "core.fsmonitor",
        "GIT_CONFIG_VALUE_0": str(trap.program),
        "GIT_DIR": "/nonexistent",
        "GIT_EXEC_PATH": "/nonexistent",
    }
    trap.service = GitService(GitRunner(trap.repository.environ | evil), trap.resolve)
    await trap.look()
    assert not trap.mark.exists()


@pytest.mark.parametrize("way", ["pointer", "link", "common", "worktree"])
async def test_a_repository_whose_parts_lie_outside_the_roots_is_refused(trap: Trap, tmp_path: Path, way: str) -> None:
    (tmp_path / "private").mkdir()
    private = TestRepository.make(tmp_path / "private")
    private.commit(secret="the secret outside")
    place = tmp_path / "root/place"
    place.mkdir()
    if way == "pointer":
        (place / ".git").write_text(f"gitdir: {private.path}/.git\n")
    elif way == "link":
        (place / ".git").symlink_to(private.path / ".git")
    elif way == "common":
        (place / ".git").mkdir()
        (place / ".git/HEAD").write_text("ref: refs/heads/main\n")
        (place / ".git/commondir").write_text(f"{private.path}/.git\n")
    else:
        place = trap.path
        trap.config("core.worktree", str(private.path))
    for call in (
        lambda: trap.service.status(GitStatusParams(node="n", path=str(place))),
        lambda: trap.service.diff(GitDiffParams(node="n", path=str(place))),
    ):
        with pytest.raises(WireError) as refused:
            await call()
        assert refused.value.code in {ErrorCode.FORBIDDEN, ErrorCode.CONFLICT}


async def test_a_pipe_in_the_place_of_the_git_folder_holds_nobody_up(trap: Trap) -> None:
    place = trap.path.parent / "place"
    place.mkdir()
    os.mkfifo(place / ".git")
    (place / "HEAD").symlink_to(place / ".git")
    async with asyncio.timeout(10):
        with pytest.raises(WireError) as refused:
            await trap.service.status(GitStatusParams(node="n", path=str(place)))
    assert refused.value.code is ErrorCode.NOT_FOUND
