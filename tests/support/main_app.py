"""Main in the process of the test, on a real port: for tests that look inside, or that need a hundred of them."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from config import load_main
from main.application import Main, open_main
from main.store.users import Account
from routes.main.routes import build_app
from routes.main.server import Runner
from tests.support.client import Client
from tests.support.processes import settings_to_environ
from ws.listening import bind, serve
from ws.protocol.accounts import EVERY_NODE
from ws.protocol.base import UserId
from ws.protocol.envelope import Role

PASSWORD = "correct horse"
HASHED = "$2b$04$tgqcvasZ4.UcAHDpN./Nve6s7xGmnwz8Xo8Jw6W8ZfGti3Luw/OPi"
"""bcrypt of PASSWORD with the least rounds: tests sign in often."""


@dataclass
class RunningMain:
    """`main` are the services behind `url`."""

    main: Main
    port: int
    app: web.Application

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def add_user(
        self, name: str = "ada", role: Role = "owner", grants: Mapping[str, Role] | None = None
    ) -> Account:
        """An account with PASSWORD, made without the sign-up. Without `grants` all nodes are shared with it."""
        given = {EVERY_NODE: role} if grants is None and role != "owner" else grants or {}
        account = Account(UserId(secrets.token_urlsafe(12)), name, role, HASHED, given)
        await self.main.store.users.add(account)
        return account

    async def token(self, name: str = "ada", role: Role = "owner") -> str:
        """A fresh login of that user, who is added if need be."""
        account = await self.main.store.users.by_name(name) or await self.add_user(name, role)
        return (await self.main.accounts._sign_in(account, "127.0.0.1", "test")).token

    @contextlib.asynccontextmanager
    async def client(self, name: str = "ada", role: Role = "owner") -> AsyncIterator[Client]:
        """A signed-in client."""
        async with Client(self.url) as client:
            client.token = await self.token(name, role)
            yield client

    @contextlib.asynccontextmanager
    async def http(self) -> AsyncIterator[aiohttp.ClientSession]:
        """Bare HTTP that follows nothing and keeps no cookies."""
        async with aiohttp.ClientSession(self.url, cookie_jar=aiohttp.DummyCookieJar()) as session:
            yield session


@contextlib.asynccontextmanager
async def running_main(folder: Path, settings: Mapping[str, Any] | None = None) -> AsyncIterator[RunningMain]:
    """Main on a free loopback port with its database in `folder`, without a local node."""
    given = {
        "server.host": "127.0.0.1",
        "server.port": 0,
        "main.local_node": False,
        "database.path": str(folder / "main.db"),
        **(settings or {}),
    }
    config = load_main([], settings_to_environ(given))
    async with contextlib.AsyncExitStack() as ending:
        # In this order of things a test that fails anywhere, its set-up included, leaves no connection open.
        main = await open_main(config)
        ending.push_async_callback(main.close)
        app = build_app(main, folder / "dist")
        runner = Runner(app, shutdown_timeout_s=1.0)
        ending.push_async_callback(runner.cleanup)
        await runner.setup()
        # Not on the loop: the resolver's first use imports a codec, and another thread may be at that import.
        bound = await asyncio.to_thread(bind, config.server.host, config.server.port)
        await serve(runner, bound, None)
        ending.push_async_callback(main.end_connections)
        yield RunningMain(main, bound[0].getsockname()[1], app)
