"""Access that ends: the sockets, streams and subscriptions that were opened with it end within a second."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import pytest

from main.relay.call import Visit
from tests.support.client import Client, OpError
from tests.support.main_app import PASSWORD, RunningMain
from ws.protocol.op import Op
from ws.rpc import Peer

Ending = Callable[[RunningMain, Client, Client], Awaitable[object]]


async def by_logout(_: RunningMain, victim: Client, other: Client) -> None:
    await victim.post("/api/auth/logout", {})


async def by_revoking_the_login(_: RunningMain, victim: Client, other: Client) -> None:
    logins = (await victim.op("logins.list"))["logins"]
    current = next(each["id"] for each in logins if each["is_current"])
    await other.op("logins.revoke", login=current)


async def by_changing_the_password(_: RunningMain, victim: Client, other: Client) -> None:
    await other.op("users.change_password", current_password=PASSWORD, new_password="another horse")


EVE = {"username": "eve", "password": "another horse", "role": "owner"}
"""What somebody who loses access would leave behind."""

ENDINGS: list[Ending] = [by_logout, by_revoking_the_login, by_changing_the_password]


@pytest.mark.parametrize("end", ENDINGS, ids=lambda each: each.__name__)
async def test_sockets_end_within_a_second(main: RunningMain, end: Ending) -> None:
    async with main.client() as victim, main.client() as other, victim.socket() as socket, other.socket() as kept:
        watch = await socket.subscribe("nodes.watch")
        await end(main, victim, other)
        ended = await watch.next(1)
        assert (ended["type"], ended["error"]["code"]) == ("ended", "unauthorized")
        await asyncio.wait_for(socket.closed.wait(), 1)
        assert socket.raw.close_code == 4401
        assert await kept.call("nodes.list") == {"nodes": []}
        with pytest.raises(OpError) as refused:
            await victim.op("nodes.list")
        assert refused.value.status == 401


@pytest.mark.parametrize("end", ENDINGS, ids=lambda each: each.__name__)
async def test_event_streams_end_within_a_second(main: RunningMain, end: Ending) -> None:
    async with main.client() as victim, main.client() as other:
        async with victim.http.get(f"{main.url}/api/ops/nodes.watch", headers=victim.headers) as stream:
            assert await stream.content.readline() == b"event: result\n"
            await end(main, victim, other)
            async with asyncio.timeout(1):
                with contextlib.suppress(aiohttp.ClientError):  # cut in the middle of a chunked body
                    while await stream.content.readany():
                        pass
        assert len(main.main.live) == 0


async def test_nobody_ends_the_login_of_somebody_else(main: RunningMain) -> None:
    async with main.client("ada") as ada, main.client("eve", "member") as eve:
        login = (await ada.op("logins.list"))["logins"][0]["id"]
        with pytest.raises(OpError) as refused:
            await eve.op("logins.revoke", login=login)
        assert refused.value.code == "not_found"
        assert (await eve.op("logins.list"))["logins"][0]["id"] != login
        await ada.op("nodes.list")


async def test_a_wrong_current_password_changes_nothing(main: RunningMain) -> None:
    async with main.client() as client, main.client() as other:
        with pytest.raises(OpError) as refused:
            await client.op("users.change_password", current_password="wrong", new_password="another horse")
        assert refused.value.code == "forbidden"
        await other.op("nodes.list")


async def test_an_expired_login_opens_nothing(main: RunningMain) -> None:
    async with main.client() as client:
        await main.main.store.database.execute("UPDATE logins SET expires_s = 1")
        with pytest.raises(OpError) as refused:
            await client.op("nodes.list")
        assert refused.value.status == 401


async def test_a_socket_whose_login_is_gone_is_found_by_the_recheck(main: RunningMain) -> None:
    async with main.client() as client, client.socket() as socket:
        await main.main.store.database.execute("DELETE FROM logins")
        await main.main.accounts.recheck_live()
        await asyncio.wait_for(socket.closed.wait(), 1)


async def test_a_body_that_comes_slowly_does_nothing_once_access_has_ended(
    main: RunningMain, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_let_in, goes_on = asyncio.Event(), asyncio.Event()
    admit = main.main.router.admit

    async def noted(visit: Visit, op: Op) -> None:
        await admit(visit, op)
        if op.name == "users.create":
            is_let_in.set()

    monkeypatch.setattr(main.main.router, "admit", noted)
    body = json.dumps(EVE).encode()

    async def slow() -> AsyncIterator[bytes]:
        yield body[:10]
        await goes_on.wait()
        yield body[10:]

    async with main.client() as victim, main.client() as other:

        async def late() -> int:
            url = f"{main.url}/api/ops/users.create"
            async with victim.http.post(url, data=slow(), headers=victim.headers) as answer:
                return answer.status

        task = asyncio.get_running_loop().create_task(late(), name="late")
        async with asyncio.timeout(5):
            await is_let_in.wait()
            await by_revoking_the_login(main, victim, other)
            goes_on.set()
            assert await task == 401
        assert [each["name"] for each in (await other.op("users.list"))["users"]] == ["ada"]


async def test_a_socket_that_takes_its_time_to_close_does_nothing_more(
    main: RunningMain, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever does not read what waits for them delays the goodbye, and could go on calling meanwhile."""
    close, may_close = Peer.close, asyncio.Event()

    async def late(peer: Peer, code: int = 1000, reason: str = "") -> None:
        await may_close.wait()
        await close(peer, code, reason)

    async with main.client() as victim, main.client() as other, victim.socket() as socket:
        assert await socket.call("nodes.list") == {"nodes": []}
        monkeypatch.setattr(Peer, "close", late)
        await by_revoking_the_login(main, victim, other)
        with pytest.raises(OpError) as refused:
            await socket.call("users.create", EVE)
        assert refused.value.code == "unauthorized"
        may_close.set()
        await asyncio.wait_for(socket.closed.wait(), 1)
        assert [each["name"] for each in (await other.op("users.list"))["users"]] == ["ada"]
