"""`make` as a newcomer meets it: it sets itself up, says what is missing, starts the program and ends without noise."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from ptyprocess import PtyProcess

ROOT = Path(__file__).parents[2]
TOOLS = ("sh", "env", "rm", "touch", "make")
STAND_IN = """
import os, signal, sys
signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
print("started", [name for name in os.environ if name.startswith(("MAKE", "MFLAGS", "ARGS"))], sys.argv[1:], flush=True)
signal.pause()
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder with the Makefile, a program to start, and a lock of one small package."""
    folder = tmp_path / "clone"
    folder.mkdir()
    shutil.copy(ROOT / "Makefile", folder)
    (folder / "main_server.py").write_text(STAND_IN)
    lock = (ROOT / "requirements.txt").read_text()
    small = re.search(r"^sniffio==.*?(?=^\S)", lock, re.MULTILINE | re.DOTALL)
    assert small
    (folder / "requirements.txt").write_text(small[0])
    return folder


def _make(clone: Path, target: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", target], cwd=clone, env=_environment(environ), capture_output=True, text=True, timeout=50, check=False
    )


def _environment(more: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))} | dict(more)


def _path_with(folder: Path, **programs: str) -> str:
    """A PATH of the tools that the Makefile uses, and of the given shell scripts."""
    folder.mkdir()
    for name in TOOLS:
        found = shutil.which(name)
        assert found
        (folder / name).symlink_to(found)
    for name, script in programs.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    return str(folder)


def test_without_a_new_enough_python_one_sentence_says_so(clone: Path, tmp_path: Path) -> None:
    ended = _make(clone, "run", PATH=_path_with(tmp_path / "bin", python3="exit 1"))
    assert ended.returncode != 0
    assert ended.stderr.splitlines()[0].startswith("Switchyard needs Python 3.11 or newer")


def test_a_python_without_its_venv_module_names_the_package(clone: Path, tmp_path: Path) -> None:
    script = 'case "$2" in *version_info\\[*) echo 3.12;; *ensurepip*) exit 1;; esac'
    ended = _make(clone, "run", PATH=_path_with(tmp_path / "bin", python3=script))
    assert ended.returncode != 0
    assert ended.stderr.splitlines()[0].endswith("install it: apt install python3.12-venv")


def test_set_up_installs_by_hash_whatever_the_users_pip_is_told(clone: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    first = _make(clone, "setup", PIP_TARGET=str(elsewhere), PIP_USER="1", PYTHONPATH=str(elsewhere))
    assert first.returncode == 0, first.stderr
    assert len(first.stdout.splitlines()) == 1
    assert not elsewhere.exists()
    assert list((clone / ".venv").glob("lib/python3*/site-packages/sniffio"))
    again = _make(clone, "setup", PATH=_path_with(tmp_path / "bin"))
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")


def test_a_package_with_another_hash_is_refused(clone: Path) -> None:
    lock = clone / "requirements.txt"
    lock.write_text(re.sub(r"sha256:\w{8}", "sha256:00000000", lock.read_text()))
    ended = _make(clone, "setup")
    assert ended.returncode != 0
    assert "DO NOT MATCH THE HASHES" in ended.stderr
    assert not (clone / ".venv" / ".ready").exists()


def test_a_virtual_environment_whose_python_has_gone_is_made_anew(clone: Path) -> None:
    python = clone / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to("/nowhere/python3")
    (clone / ".venv" / ".ready").touch()
    ended = _make(clone, "setup")
    assert ended.returncode == 0, ended.stderr
    assert list((clone / ".venv").glob("lib/python3*/site-packages/sniffio"))


def test_ctrl_c_reaches_the_program_and_make_ends_without_noise(clone: Path) -> None:
    _pretend_set_up(clone)
    run = PtyProcess.spawn(["make", "run", "ARGS=--server.port=1"], cwd=str(clone), env=_environment({}))
    try:
        assert run.readline() == b"started [] ['--server.port=1']\r\n"
        run.sendintr()
        assert _rest(run).strip() in {b"", b"^C"}
    finally:
        run.close(force=True)


def test_a_program_that_fails_makes_make_fail(clone: Path) -> None:
    _pretend_set_up(clone)
    (clone / "main_server.py").write_text("raise SystemExit(2)")
    assert _make(clone, "run").returncode != 0


def _pretend_set_up(clone: Path) -> None:
    (clone / ".venv" / "bin").mkdir(parents=True)
    (clone / ".venv" / "bin" / "python").symlink_to(sys.executable)
    (clone / ".venv" / ".ready").touch()


def _rest(run: PtyProcess) -> bytes:
    """All that is written until the end; the suite's timeout is the deadline."""
    written = b""
    while True:
        try:
            written += run.read()
        except EOFError:
            return written
