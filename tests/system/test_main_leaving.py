"""Clients that leave before they are answered."""

import asyncio

from structlog.testing import capture_logs

from tests.support.fake_node import FakeNode
from tests.support.main_app import RunningMain
from tests.support.waiting import eventually
from ws.rpc import Answer, IncomingCall


async def test_a_page_that_leaves_before_its_terminal_is_refused_is_no_defect(main: RunningMain) -> None:
    asked = asyncio.Event()

    async def never(_: IncomingCall) -> Answer:
        asked.set()
        await asyncio.Event().wait()
        raise AssertionError

    node = FakeNode(main.url, "laptop", main.main.registry.tokens.shown, behaviours={"link.stream": never})
    async with main.client() as client:
        with capture_logs() as logs:
            async with node.online():
                address = f"{client.url}/ws/terminal?node=laptop&terminal=t1"
                opening = asyncio.ensure_future(client.http.ws_connect(address, headers=client.headers))
                await asyncio.wait_for(asked.wait(), 10)
                _ = opening.cancel()
                await asyncio.wait([opening])
                await client.get("/health")
            await eventually(lambda: not main.main.registry.links, what="the link to be gone")
            await client.get("/health")  # whoever was served before has been told of the end by now
    assert [entry for entry in logs if entry["log_level"] == "error"] == []
