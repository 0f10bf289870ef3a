"""People and tokens as outside programs meet them: real processes, a real node, terminals, sessions and files."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from tests.support.client import Client, OpError
from tests.support.installation import Installation
from tests.support.reader import reading

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("api people")]

PASSWORD = "another horse"


@contextlib.asynccontextmanager
async def person(whole: Installation, name: str, role: str, **grants: str) -> AsyncIterator[tuple[str, Client]]:
    """Id and client of somebody who is removed afterwards. `grants` are roles on `here` or, as `all`, everywhere."""
    nodes = {"here": whole.node, "all": "*"}
    given = [{"node": nodes[node], "role": granted} for node, granted in grants.items()]
    made = await whole.client.op("users.create", username=name, password=PASSWORD, role=role, grants=given)
    user = str(made["user"]["id"])
    try:
        async with Client(whole.url) as client:
            await client.login(name, PASSWORD)
            yield user, client
    finally:
        with contextlib.suppress(OpError):
            await whole.client.op("users.remove", user=user)


async def code(call: Any) -> str:
    with pytest.raises(OpError) as refused:
        await call
    return str(refused.value.code)


async def share(whole: Installation, user: str, role: str | None) -> None:
    grants = [] if role is None else [{"node": whole.node, "role": role}]
    await whole.client.op("users.update", user=user, grants=grants)


async def test_what_is_shared_is_seen_and_done_and_nothing_else(whole: Installation) -> None:
    work = str(whole.work)
    session = (await whole.session(title="Of the owner"))["id"]
    at = {"node": whole.node}
    async with person(whole, "vera", "member") as (user, vera):
        assert await vera.op("nodes.list") == {"nodes": []}
        assert await vera.op("session.list") == {"sessions": [], "offline": []}
        assert await code(vera.op("files.list", path=work, **at)) == "not_found"
        assert await code(vera.op("session.get", session=session, **at)) == "not_found"

        await share(whole, user, "viewer")
        assert [node["role"] for node in (await vera.op("nodes.list"))["nodes"]] == ["viewer"]
        assert session in {each["id"] for each in (await vera.op("session.list"))["sessions"]}
        assert (await vera.op("session.get", session=session, **at))["title"] == "Of the owner"
        assert await code(vera.op("session.send", session=session, message_id="m", text="hello", **at)) == "forbidden"
        assert await code(vera.op("terminal.open", path=work, cols=80, rows=24, **at)) == "forbidden"

        await share(whole, user, "member")
        sent = await vera.op("session.send", session=session, message_id="m", text="hello", **at)
        async with whole.watching(session, after=sent["seq"] - 1) as watch:
            said = next(event for event in await watch.until("turn_ended") if event["type"] == "user_message")
        assert said["by"] == "vera"

        await share(whole, user, None)
        assert await code(vera.op("session.get", session=session, **at)) == "not_found"


async def test_a_terminal_ends_when_its_machine_is_taken_back(whole: Installation) -> None:
    opened = await whole.op("terminal.open", path=str(whole.work), cols=80, rows=24, command=["cat"])
    terminal = opened["terminal"]
    async with person(whole, "typist", "member", here="member") as (user, client):
        async with reading(client, whole.node, terminal) as reader:
            await reader.type("typed by a member\r")
            await reader.until_text(b"typed by a member", times=2)
            await share(whole, user, "viewer")
            async with asyncio.timeout(1):
                while not reader.socket.closed:
                    await reader.socket.receive()
            assert reader.socket.close_code == 4401
        async with reading(client, whole.node, terminal) as watcher:
            await watcher.type("typed by a viewer\r")
            await watcher.acknowledge()
            async with reading(whole.client, whole.node, terminal) as typist:
                await typist.type("typed by the owner\r")
                assert b"viewer" not in await typist.until_text(b"typed by the owner", times=2)
        await share(whole, user, None)
        url = f"{whole.url}/ws/terminal?node={whole.node}&terminal={terminal}"
        async with client.http.ws_connect(url, headers=client.headers) as refused:
            assert (await refused.receive_json())["code"] == "not_found"
    await whole.op("terminal.close", terminal=terminal)


async def test_files_as_bytes_follow_the_grant(whole: Installation) -> None:
    (whole.work / "letter.txt").write_text("dear")
    url = f"{whole.url}/api/nodes/{whole.node}/files/content?path={whole.work}/letter.txt"
    async with person(whole, "reader", "member", here="viewer") as (user, client):

        async def status(method: str, **given: Any) -> int:
            async with client.http.request(method, url, headers=client.headers, **given) as answer:
                return answer.status

        assert await status("GET") == 200
        assert await status("PUT", data=b"changed") == 403
        await share(whole, user, None)
        assert (await status("GET"), await status("PUT", data=b"changed")) == (404, 404)
        await share(whole, user, "member")
        assert await status("PUT", data=b"changed") == 200
    assert (whole.work / "letter.txt").read_text() == "changed"


async def test_a_program_works_with_a_token_and_is_told_apart(whole: Installation) -> None:
    session = (await whole.session())["id"]
    made = await whole.client.op("tokens.create", name="ci", scopes=["read", "write"], nodes=[whole.node])
    async with Client(whole.url) as program:
        program.token = made["secret"]
        sent = await program.op("session.send", node=whole.node, session=session, message_id="t1", text="hello")
        async with whole.watching(session, after=sent["seq"] - 1) as watch:
            said = next(event for event in await watch.until("turn_ended") if event["type"] == "user_message")
        assert said["by"] == "ada (token ci)"
        path = str(whole.work)
        assert await code(program.op("terminal.open", node=whole.node, path=path, cols=80, rows=24)) == "forbidden"
        assert await code(program.op("nodes.join")) == "forbidden"
        written = await program.op("files.write", node=whole.node, path=f"{path}/by-ci", content="x", create=True)
        assert written["size"] == 1
        stream = f"{whole.url}/api/ops/inbox.watch"
        async with program.http.get(stream, headers=program.headers) as events, program.socket() as socket:
            assert await events.content.readline() == b"event: result\n"
            await whole.client.op("tokens.revoke", token=made["token"]["id"])
            async with asyncio.timeout(1):
                await socket.closed.wait()
                with contextlib.suppress(aiohttp.ClientError):  # cut in the middle of a chunked body
                    while await events.content.readany():
                        pass
        assert await code(program.op("nodes.list")) == "unauthorized"
    rows = (await whole.client.op("audit.list", who="ada (token ci)"))["rows"]
    assert [(row["action"], row["kind"], row["outcome"]) for row in rows] == [
        ("file.written", "token", "ok"),
        ("terminal.opened", "token", "forbidden"),
    ]


async def test_an_owner_of_some_machines_by_token_does_nothing_to_the_whole_of_main(whole: Installation) -> None:
    made = await whole.client.op("tokens.create", name="local", scopes=["owner"], nodes=[whole.node])
    async with Client(whole.url) as program:
        program.token = made["secret"]
        for op in ("nodes.join", "audit.list"):
            assert await code(program.op(op)) == "forbidden"
        rows = (await program.op("audit.list", node=whole.node))["rows"]
        assert {row["node"] for row in rows} == {whole.node}


async def test_somebody_who_was_removed_is_out_everywhere(whole: Installation, repository: str) -> None:
    async with person(whole, "leaver", "member", all="member") as (user, client), client.socket() as socket:
        watch = await socket.subscribe("git.watch", {"node": whole.node, "path": repository})
        await whole.client.op("users.remove", user=user)
        async with asyncio.timeout(1):
            await socket.closed.wait()
        assert [(await watch.next())["type"] for _ in range(2)] == ["ended", "closed"]
        assert await code(client.op("nodes.list")) == "unauthorized"
        assert await code(client.login("leaver", PASSWORD)) == "unauthorized"
