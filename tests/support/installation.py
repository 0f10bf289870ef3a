"""A whole Switchyard as after `make run`: Main and this machine's node as processes, one owner signed in."""

import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.client import Client, Subscription
from tests.support.processes import Program, main_settings, running
from tests.support.waiting import eventually

WORDS = " ".join(f"word{number}" for number in range(60))

CONVERSATION: dict[str, list[dict[str, Any]]] = {
    "hello": [{"do": "say", "text": "Hello there, friend.", "pieces": 4}],
    "hold": [{"do": "say", "text": "Holding.", "pieces": 1}, {"do": "hold"}],
    "stream": [{"do": "say", "text": WORDS, "pieces": 60, "pause_ms": 50}],
    "write": [{"do": "write", "path": "written.txt", "text": "by the agent\n"}, {"do": "say", "text": "Written."}],
    "ask": [{"do": "ask", "question": "Which one?", "options": ["Left", "Right"]}, {"do": "say", "text": "{answer}"}],
    "plan": [{"do": "todo", "entries": ["one", "two"], "done": 1}, {"do": "plan", "text": "First this."}],
    "think": [{"do": "think", "text": "Hmm."}, {"do": "run", "command": "ls", "output": "a b"}],
    "recall": [{"do": "recall"}],
    "fail": [{"do": "fail", "error": "The agent has no more credit: add some."}],
    "crash": [{"do": "crash"}],
}
"""What the scripted agent does, by prompt; those of earlier versions play it too (test_version_skew)."""

BACKGROUND: dict[str, list[dict[str, Any]]] = {
    "background": [{"do": "background", "title": "make watch"}, {"do": "say", "text": "It watches."}],
    "build": [{"do": "background", "title": "make", "ends_after_ms": 50, "says": "The build is done."}],
}
"""Steps that came later."""


@dataclass
class Installation:
    """`client` is the first owner; `node` the id of this machine's node; `work` a folder below its roots."""

    main: Program
    client: Client
    home: Path
    node: str

    @property
    def url(self) -> str:
        return self.main.url

    @property
    def work(self) -> Path:
        folder = self.home / "work"
        folder.mkdir(exist_ok=True)
        return folder

    async def op(self, name: str, /, **params: Any) -> dict[str, Any]:
        """An op on the node."""
        return await self.client.op(name, node=self.node, **params)

    async def offered(self, provider: str) -> dict[str, Any]:
        """Its row of `providers.list`, once it is available: an agent that starts slowly is not yet."""

        async def row() -> dict[str, Any] | None:
            rows = (await self.op("providers.list"))["providers"]
            return next((each for each in rows if each["id"] == provider and each["available"]), None)

        return dict(await eventually(row, what=f"{provider} to be offered", deadline_s=40))

    async def session(self, **params: Any) -> dict[str, Any]:
        """A new session of the scripted agent in `work`."""
        given = {"path": str(self.work), "provider": "scripted", **params}
        return dict((await self.op("session.create", **given))["session"])

    async def send(self, session: str, text: str, message_id: str | None = None) -> dict[str, Any]:
        return await self.op("session.send", session=session, message_id=message_id or text, text=text)

    @contextlib.asynccontextmanager
    async def watching(self, session: str, after: int = 0, **params: Any) -> AsyncIterator[Subscription]:
        """`session.watch` on a socket of its own."""
        async with self.client.socket() as socket:
            given = {"node": self.node, "session": session, "after": after, **params}
            yield await socket.subscribe("session.watch", given)

    async def play(self, session: str, text: str, until: str = "turn_ended") -> list[dict[str, Any]]:
        """Send a prompt and return the events from its first on, up to and with the one of that type."""
        sent = await self.send(session, text)
        async with self.watching(session, after=sent["seq"] - 1) as watch:
            return await watch.until(until)


def scripted(home: Path, more: Mapping[str, list[dict[str, Any]]] | None = None) -> dict[str, str]:
    """Settings of a node that has the scripted agent with CONVERSATION and `more`, and no other agent."""
    home.mkdir(parents=True, exist_ok=True)
    script = home / "conversation.json"
    turns = [{"prompt": prompt, "steps": steps} for prompt, steps in (CONVERSATION | dict(more or {})).items()]
    script.write_text(json.dumps({"name": "Scripted", "turns": turns}))
    return {
        "providers.scripted.enabled": "true",
        "providers.scripted.script": str(script),
        "providers.claude.enabled": "false",
    }


@contextlib.asynccontextmanager
async def installed(
    home: Path, settings: Mapping[str, Any] | None = None, environ: Mapping[str, str] | None = None
) -> AsyncIterator[Installation]:
    """Everything up and the node online. `settings` are of both roles; without them the agent is the scripted one."""
    given = scripted(home) if settings is None else settings
    async with running("main_server.py", home, main_settings(**given), environ) as main, Client(main.url) as client:
        await client.register()
        yield Installation(main, client, home, await client.online_node())
