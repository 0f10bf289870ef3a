"""The server's faults, and its log as the oracle of tests."""

import aiohttp
import pytest

from tests.support.model_server import ModelServer, Request


def body(prompt: str, *, stream: bool = False) -> dict[str, object]:
    return {"model": "m", "stream": stream, "tools": [{}], "messages": [{"role": "user", "content": prompt}]}


async def test_an_error_strikes_as_often_as_the_script_says() -> None:
    async with ModelServer() as server, aiohttp.ClientSession(server.url) as client:
        statuses = []
        for _ in range(3):
            async with client.post("/v1/messages", json=body("error 529 2\nsay hello")) as response:
                statuses.append(response.status)
        assert statuses == [529, 529, 200]
        assert len(server.requests) == 3


async def test_a_streamed_answer_ends_with_its_stop_event() -> None:
    async with (
        ModelServer() as server,
        aiohttp.ClientSession(server.url) as client,
        client.post("/v1/messages", json=body("chunks 3", stream=True)) as response,
    ):
        lines = [line async for line in response.content if line.startswith(b"event:")]
    names = [line.split()[1].decode() for line in lines]
    assert names[0] == "message_start"
    assert names.count("content_block_delta") == 3
    assert names[-1] == "message_stop"


async def test_a_dropped_answer_breaks_off() -> None:
    async with (
        ModelServer() as server,
        aiohttp.ClientSession(server.url) as client,
        client.post("/v1/messages", json=body("drop", stream=True)) as response,
    ):
        with pytest.raises(aiohttp.ClientError):
            await response.read()


async def test_the_log_can_be_waited_for() -> None:
    def is_wanted(request: Request) -> bool:
        return request.at.prompt == "say hello"

    async with ModelServer() as server, aiohttp.ClientSession(server.url) as client:
        async with client.post("/v1/messages", json=body("say hello")) as response:
            assert response.status == 200
        assert (await server.wait_for(is_wanted)).model == "m"
        with pytest.raises(TimeoutError):
            await server.wait_for(lambda request: request.model == "another", deadline_s=0.01)


async def test_an_answer_that_hangs_ends_with_the_server() -> None:
    async with aiohttp.ClientSession() as client:
        async with ModelServer() as server:
            response = await client.post(f"{server.url}/v1/messages", json=body("hang", stream=True))
            assert b"message_start" in await response.content.readline()
        with pytest.raises(aiohttp.ClientError):
            await response.read()
