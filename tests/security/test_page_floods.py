"""Thousands of tiny frames in one read, from a page that may do no more than look: the others keep their turns."""

import asyncio
from typing import Any, cast

import aiohttp
import pytest
from aiohttp import WSMessage, WSMsgType

from tests.support.main_app import RunningMain
from ws.rpc.socket import FRAMES_PER_TURN, AiohttpSocket

FRAMES = 10_000


class _Burst:
    """A socket with frames of one kind that are all there already, then the end."""

    closed = False

    def __init__(self, kind: WSMsgType) -> None:
        self._message = WSMessage(kind, "" if kind is WSMsgType.TEXT else b"", None)
        self._left = FRAMES
        self.pongs = 0

    async def receive(self) -> WSMessage:
        self._left -= 1
        return self._message if self._left >= 0 else WSMessage(WSMsgType.CLOSED, None, None)

    async def pong(self, _data: bytes) -> None:
        self.pongs += 1


@pytest.mark.parametrize("kind", [WSMsgType.PING, WSMsgType.PONG, WSMsgType.TEXT, WSMsgType.BINARY])
async def test_who_takes_a_burst_leaves_the_others_their_turns(kind: WSMsgType) -> None:
    """One by one they would keep Main's loop for seconds: each is answered, if only with what is wrong with it."""
    burst = _Burst(kind)
    socket = AiohttpSocket(cast(Any, burst), None)
    turns = 0

    async def take() -> None:
        while await socket.receive() is not None:
            pass

    taking = asyncio.get_running_loop().create_task(take())
    while not taking.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns >= FRAMES // FRAMES_PER_TURN
    assert burst.pongs == (FRAMES if kind is WSMsgType.PING else 0)


async def test_pings_are_answered_in_order_and_the_socket_lives(main: RunningMain) -> None:
    headers = {"Authorization": f"Bearer {await main.token()}"}
    async with main.http() as http, http.ws_connect("/ws", headers=headers, autoping=False) as socket:
        for number in range(3 * FRAMES_PER_TURN):
            await socket.ping(b"%d" % number)
        for number in range(3 * FRAMES_PER_TURN):
            answer = await socket.receive(timeout=10)
            assert (answer.type, bytes(answer.data)) == (aiohttp.WSMsgType.PONG, b"%d" % number)
        await socket.pong(b"nobody asked")
        await socket.send_json({"jsonrpc": "2.0", "id": 1, "method": "nodes.list", "params": {}})
        assert (await socket.receive_json(timeout=10))["id"] == 1
