"""Keys of programs: their presence is nothing, their validity is looked up; they end at once and never grow."""

import asyncio
import json
import secrets
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.support.client import Client, OpError
from tests.support.main_app import PASSWORD, RunningMain, running_main

HANDSHAKES = ("/ws", "/ws/terminal?node=n&terminal=t")


async def made(client: Client, **params: Any) -> dict[str, Any]:
    given = {"name": "ci", "scopes": ["read"], **params}
    return await client.op("tokens.create", **given)


async def refused(call: Any) -> str:
    with pytest.raises(OpError) as caught:
        await call
    return str(caught.value.code)


async def statuses(main: RunningMain, token: str, **headers: str) -> set[int]:
    """What HTTP and both sockets say to this bearer."""
    sent = headers or {"Authorization": f"Bearer {token}"}
    seen = set()
    async with main.http() as http:
        async with http.get("/api/ops/nodes.list", headers=sent) as answer:
            seen.add(answer.status)
        for path in HANDSHAKES:
            try:
                async with http.ws_connect(path, headers=sent):
                    seen.add(200)
            except aiohttp.WSServerHandshakeError as error:
                seen.add(error.status)
    return seen


async def test_a_token_opens_http_and_sockets_as_a_bearer_and_never_as_a_cookie(main: RunningMain) -> None:
    async with main.client() as client:
        secret = (await made(client))["secret"]
    assert await statuses(main, secret) == {200}
    cookie = {"Cookie": f"switchyard_{main.port}={secret}", "Origin": main.url}
    assert await statuses(main, "", **cookie) == {401}


async def test_a_token_is_recognised_by_its_form_and_kept_as_a_hash(main: RunningMain, tmp_path: Path) -> None:
    async with main.client() as client:
        answer = await made(client)
        secret, token = answer["secret"], answer["token"]
        prefix, found, rest = secret.split("_", 2)
        assert (prefix, found) == ("sy", token["id"])
        assert len(rest) == 43
        listed = await client.op("tokens.list")
        audit = await client.op("audit.list")
    assert rest not in json.dumps([listed, audit, token])
    for file in tmp_path.glob("main.db*"):
        assert rest.encode() not in file.read_bytes()


async def test_what_only_looks_like_a_token_opens_nothing(main: RunningMain, tmp_path: Path) -> None:
    async with main.client() as client:
        secret = (await made(client))["secret"]
        other = (await made(client, name="other"))["secret"]
    (tmp_path / "other").mkdir()
    async with running_main(tmp_path / "other") as another, another.client() as client:
        foreign = (await made(client))["secret"]
    head, found, rest = secret.split("_", 2)
    forged = [
        "", "sy_", "sy__", "sy_x_y", rest, found, f"{found}_{rest}", secret[:-1], f"{secret}x", secret.upper(), foreign,
        f"{head}_{found}_{secrets.token_urlsafe(32)}", f"{head}_{'0' * 16}_{rest}",
        f"{head}_{other.split('_', 2)[1]}_{rest}", f"{head}_{found}_{'%' * 43}", f"sy_' OR '1'='1_{rest}",
    ]  # fmt: skip
    for token in forged:
        assert await statuses(main, token) == {401}, token
    assert await statuses(main, "", Authorization=f"Basic {secret}") == {401}
    assert await statuses(main, "", Authorization=secret) == {401}
    async with main.http() as http, http.get(f"/api/ops/nodes.list?token={secret}") as answer:
        assert answer.status == 401
    bearer = {"Authorization": f"Bearer {foreign}"}
    async with main.http() as http, http.get("/api/ops/nodes.list", headers=bearer) as answer:
        assert "make another in the page under Settings, API tokens" in (await answer.json())["detail"]


async def test_a_token_opens_no_link_of_a_node(main: RunningMain) -> None:
    async with main.client() as client:
        secret = (await made(client, scopes=["owner"]))["secret"]
    headers = {"Switchyard-Node": "x", "Switchyard-Protocol": "1", "Authorization": f"Bearer {secret}"}
    async with main.http() as http:
        for path in ("/ws/node", "/ws/stream"):
            with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
                await http.ws_connect(path, headers=headers)
            assert caught.value.status == 401


async def by_revoking(owner: Client, token: str, user: str) -> None:
    await owner.op("tokens.revoke", token=token)


async def by_removing_its_user(owner: Client, token: str, user: str) -> None:
    await owner.op("users.remove", user=user)


@pytest.mark.parametrize("end", [by_revoking, by_removing_its_user], ids=lambda each: each.__name__)
async def test_its_sockets_end_within_a_second_and_it_opens_nothing_any_more(main: RunningMain, end: Any) -> None:
    account = await main.add_user("eve", "member")
    async with main.client() as owner, main.client("eve") as eve, Client(main.url) as program:
        answer = await made(eve)
        program.token = answer["secret"]
        async with program.socket() as socket:
            await socket.subscribe("nodes.watch")
            await end(owner, answer["token"]["id"], account.id)
            await asyncio.wait_for(socket.closed.wait(), 1)
            assert socket.raw.close_code == 4401
    assert await statuses(main, answer["secret"]) == {401}


async def test_a_revoked_token_leaves_the_login_and_other_tokens_alone(main: RunningMain) -> None:
    async with main.client() as client, client.socket() as kept, Client(main.url) as program:
        first, second = await made(client), await made(client, name="second")
        program.token = second["secret"]
        async with program.socket() as socket:
            await client.op("tokens.revoke", token=first["token"]["id"])
            assert await socket.call("nodes.list") == {"nodes": []}
        assert await kept.call("nodes.list") == {"nodes": []}


async def test_an_expired_token_opens_nothing_and_its_open_socket_ends(main: RunningMain) -> None:
    async with main.client() as client, Client(main.url) as program:
        answer = await made(client, expires_days=1)
        database = main.main.store.database
        await database.execute("UPDATE api_tokens SET expires_s = unixepoch() + 2")
        program.token = answer["secret"]
        async with program.socket() as socket:
            assert await socket.call("nodes.list") == {"nodes": []}
            await asyncio.wait_for(socket.closed.wait(), 5)
            assert socket.raw.close_code == 4401
        assert await statuses(main, answer["secret"]) == {401}
        (shown,) = (await client.op("tokens.list"))["tokens"]
        assert shown["id"] == answer["token"]["id"]


async def test_nobody_gives_a_token_more_than_they_have(main: RunningMain) -> None:
    await main.add_user("eve", "viewer", {})
    async with main.client("eve") as eve:
        for scope in ("write", "terminal", "owner"):
            assert await refused(made(eve, scopes=["read", scope])) == "forbidden"
        assert await refused(made(eve, nodes=["hers"])) == "not_found"
        assert await refused(made(eve, scopes=["all"])) == "invalid"
        assert await refused(made(eve, user="ada")) == "invalid"
        assert await refused(made(eve, role="owner")) == "invalid"


async def test_a_token_loses_what_its_user_loses(main: RunningMain) -> None:
    account = await main.add_user("eve", "owner")
    async with main.client() as owner, main.client("eve") as eve, Client(main.url) as program:
        program.token = (await made(eve, scopes=["owner"]))["secret"]
        assert (await program.op("audit.list", limit=1))["rows"]
        async with program.socket() as socket:
            await owner.op("users.update", user=account.id, role="viewer")
            await asyncio.wait_for(socket.closed.wait(), 1)
        assert await refused(program.op("audit.list")) == "forbidden"
        assert await program.op("nodes.list") == {"nodes": []}


async def test_a_token_makes_no_accounts_logins_or_tokens_not_even_an_owners(main: RunningMain) -> None:
    async with main.client() as client, Client(main.url) as program:
        answer = await made(client, scopes=["owner"])
        program.token = answer["secret"]
        acts: list[tuple[str, dict[str, Any]]] = [
            ("tokens.create", {"name": "more", "scopes": ["read"]}),
            ("tokens.revoke", {"token": answer["token"]["id"]}),
            ("users.create", {"username": "eve", "password": "long enough"}),
            ("users.change_password", {"current_password": PASSWORD, "new_password": "another horse"}),
            ("logins.list", {}),
        ]
        async with program.socket() as socket:
            for op, params in acts:
                assert await refused(program.op(op, **params)) == "forbidden"
                assert await refused(socket.call(op, params)) == "forbidden"
        assert await refused(program.post("/api/auth/logout", {})) == "forbidden"
        assert len((await client.op("tokens.list"))["tokens"]) == 1


async def test_status_names_the_user_and_the_least_role_that_covers_the_token(main: RunningMain) -> None:
    async with main.client() as client, Client(main.url) as program:
        for scopes, role in ((["read"], "viewer"), (["read", "write"], "member"), (["owner"], "owner")):
            program.token = (await made(client, scopes=scopes))["secret"]
            status = await program.get("/api/auth/status")
            assert (status["user"]["name"], status["user"]["role"]) == ("ada", role)
        program.token = "sy_nothing"
        assert (await program.get("/api/auth/status"))["user"] is None


async def test_its_use_is_noted_at_most_once_a_minute_and_its_acts_are_told_apart(main: RunningMain) -> None:
    async with main.client() as client, Client(main.url) as program:
        answer = await made(client, name="CI", scopes=["owner"])
        assert answer["token"].get("last_used") is None
        program.token = answer["secret"]
        await program.op("nodes.list")
        (first,) = (await client.op("tokens.list"))["tokens"]
        assert first["last_used"]
        await main.main.store.database.execute("UPDATE api_tokens SET used_s = used_s - 50")
        (before,) = (await client.op("tokens.list"))["tokens"]
        await program.op("nodes.list")
        assert (await client.op("tokens.list"))["tokens"] == [before]
        await main.main.store.database.execute("UPDATE api_tokens SET used_s = used_s - 20")
        await program.op("nodes.list")
        (after,) = (await client.op("tokens.list"))["tokens"]
        assert after["last_used"] >= first["last_used"]
        assert await refused(program.op("nodes.remove", node="none")) == "not_found"
        (row,) = (await client.op("audit.list", action="node.removed"))["rows"]
        assert (row["who"], row["kind"], row["outcome"]) == ("ada (token CI)", "token", "not_found")


async def test_the_number_of_tokens_is_bounded(main: RunningMain, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("main.store.api_tokens.MAX_TOKENS", 2)
    async with main.client() as client:
        for _ in range(2):
            await made(client)
        assert await refused(made(client)) == "conflict"
        for name in ("  ", "a\nb", "\x1b[31m"):
            assert await refused(made(client, name=name)) == "invalid"
