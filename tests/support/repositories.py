"""Real repositories for tests, made by the real Git and untouched by the account's own configuration."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class TestRepository:
    """A folder in which Git runs with a home of its own, so that `--global` settings stay in the test."""

    __test__ = False
    path: Path
    home: Path

    @classmethod
    def make(cls, folder: Path, name: str = "repository", *, options: tuple[str, ...] = ()) -> "TestRepository":
        """A new repository in `folder`, on branch main, with no commit yet."""
        path, home = folder / name, folder.parent / f"{folder.name}-home"
        path.mkdir()
        home.mkdir(exist_ok=True)
        repository = cls(path, home)
        repository.git("init", "-q", "-b", "main", *options)
        return repository

    @property
    def environ(self) -> dict[str, str]:
        """What Git inherits, in the test and from the service under test."""
        return {"PATH": os.environ["PATH"], "HOME": str(self.home)}  # noqa: TID251  the tests' own environment

    def git(self, *arguments: str, code: int = 0) -> str:
        """Run Git here and return what it prints; the exit code must be `code`."""
        identity = {
            f"GIT_{who}_{what}": value
            for who in ("AUTHOR", "COMMITTER")
            for what, value in (("NAME", "T"), ("EMAIL", "t@example.org"))
        }
        ended = subprocess.run(
            ["git", *arguments],
            cwd=self.path,
            env=self.environ | identity,
            capture_output=True,
            text=True,
            errors="surrogateescape",
            check=False,
        )
        assert ended.returncode == code, ended.stderr
        return ended.stdout

    def write(self, name: str, content: str = "") -> Path:
        """A file below the root, its folders made."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        return path

    def commit(self, **files: str) -> str:
        """Write the files (underscores stand for dots), commit everything, return the commit's id."""
        for name, content in files.items():
            self.write(name.replace("_", "."), content)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "change")
        return self.git("rev-parse", "HEAD").strip()
