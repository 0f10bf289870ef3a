"""A whole Switchyard for a browser: Main, the node of this machine, Claude's real CLI on a scripted model."""

import contextlib
import os
import secrets
import signal
import sqlite3
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from playwright.async_api import Browser, BrowserContext, StorageState

from tests.contract.harness import claude_environment
from tests.support.chromium import Watch
from tests.support.client import Client
from tests.support.model_server import ModelServer
from tests.support.processes import Program, main_settings, start_program
from tests.support.repositories import TestRepository
from tests.support.waiting import eventually

DESKTOP = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}
NAME, PASSWORD = "ada", "correct horse"

SAY = {"do": "say", "text": "Good morning.\n\n- one\n- two `code`\n\n```python\nprint(1)\n```"}
TURNS: dict[str, list[dict[str, Any]]] = {
    "greet": [
        {"do": "think", "text": "A greeting."},
        SAY,
        {"do": "run", "command": "make", "output": "ok"},
        {"do": "todo", "entries": ["Greet", "Go"], "done": 1},
    ],
    "write": [{"do": "write", "path": "note.txt", "text": "one\ntwo\n"}, {"do": "say", "text": "Noted."}],
    "count": [{"do": "say", "text": " ".join(f"n{n}" for n in range(60)), "pieces": 60, "pause_ms": 100}],
    "hold": [{"do": "say", "text": "Holding."}, {"do": "hold"}],
}
"""What the scripted agent does, by prompt."""


@dataclass
class Desk:
    """`home` is HOME of both programs; `settings` are those of both."""

    main: Program
    model: ModelServer
    client: Client
    home: Path
    settings: Mapping[str, Any]
    environ: Mapping[str, str]
    node: str = ""
    _turns: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Where the page is, without a slash at the end."""
        return self.main.url + str(self.settings.get("server.base_path", ""))

    def repository(self, name: str = "ledger") -> TestRepository:
        """A new repository below HOME with one commit."""
        repository = TestRepository.make(self.home, name)
        repository.commit(README_md="# Ledger\n", greet_py='def greet():\n    return "hello"\n')
        return repository

    async def sign_up(self) -> None:
        """The first account, by the wire; then wait for this machine."""
        await self.client.register(NAME, PASSWORD)
        await self.await_node()

    async def await_node(self) -> None:
        self.node = await self.client.online_node()

    async def start_main(self) -> None:
        """The same Main again, after it was killed or stopped."""
        self.main = await start_program("main_server.py", self.home, self.settings, self.environ)
        await self.main.healthy()

    def kill_node(self) -> None:
        """``kill -9`` of the node of this machine; Main starts another."""
        with contextlib.closing(sqlite3.connect(f"file:{self.home}/.switchyard/main.db?mode=ro", uri=True)) as database:
            (row,) = database.execute("SELECT value FROM settings WHERE key = 'local_node'").fetchone()
        os.kill(msgspec.json.decode(row)["pid"], signal.SIGKILL)

    async def session(self, folder: Path, provider: str = "claude", **more: Any) -> str:
        """A new session, by the wire."""
        made = await self.client.op("session.create", node=self.node, path=str(folder), provider=provider, **more)
        return str(made["session"]["id"])

    async def send(self, session: str, text: str) -> None:
        """A prompt, by the wire."""
        params = {"node": self.node, "session": session, "message_id": f"m-{secrets.token_hex(8)}", "text": text}
        _ = await self.client.op("session.send", **params)

    async def until(self, session: str, status: str) -> None:
        """Wait for a session's state, `idle` after a turn included."""

        async def is_there() -> bool:
            state = await self.client.op("session.get", node=self.node, session=session)
            return bool(state["status"] == status and state["head"] > 1)

        await eventually(is_there, what=f"session {session} to be {status}", deadline_s=30)

    def play(self, **turns: list[dict[str, Any]]) -> None:
        """What the scripted agent does at the prompt of that name; sessions opened from now on know it."""
        self._turns |= turns
        file = self.home / "conversation.json"
        named = [{"prompt": name, "steps": steps} for name, steps in self._turns.items()]
        file.write_bytes(msgspec.json.encode({"turns": named}))

    def page_of(self, session: str, panel: str | None = None) -> str:
        """The address of a session's page."""
        return f"{self.url}/m/{self.node}/s/{session}" + (f"?panel={panel}" if panel else "")

    async def events(self, session: str) -> list[dict[str, Any]]:
        """The whole journal."""
        return list((await self.client.op("session.events", node=self.node, session=session, limit=1000))["events"])

    def signed_in(self) -> StorageState:
        """What a browser keeps that has signed in as the client has."""
        assert self.client.token is not None
        cookie = {"name": f"switchyard_{self.main.port}", "value": self.client.token, "domain": "127.0.0.1"}
        return {"cookies": [{**cookie, "path": "/", "httpOnly": True, "sameSite": "Strict", "secure": False}]}  # type: ignore[typeddict-item]


@contextlib.asynccontextmanager
async def running_desk(
    home: Path, settings: Mapping[str, Any] | None = None, environ: Mapping[str, str] | None = None
) -> AsyncIterator[Desk]:
    """Main and its node, started with an empty HOME; nobody has signed up."""
    home.mkdir(parents=True, exist_ok=True)
    script = str(home / "conversation.json")
    scripted = {"providers.scripted.enabled": True, "providers.scripted.script": script}
    given = main_settings(**(scripted | dict(settings or {})))
    async with ModelServer() as model:
        whole = claude_environment(model, home) | dict(environ or {})
        main = await start_program("main_server.py", home, given, whole)
        try:
            await main.healthy()
            base = str(given.get("server.base_path", ""))
            async with Client(main.url + base) as client:
                desk = Desk(main, model, client, home, given, whole)
                desk.play(**TURNS)
                yield desk
                main = desk.main
        finally:
            await main.stop()


@contextlib.asynccontextmanager
async def window(
    browser: Browser, desk: Desk | None = None, viewport: Mapping[str, int] = DESKTOP, **more: Any
) -> AsyncIterator[tuple[BrowserContext, Watch]]:
    """A browser of its own, signed in at `desk`. At the end it must have had no fault and called no other host."""
    state = {} if desk is None else {"storage_state": desk.signed_in()}
    context = await browser.new_context(viewport=viewport, **state, **more)  # type: ignore[arg-type]
    watch = Watch()
    await watch.begin(context)
    context.set_default_timeout(15_000)
    try:
        yield context, watch
    finally:
        await context.close()
    assert not watch.faults, "\n".join(watch.faults)
    assert len(watch.hosts) <= 1, f"hosts called: {watch.hosts}"
