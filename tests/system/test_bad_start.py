"""Starts that must fail: one sentence with cause and remedy, exit code 2, no traceback, nothing left behind."""

import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from tests.support.disk import small_disk
from tests.support.processes import ROOT, failed_start, free_port, main_settings, running
from tests.support.unprivileged import NOBODY

MARKS = {"main": 0x53574D41, "node": 0x53574E4F}
PROGRAMS = {"main": "main_server.py", "node": "app.py"}
NEWER_SCHEMA = 999

roles = pytest.mark.parametrize("role", ["main", "node"])


def settings(role: str, **more: Any) -> dict[str, Any]:
    """Enough for the role to run, were it not for what a test adds."""
    own = {"main.local_node": False} if role == "main" else {}
    return {"server.host": "127.0.0.1", "server.port": free_port(), **own, **more}


def other(role: str) -> str:
    return "node" if role == "main" else "main"


def make_database(file: Path, role: str, version: int) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE kept (value)")
        connection.execute(f"PRAGMA application_id = {MARKS[role]}")
        connection.execute(f"PRAGMA user_version = {version}")
    connection.close()


@roles
@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("[server]\nprot = 1\n", "server.prot is no setting, did you mean server.port?; [server] has "),
        ("[sever]\nport = 1\n", "sever.port is no setting, did you mean server.port?"),
        ("[server]\nport = 'many'\n", 'server.port must be a whole number from 0 to 65535, not "many"'),
        ("[server\nport = 1\n", "is not valid TOML: Expected ']' at the end of a table declaration (at line 1"),
    ],
)
async def test_a_bad_file_is_named_with_the_key(tmp_path: Path, role: str, content: str, sentence: str) -> None:
    file = tmp_path / f"{role}.toml"
    file.write_text(content)
    said = await failed_start(PROGRAMS[role], tmp_path / "home", {}, None, "--config", str(file))
    assert said.startswith(str(file))
    assert sentence in said


@roles
async def test_a_file_that_is_not_there_is_named(tmp_path: Path, role: str) -> None:
    said = await failed_start(PROGRAMS[role], tmp_path, {}, None, "--config", str(tmp_path / "none.toml"))
    assert said.startswith(f"{tmp_path}/none.toml cannot be read: No such file or directory")


@roles
async def test_a_bad_variable_is_named(tmp_path: Path, role: str) -> None:
    said = await failed_start(PROGRAMS[role], tmp_path, {}, {"SWITCHYARD_SERVER_PORT": "many"})
    assert said == 'SWITCHYARD_SERVER_PORT must be a whole number from 0 to 65535, not "many"'


@roles
async def test_a_variable_that_is_no_setting_is_said_and_ignored(tmp_path: Path, role: str) -> None:
    async with running(PROGRAMS[role], tmp_path, settings(role), {"SWITCHYARD_SERVER_PROT": "1"}) as program:
        assert "SWITCHYARD_SERVER_PROT is no setting and was ignored, did you mean" in program.text


@roles
async def test_a_port_in_use_names_the_key_and_leaves_the_database_free(tmp_path: Path, role: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = await failed_start(PROGRAMS[role], tmp_path, settings(role, **{"server.port": port}))
    assert said == f"Port {port} is in use by another program: stop that one, or set server.port to another number."
    async with running(PROGRAMS[role], tmp_path, settings(role)):
        pass


async def test_a_second_node_of_a_machine_hears_that_it_needs_no_port(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        dialling = {"server.port": taken.getsockname()[1], "node.main_server_url": "http://127.0.0.1:1"}
        said = await failed_start("app.py", tmp_path, settings("node", **dialling))
    assert said.endswith("to another number, such as 0, which opens none: Main does not dial this node.")


@roles
async def test_a_second_start_names_the_first_which_runs_on(tmp_path: Path, role: str) -> None:
    async with running(PROGRAMS[role], tmp_path, settings(role)) as first:
        said = await failed_start(PROGRAMS[role], tmp_path, settings(role))
        assert f"is in use by another process (pid {first.process.pid}): stop that one" in said
        assert "database.path" in said
        assert await first.health()


async def test_a_node_beside_mains_own_is_told_of_the_key(tmp_path: Path) -> None:
    async with running("main_server.py", tmp_path, main_settings()) as main:
        log_file = tmp_path / ".switchyard" / "local-node.log"
        await main.healthy()
        while not log_file.exists() or "link_online" not in log_file.read_text():
            await main.healthy()
        said = await failed_start("app.py", tmp_path, {"server.port": free_port()})
    assert said.startswith("This machine's node already runs under Main (pid ")
    assert "set main.local_node=false" in said


@roles
async def test_a_database_of_the_other_role_is_left_alone(tmp_path: Path, role: str) -> None:
    file = tmp_path / "theirs.db"
    make_database(file, other(role), 1)
    before = file.read_bytes()
    said = await failed_start(PROGRAMS[role], tmp_path, settings(role, **{"database.path": str(file)}))
    assert f"{file} belongs to a Switchyard {'node' if role == 'main' else 'Main'}" in said
    assert said.endswith("set database.path to another file.")
    assert file.read_bytes() == before


@roles
async def test_a_newer_database_is_left_alone(tmp_path: Path, role: str) -> None:
    file = tmp_path / "newer.db"
    make_database(file, role, NEWER_SCHEMA)
    before = file.read_bytes()
    said = await failed_start(PROGRAMS[role], tmp_path, settings(role, **{"database.path": str(file)}))
    assert f"{file} was written by a newer Switchyard (schema {NEWER_SCHEMA}" in said
    assert said.endswith("update this installation.")
    assert file.read_bytes() == before


@roles
async def test_a_damaged_database_is_left_for_its_owner_to_restore(tmp_path: Path, role: str) -> None:
    async with running(PROGRAMS[role], tmp_path, settings(role)):
        pass
    file = tmp_path / ".switchyard" / f"{role}.db"
    whole = file.read_bytes()
    damaged = whole[:4096] + os.urandom(len(whole) - 8192) + whole[-4096:]
    for content in (b"nonsense" * 1024, damaged):
        file.write_bytes(content)
        said = await failed_start(PROGRAMS[role], tmp_path, settings(role))
        assert f"The database {file} is damaged" in said
        assert "restore it from a backup, or move it away" in said
        assert file.read_bytes() == content


@roles
@pytest.mark.parametrize("is_first_start", [True, False])
async def test_a_full_disk_is_no_damage(tmp_path: Path, role: str, is_first_start: bool) -> None:
    with small_disk(tmp_path / "disk") as disk:
        home = tmp_path / "home"
        given = settings(role, **{"database.path": str(disk.folder / "data" / "it.db")})
        if not is_first_start:
            async with running(PROGRAMS[role], home, given):
                pass
        with disk.full_for_children():
            said = await failed_start(PROGRAMS[role], home, given)
        assert str(disk.folder) in said
        assert "damaged" not in said
        assert "free some space" in said or "check its disk" in said
        disk.free()
        async with running(PROGRAMS[role], home, given):
            pass


@roles
@pytest.mark.skipif(shutil.which("setpriv") is None, reason="needs setpriv; install it: apt install util-linux")
def test_a_folder_that_may_not_be_written_names_the_key(tmp_path: Path, role: str) -> None:
    """As an account that may do little: nothing stops root."""
    home = Path(tempfile.mkdtemp(prefix="switchyard-closed-"))
    try:
        home.chmod(0o555)
        (home / "data").mkdir(mode=0o555)
        command = [sys.executable, str(ROOT / PROGRAMS[role]), f"--server.port={free_port()}"]
        if os.geteuid() == 0:
            command = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *command]
        for more in ([], [f"--database.path={home}/data/it.db"]):
            ended = subprocess.run(
                [*command, *more],
                cwd="/",
                env={"HOME": str(home), "PATH": os.environ["PATH"]},
                capture_output=True,
                text=True,
                timeout=30,
                check=False,
            )
            assert ended.returncode == 2, ended.stderr
            (said,) = (ended.stdout + ended.stderr).splitlines()
            assert f"The data folder {home}" in said
            assert "cannot be written (Permission denied)" in said
            assert "database.path" in said
    finally:
        home.chmod(0o755)
        shutil.rmtree(home)
