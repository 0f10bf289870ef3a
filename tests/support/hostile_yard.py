"""A hostile repository to act in: it follows a remote that is one commit ahead."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from node.files.guard import PathGuard
from node.files.pool import FilePool
from node.git.runner import GitRunner
from node.git.service import GitService
from node.git.trust import Trust
from tests.support.hostile_git import Trap
from tests.support.repositories import TestRepository
from ws.protocol.errors import WireError
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


@contextmanager
def hostile_yard(tmp_path: Path) -> Iterator[Yard]:
    """A new one; `tmp_path` holds its roots, its payloads and their mark."""
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
