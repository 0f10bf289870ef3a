"""Main, the crowds, and the parts one after the other."""

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from tests.bench.scale import phases
from tests.bench.scale.gauges import Gauges, Presence, steady_node
from tests.bench.scale.phases import Plan, Scene, Table
from tests.bench.scale.worker import raise_limit, worker
from tests.support.client import Client
from tests.support.processes import main_settings, running

PASSWORD = "correct horse"
TOKEN = "a-token-for-many-nodes-of-a-benchmark"


async def _sign_in(client: Client, users: int) -> list[str]:
    """Logins of so many users who see all nodes: pages of one person are not thousands."""
    tokens = []
    for number in range(users):
        name = f"user{number}"
        await client.op("users.create", username=name, password=PASSWORD, role="owner")
        async with Client(client.url) as other:
            await other.login(name, PASSWORD)
            assert other.token is not None, "signed in"
            tokens.append(other.token)
    return tokens


@contextlib.asynccontextmanager
async def scene(plan: Plan) -> AsyncIterator[Scene]:
    """A Main of its own, one steady node, a page that sees presence, and the two crowds with nobody in them yet."""
    raise_limit()
    settings = main_settings(**{"main.local_node": False, "main.node_register_tokens": [TOKEN], "log.level": "warning"})
    async with contextlib.AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="switchyard-bench-")))
        main = await stack.enter_async_context(running("main_server.py", folder, settings))
        client = await stack.enter_async_context(Client(main.url))
        await client.register(password=PASSWORD)
        await stack.enter_async_context(steady_node(main.url, TOKEN))
        presence = Presence()
        following = asyncio.get_running_loop().create_task(presence.follow(client), name="presence")
        stack.callback(following.cancel)
        socket = await stack.enter_async_context(client.socket())
        yield Scene(
            plan,
            Gauges(main.process.pid, socket),
            presence,
            await stack.enter_async_context(worker("tests.bench.scale.nodes", main.url, TOKEN)),
            await stack.enter_async_context(worker("tests.bench.scale.browsers", main.url)),
            await _sign_in(client, plan.users),
        )


async def measure(plan: Plan) -> AsyncIterator[Table]:
    """Each part as it is done; about two minutes with the default plan."""
    async with scene(plan) as given:
        yield await phases.join(given)
        yield await phases.storm(given, has_pages=False)
        yield await phases.open_pages(given)
        yield await phases.speak(given)
        yield await phases.storm(given, has_pages=True)
