"""Repositories that name programs of their own, each in another way that Git has for it.

A payload leaves a mark when its program runs; a test shows that it does under plain Git and does not through us.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from node.git.opening import Resolve
from node.git.service import GitService
from tests.support.repositories import TestRepository
from ws.protocol.git import GitDiffParams, GitStatusParams


@dataclass
class Trap:
    """A repository with one commit of `f`, a program that leaves `mark`, and the service that looks at it."""

    repository: TestRepository
    program: Path
    mark: Path
    service: GitService
    resolve: Resolve

    @property
    def path(self) -> Path:
        return self.repository.path

    @property
    def transport(self) -> Path:
        """Leaves the mark too, and ends at once: a conversation with it would never."""
        return self.program.parent / "transport"

    def config(self, key: str, value: str) -> None:
        self.repository.git("config", key, value)

    def touch(self) -> None:
        """Make `f` look changed without changing its size, so that Git has to read it again."""
        content = (self.path / "f").read_text()
        (self.path / "f").write_text(content[::-1])

    async def look(self) -> None:
        """Every reading act, over the whole repository and over one file. What Git refuses is no concern here."""
        await self.service.status(GitStatusParams(node="n", path=str(self.path)))
        for params in (
            GitDiffParams(node="n", path=str(self.path)),
            GitDiffParams(node="n", path=str(self.path), staged=True),
            GitDiffParams(node="n", path=str(self.path), base="HEAD"),
            GitDiffParams(node="n", path=str(self.path), file="f"),
        ):
            await self.service.diff(params)


def fsmonitor(trap: Trap) -> None:
    trap.config("core.fsmonitor", str(trap.program))


def hooks_path(trap: Trap) -> None:
    (trap.path.parent / "hooks").mkdir()
    (trap.path.parent / "hooks/post-index-change").symlink_to(trap.program)
    trap.config("core.hooksPath", str(trap.path.parent / "hooks"))
    os.utime(trap.path / "f", (1, 1))


def own_hook(trap: Trap) -> None:
    (trap.path / ".git/hooks").mkdir(exist_ok=True)
    (trap.path / ".git/hooks/post-index-change").symlink_to(trap.program)
    os.utime(trap.path / "f", (1, 1))


def attribute(trap: Trap, value: str) -> None:
    (trap.path / ".git/info").mkdir(exist_ok=True)
    (trap.path / ".git/info/attributes").write_text(f"* {value}\n")


def filter_clean(trap: Trap) -> None:
    attribute(trap, "filter=evil")
    trap.config("filter.evil.clean", str(trap.program))
    trap.touch()


def filter_process(trap: Trap) -> None:
    attribute(trap, "filter=evil")
    trap.config("filter.evil.process", str(trap.program))
    trap.touch()


def filter_that_is_required(trap: Trap) -> None:
    filter_clean(trap)
    trap.config("filter.evil.required", "true")


def filter_with_an_odd_name(trap: Trap) -> None:
    attribute(trap, "filter=e.v=i'l$(id)")
    trap.config("filter.e.v=i'l$(id).clean", str(trap.program))
    trap.touch()


def filter_in_the_worktrees_attributes(trap: Trap) -> None:
    trap.repository.write(".gitattributes", "* filter=evil\n")
    trap.config("filter.evil.clean", str(trap.program))
    trap.touch()


def filter_from_an_included_file(trap: Trap) -> None:
    attribute(trap, "filter=evil")
    (trap.path / ".git/more").write_text(f'[filter "evil"]\n\tclean = {trap.program}\n')
    trap.config("include.path", "more")
    trap.touch()


def filter_from_a_conditional_include(trap: Trap) -> None:
    attribute(trap, "filter=evil")
    (trap.path / ".git/more").write_text(f'[filter "evil"]\n\tclean = {trap.program}\n')
    trap.config("includeIf.onbranch:main.path", "more")
    trap.touch()


def filter_from_the_worktrees_config(trap: Trap) -> None:
    attribute(trap, "filter=evil")
    trap.config("extensions.worktreeConfig", "true")
    trap.repository.git("config", "--worktree", "filter.evil.clean", str(trap.program))
    trap.touch()


def external_diff(trap: Trap) -> None:
    trap.config("diff.external", str(trap.program))
    trap.touch()


def diff_driver(trap: Trap) -> None:
    attribute(trap, "diff=evil")
    trap.config("diff.evil.command", str(trap.program))
    trap.touch()


def text_conversion(trap: Trap) -> None:
    attribute(trap, "diff=evil")
    trap.config("diff.evil.textconv", str(trap.program))
    trap.touch()


def _submodule(trap: Trap) -> TestRepository:
    inner = TestRepository.make(trap.path.parent, "inner")
    inner.commit(g="abc\n")
    trap.repository.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(inner.path), "sub")
    trap.repository.commit()
    within = TestRepository(trap.path / "sub", trap.repository.home)
    within.write("g", "cba\n")
    return within


def filter_of_a_submodule(trap: Trap) -> None:
    within = _submodule(trap)
    within.write(".gitattributes", "* filter=evil\n")
    within.git("config", "filter.evil.clean", str(trap.program))


def fsmonitor_of_a_submodule(trap: Trap) -> None:
    _submodule(trap).git("config", "core.fsmonitor", str(trap.program))


def external_diff_of_a_submodule(trap: Trap) -> None:
    within = _submodule(trap)
    within.git("config", "diff.external", str(trap.program))
    trap.config("diff.submodule", "diff")


def _lose_a_blob(trap: Trap, url: str) -> None:
    """Make the repository a partial clone in which the content of `f` must be fetched before it can be compared."""
    blob = trap.repository.git("rev-parse", "HEAD:f").strip()
    (trap.path / ".git/objects" / blob[:2] / blob[2:]).unlink()
    for key, value in (
        ("core.repositoryFormatVersion", "1"),
        ("extensions.partialClone", "origin"),
        ("remote.origin.promisor", "true"),
        ("remote.origin.url", url),
    ):
        trap.config(key, value)
    (trap.path / "f").write_text("changed\n")


def fetch_by_a_command(trap: Trap) -> None:
    _lose_a_blob(trap, str(trap.path.parent))
    trap.config("remote.origin.uploadpack", str(trap.transport))


def fetch_by_a_shell(trap: Trap) -> None:
    _lose_a_blob(trap, f"ext::{trap.transport}")
    trap.config("protocol.ext.allow", "always")


def fetch_by_an_ssh_of_their_own(trap: Trap) -> None:
    _lose_a_blob(trap, "ssh://127.0.0.1/x")
    trap.config("core.sshCommand", str(trap.transport))


def fetch_by_a_proxy_of_their_own(trap: Trap) -> None:
    _lose_a_blob(trap, "git://127.0.0.1/x")
    trap.config("core.gitProxy", str(trap.transport))


Payload = Callable[[Trap], None]
BY_STATUS: tuple[Payload, ...] = (
    fsmonitor,
    hooks_path,
    own_hook,
    filter_clean,
    filter_process,
    filter_that_is_required,
    filter_with_an_odd_name,
    filter_in_the_worktrees_attributes,
    filter_from_an_included_file,
    filter_from_a_conditional_include,
    filter_from_the_worktrees_config,
    filter_of_a_submodule,
    fsmonitor_of_a_submodule,
)
BY_DIFF: tuple[Payload, ...] = (external_diff, diff_driver, text_conversion, external_diff_of_a_submodule)
BY_FETCH: tuple[Payload, ...] = (
    fetch_by_a_command,
    fetch_by_a_shell,
    fetch_by_an_ssh_of_their_own,
    fetch_by_a_proxy_of_their_own,
)
