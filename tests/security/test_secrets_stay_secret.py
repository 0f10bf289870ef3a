"""One whole run, and then a search for every secret of it: what is printed, logged, sent, kept and handed to children.

Main, its local node and a second node are real; the client and the second node reach Main through taps.
"""

import asyncio
import re
import sqlite3
import stat
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

from tests.support.client import Client, OpError
from tests.support.installation import scripted
from tests.support.processes import Program, main_settings, node_settings, running
from tests.support.reader import reading
from tests.support.tap import Tap, tapped
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(120)

PASSWORD = "a horse of seven colours"
WRONG_PASSWORD = "a horse of eight colours"
METRICS_TOKEN = "metrics-b7Qm2xK9"
KEPT_BY_MAIN = ("JWT secret", "Main's secret", "password's hash", "register token")
KEPT_BY_NODES = ("local node's secret", "second node's secret")
"""Not the login tokens (a row names them) and not the node's secrets at Main (it keeps their hash)."""
ELSEWHERE = {"X-Forwarded-For": "198.51.100.7"}
"""Makes a sign-up one from another device, which needs the code."""


@dataclass
class Run:
    """What there is to search. `secrets` are by name; `children` are the processes that Main and the nodes started."""

    home: Path
    main: Program
    second: Program
    page: Tap
    link: Tap
    secrets: dict[str, str]
    terminals: list[bytes]
    commands: dict[int, str]
    environments: dict[int, str]

    @property
    def homes(self) -> list[Path]:
        return [self.home / "main", self.home / "second"]


def found_in(text: str, secrets: dict[str, str]) -> list[str]:
    """The names of the secrets that stand in `text`."""
    return [name for name, secret in secrets.items() if secret in text]


def _column(database: Path, sql: str) -> list[str]:
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        return [str(row[0]) for row in connection.execute(sql)]
    finally:
        connection.close()


def _kept_secrets(home: Path) -> dict[str, str]:
    """Those that the databases keep."""
    main, second = home / "main/.switchyard", home / "second/.switchyard"
    kept = {
        "JWT secret": _column(main / "main.db", "SELECT value FROM settings WHERE key = 'jwt_secret'"),
        "Main's secret": _column(main / "main.db", "SELECT main_secret FROM nodes"),
        "password's hash": _column(main / "main.db", "SELECT password FROM users"),
        "local node's secret": _column(main / "node.db", "SELECT value FROM settings WHERE key = 'node_secret'"),
        "second node's secret": _column(second / "node.db", "SELECT value FROM settings WHERE key = 'node_secret'"),
    }
    assert [len(values) for values in kept.values()] == [1, 2, 1, 1, 1]
    return {f"{name} {number}": value for name, values in kept.items() for number, value in enumerate(values)}


async def _set_up(main: Program, client: Client) -> dict[str, str]:
    """Sign up with the code, be refused with it, sign in twice, once with a wrong password."""
    code = re.search(r"needs this code: (\S+)", main.text)
    assert code is not None
    body = {"username": "ada", "password": PASSWORD, "setup_code": code[1]}
    async with client.http.post(f"{client.url}/api/auth/register", json=body, headers=ELSEWHERE) as answer:
        assert answer.status == 201
        client.token = (await answer.json())["token"]
    async with client.http.post(f"{client.url}/api/auth/register", json=body, headers=ELSEWHERE) as answer:
        assert answer.status == 409
    first = client.token
    with pytest.raises(OpError):
        await client.login("ada", WRONG_PASSWORD)
    await client.login("ada", PASSWORD)
    assert first is not None
    assert client.token is not None
    join = await client.op("nodes.join")
    return {
        "password": PASSWORD,
        "mistyped password": WRONG_PASSWORD,
        "set-up code": code[1],
        "first login's token": first,
        "second login's token": client.token,
        "register token": join["register_token"],
        "metrics token": METRICS_TOKEN,
    }


async def _work(client: Client, node: str, folder: Path) -> bytes:
    """A session and a terminal on a node; the session is left in its turn, the terminal open."""
    folder.mkdir()
    given = {"node": node, "path": str(folder), "provider": "scripted"}
    session = (await client.op("session.create", **given))["session"]["id"]
    async with client.socket() as socket:
        watch = await socket.subscribe("session.watch", {"node": node, "session": session, "after": 0})
        for text in ("write", "hold"):
            sent = {"node": node, "session": session, "message_id": text, "text": text}
            await client.op("session.send", **sent)
            await watch.until("approval_requested" if text == "write" else "user_message")
            if text == "write":
                approval = (await client.op("session.get", node=node, session=session))["approvals"][0]
                answer = {"approval": approval["approval"], "option": approval["options"][0]["id"]}
                await client.op("session.answer", node=node, session=session, **answer)
                await watch.until("turn_ended")
    opened = await client.op("terminal.open", node=node, path=str(folder), cols=200, rows=50)
    async with reading(client, node, opened["terminal"]) as terminal:
        await terminal.type("env; echo do''ne\n")
        return await terminal.until_text(b"done")


async def _provoke(main: Program, client: Client) -> None:
    """Secrets in places where they do not belong, which Main then must not write down."""
    async with client.http.get(f"{main.url}/api/ops/nodes.list?token={client.token}") as answer:
        assert answer.status == 401
    for bearer in (client.token, METRICS_TOKEN):
        headers = {"Authorization": f"Bearer {bearer}", "Switchyard-Node": "third", "Switchyard-Protocol": "1"}
        async with client.http.get(f"{main.url}/ws/node", headers=headers) as answer:
            assert answer.status in {400, 401}
    wrong = {"current_password": WRONG_PASSWORD, "new_password": PASSWORD}
    for params, code in ((wrong, "forbidden"), ({**wrong, "token": client.token}, "invalid")):
        with pytest.raises(OpError) as refused:
            await client.op("users.change_password", **params)
        assert refused.value.code == code


def _processes(home: Path) -> dict[int, psutil.Process]:
    """Every process of this run, those that left their parents included."""
    found = {}
    for process in psutil.process_iter():
        try:
            if process.environ().get("HOME", "").startswith(str(home)):
                found[process.pid] = process
        except (psutil.AccessDenied, psutil.NoSuchProcess):
            continue
    return found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def run(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Run]:
    """Everything up and used; searched while it still runs."""
    base = tmp_path_factory.mktemp("run")
    home, other = base / "main", base / "second"
    noisy = {"log.level": "debug"}
    settings = main_settings(
        **scripted(home), **noisy, **{"metrics.token": METRICS_TOKEN, "log.file": str(home / ".switchyard/main.log")}
    )
    async with (
        running("main_server.py", home, settings) as main,
        tapped(main.port) as page,
        tapped(main.port) as link,
        Client(page.url) as client,
    ):
        # What Main greets with comes through a pipe, which is read beside this.
        _ = await eventually(lambda: "needs this code" in main.text, what="the set-up code")
        secrets = await _set_up(main, client)
        local = await client.online_node()
        register = secrets["register token"]
        settings = node_settings(main, register, **scripted(other), **noisy, **{"node.id": "second"})
        settings["node.main_server_url"] = link.url
        async with running("app.py", other, settings) as second:
            await client.online_node("second")
            terminals = [
                await _work(client, local, home / "work"),
                await _work(client, "second", other / "work"),
            ]
            await _provoke(main, client)
            processes = await asyncio.to_thread(_processes, base)
            shown = link.bearers - {register}
            secrets |= await asyncio.to_thread(_kept_secrets, base)
            secrets |= {f"stream key {number}": each for number, each in enumerate(shown)}
            yield Run(
                home=base,
                main=main,
                second=second,
                page=page,
                link=link,
                secrets=secrets,
                terminals=terminals,
                commands={pid: " ".join(each.cmdline()) for pid, each in processes.items()},
                environments={
                    pid: "\n".join(f"{key}={value}" for key, value in each.environ().items())
                    for pid, each in processes.items()
                    if pid not in {main.process.pid, second.process.pid}
                },
            )


def test_the_set_up_code_is_printed_once_and_no_other_secret_at_all(run: Run) -> None:
    assert run.main.text.count(run.secrets["set-up code"]) == 1
    silent = {name: secret for name, secret in run.secrets.items() if name != "set-up code"}
    assert found_in(run.main.text, silent) == []
    assert found_in(run.second.text, run.secrets) == []
    assert "request" in (run.home / "main/.switchyard/main.log").read_text(), "Main logged nothing"


def test_no_secret_is_sent_but_to_whom_it_is_given_and_none_in_an_address(run: Run) -> None:
    by_right = {
        "first login's token": 2,  # the sign-up's answer: in the body and as the cookie
        "second login's token": 2,  # the sign-in's answer, the same
        "register token": 2,  # nodes.join: by itself and in the configuration to copy
    }
    answered = run.page.all_answered
    counted = {name: answered.count(secret) for name, secret in run.secrets.items()}
    assert {name: count for name, count in counted.items() if count} == by_right
    for tap in (run.page, run.link):
        assert len(tap.addresses) >= 2
        assert found_in("\n".join(tap.addresses), run.secrets) == []


def test_no_command_line_and_no_child_has_a_secret(run: Run) -> None:
    assert len(run.environments) >= 5, "a local node, two holders and two shells at least"
    for command in run.commands.values():
        assert found_in(command, run.secrets) == [], command
    for pid, environment in run.environments.items():
        assert found_in(environment, run.secrets) == [], run.commands[pid]
    for output in run.terminals:
        assert b"HOME=" in output
        assert b"SWITCHYARD_" not in output


def test_secrets_lie_in_the_databases_and_only_those_that_are_used_again(run: Run) -> None:
    assert any(name.startswith("stream key") for name in run.secrets)
    for file in (each for home in run.homes for each in home.rglob("*") if each.is_file()):
        found = found_in(file.read_bytes().decode("latin-1"), run.secrets)
        if file.name.startswith("main.db"):
            found = [name for name in found if not name.startswith(KEPT_BY_MAIN)]
        elif file.name.startswith("node.db"):
            found = [name for name in found if not name.startswith(KEPT_BY_NODES)]
        assert found == [], file


def test_the_data_folders_are_private(run: Run) -> None:
    checked = 0
    for each in (each for home in run.homes for each in [home / ".switchyard", *(home / ".switchyard").rglob("*")]):
        status = each.lstat()
        allowed = 0o700 if stat.S_ISDIR(status.st_mode) else 0o600
        assert stat.S_IMODE(status.st_mode) == allowed, each
        checked += 1
    assert checked > 10
