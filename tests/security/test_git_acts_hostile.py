"""Acting in a hostile repository runs the hooks of a commit and of a push, and nothing else that it brings along.

As in test_git_hostile: after the act through us there is no mark; then plain Git does the same and must leave it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from node.files.guard import PathGuard
from node.files.pool import FilePool
from node.git.process import Watched
from node.git.runner import GitRunner
from node.git.service import GitService
from node.git.trust import Trust
from tests.support.hostile_git import (
    Trap,
    attribute,
    filter_clean,
    filter_from_a_conditional_include,
    filter_process,
    fsmonitor,
)
from tests.support.repositories import TestRepository
from ws.protocol.errors import ErrorCode, WireError
from ws.protocol.git import GitStatusParams
from ws.protocol.ops import OPS


@dataclass
class Yard(Trap):
    """The trap's repository follows a branch of a bare one beside it, which is one commit ahead."""

    remote: TestRepository

    async def do(self, op: str, **fields: object) -> WireError | None:
        """Call `git.OP`; the refusal, if it was refused."""
        params = msgspec.convert({"node": "n", "path": str(self.path), **fields}, OPS[f"git.{op}"].params)
        try:
            await getattr(self.service, op)(params)
        except WireError as error:
            return error
        return None

    async def trust(self) -> Trust:
        """What acts take from the configuration as it is now."""
        opened = await self.service._opener.open(GitStatusParams(node="n", path=str(self.path)))
        return opened.configured.trust

    def fires(self, *commands: tuple[str, ...]) -> bool:
        """Whether plain Git leaves the mark; its exit codes do not matter."""
        for command in commands:
            for code in (0, 1, 128):
                try:
                    self.repository.git(*command, code=code)
                except AssertionError:
                    continue
                break
        return self.mark.exists()


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[Yard]:
    root = tmp_path / "root"
    root.mkdir()
    remote = TestRepository.make(root, "remote", options=("--bare",))
    repository = TestRepository.make(root)
    repository.git("config", "--global", "user.name", "T")
    repository.git("config", "--global", "user.email", "t@example.org")
    repository.write("f", "abc\n")
    repository.commit()
    repository.git("branch", "side")
    repository.git("remote", "add", "origin", str(remote.path))
    repository.git("push", "-q", "-u", "origin", "main")
    other = TestRepository(root / "other", repository.home)
    remote.git("clone", "-q", str(remote.path), str(other.path))
    other.write("f", "theirs\n")
    other.commit()
    other.git("push", "-q")
    mark, program = tmp_path / "mark", tmp_path / "payload"
    for path, last in ((program, "cat"), (tmp_path / "transport", "exit 1")):
        path.write_text(f"#!/bin/sh\ntouch {mark}\n{last}\n")
        path.chmod(0o755)
    pool = FilePool()
    resolve = PathGuard([root], pool).resolve_directory

    async def trash(path: Path) -> str:
        return path.name

    service = GitService(GitRunner(repository.environ), resolve, trash=trash)
    yield Yard(repository, program, mark, service, resolve, remote)
    pool.close()


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


Payload = Callable[[Yard], None]
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


def by_upload_pack(yard: Yard) -> None:
    yard.config("remote.origin.uploadpack", str(yard.transport))


def by_receive_pack(yard: Yard) -> None:
    yard.config("remote.origin.receivepack", str(yard.transport))


def by_helper(yard: Yard) -> None:
    yard.config("remote.origin.vcs", f"ext::{yard.transport}")


def by_shell(yard: Yard) -> None:
    yard.config("remote.origin.url", f"ext::{yard.transport}")
    yard.config("protocol.ext.allow", "always")


def by_another_shell_for_pushing(yard: Yard) -> None:
    yard.config("remote.origin.pushurl", f"ext::{yard.transport}")
    yard.config("protocol.ext.allow", "always")


def by_rewriting_the_address(yard: Yard) -> None:
    yard.config(f"url.ext::{yard.transport} .insteadOf", str(yard.remote.path.parent))
    yard.config("protocol.ext.allow", "always")


def by_an_ssh_of_its_own(yard: Yard) -> None:
    yard.config("remote.origin.url", "ssh://127.0.0.1:1/x")
    yard.config("core.sshCommand", str(yard.transport))


def by_a_proxy_of_its_own(yard: Yard) -> None:
    yard.config("remote.origin.url", "git://127.0.0.1/x")
    yard.config("core.gitProxy", str(yard.transport))


@pytest.mark.parametrize(
    ("payload", "ops"),
    [
        (by_upload_pack, ("fetch", "pull")),
        (by_receive_pack, ("push",)),
        (by_shell, ("fetch", "push", "pull")),
        (by_another_shell_for_pushing, ("push",)),
        (by_rewriting_the_address, ("fetch", "push", "pull")),
        (by_an_ssh_of_its_own, ("fetch", "push", "pull")),
        (by_a_proxy_of_its_own, ("fetch", "push", "pull")),
    ],
)
async def test_no_remote_is_reached_by_a_program_of_the_repository(
    yard: Yard, payload: Payload, ops: tuple[str, ...]
) -> None:
    payload(yard)
    for op in ops:
        assert await yard.do(op) is not None
        assert not yard.mark.exists(), op
    assert yard.fires((ops[0],)), "the payload does not work, so this test proves nothing"


async def test_a_helper_in_place_of_a_remote_is_refused(yard: Yard) -> None:
    by_helper(yard)
    for op in ("fetch", "push", "pull"):
        assert "remote.origin.vcs" in str(await yard.do(op))


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:1/x",
        "git://127.0.0.1:1/x",
        "ext::sh -c id",
        "fd::17",
        "-oProxyCommand=id:x",
        "ssh://-oProxyCommand=id/x",
        "evil::https://example.org/x",
        "file:///etc",
        "/etc",
        "../../../etc",
        "ftp://127.0.0.1/x",
    ],
)
async def test_an_address_that_is_not_allowed_is_refused_before_anything_runs(yard: Yard, address: str) -> None:
    yard.config("remote.origin.url", address)
    for op in ("fetch", "push", "pull"):
        refused = await yard.do(op)
        assert refused is not None
        assert refused.code is ErrorCode.FORBIDDEN, (op, refused)


@pytest.mark.parametrize("key", ["credential.helper", "credential.https://127.0.0.1.helper"])
async def test_a_credential_helper_of_the_repository_is_not_asked_and_the_users_is(yard: Yard, key: str) -> None:
    """Which helpers Git would ask is what `git credential fill` asks, with the settings of a fetch."""
    users = yard.program.parent / "users"
    helper = yard.program.parent / "helper"
    helper.write_text(f"#!/bin/sh\ntouch {users}\necho username=u\necho password=p\n")
    helper.chmod(0o755)
    yard.config(key, str(yard.transport))
    yard.repository.git("config", "--global", "credential.helper", str(helper))
    trust = await yard.trust()
    runner = GitRunner(yard.repository.environ)
    output = await runner.act(
        ["credential", "fill"],
        directory=yard.path,
        config=[*trust.settings, *trust.credentials],
        deadline_s=10,
        with_remotes=True,
        watched=Watched(b"protocol=https\nhost=127.0.0.1\n\n"),
    )
    assert output.code == 0, output.stderr
    assert users.exists()
    assert not yard.mark.exists()


async def test_certificates_and_cookies_are_the_users_own_matter(yard: Yard) -> None:
    yard.config("remote.origin.url", "https://127.0.0.1:1/x")
    for key in ("http.sslCAInfo", "http.https://127.0.0.1.sslCAInfo", "http.cookieFile", "http.sslKey"):
        yard.config(key, "/etc/passwd")
        assert key.lower() in str(await yard.do("fetch")).lower()
        yard.repository.git("config", "--unset", key)
    yard.config("http.https://127.0.0.1.sslVerify", "false")
    trust = await yard.trust()
    assert ("http.https://127.0.0.1.sslverify", "true") in trust.settings


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
