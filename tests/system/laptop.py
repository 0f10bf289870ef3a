"""Main, a node of its own called ``laptop``, and a scripted model for the real agent that runs there."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.client import Client, Subscription
from tests.support.model_server import ModelServer
from tests.support.processes import Program, main_settings, node_settings, running, start_program

TOKEN = "a-register-token-of-the-tests"
DEADLINE_S = 60.0


@dataclass
class Bench:
    """Main and a signed-in client; no node yet."""

    main: Program
    client: Client
    model: ModelServer


@dataclass
class Laptop(ABC):
    """`home` is HOME of the node and of its agents. What an agent is told to do is in the prompts."""

    bench: Bench
    home: Path

    @property
    def client(self) -> Client:
        return self.bench.client

    @property
    def model(self) -> ModelServer:
        return self.bench.model

    @property
    def project(self) -> Path:
        folder = self.home / "project"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    @property
    @abstractmethod
    def environment(self) -> Mapping[str, str]:
        """What leads the agent to the model."""

    async def node(self, **settings: Any) -> Program:
        """Start it; not yet online."""
        given = node_settings(self.bench.main, TOKEN, **{"node.id": "laptop"}, **settings)
        return await start_program("app.py", self.home, given, self.environment)

    async def op(self, name: str, **params: Any) -> dict[str, Any]:
        return await self.client.op(name, node="laptop", **params)

    @asynccontextmanager
    async def watching(self, session: str) -> AsyncIterator[Subscription]:
        async with self.client.socket() as socket:
            yield await socket.subscribe("session.watch", {"node": "laptop", "session": session})


@asynccontextmanager
async def bench(home: Path) -> AsyncIterator[Bench]:
    """Main runs in `home`."""
    settings = main_settings(**{"main.local_node": False, "main.node_register_tokens": [TOKEN]})
    async with (
        ModelServer() as model,
        running("main_server.py", home, settings) as main,
        Client(main.url) as client,
    ):
        await client.register()
        yield Bench(main, client, model)


async def until(watch: Subscription, kind: str) -> list[dict[str, Any]]:
    """The events up to the first of that kind, which is the last of them."""
    seen: list[dict[str, Any]] = []
    async with asyncio.timeout(DEADLINE_S):
        while not seen or seen[-1]["type"] != kind:
            seen.append(await watch.queue.get())
    return seen
