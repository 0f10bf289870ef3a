"""Accounts: who makes them, what ends with them, and how nobody lifts themselves up."""

import asyncio
import contextlib
from typing import Any

import pytest

from main.auth.access import LiveAccess, Principal
from main.registry.shown import placeholder, placeholder_id
from main.store.audit import WORK
from tests.support.client import Client, OpError
from tests.support.fake_node import FakeNode
from tests.support.main_app import PASSWORD, RunningMain
from ws.protocol.base import LoginId, NodeId, UserId
from ws.protocol.envelope import Role
from ws.rpc import Answer, IncomingCall

NEW = "another horse"


async def refused(call: Any) -> str:
    with pytest.raises(OpError) as caught:
        await call
    return str(caught.value.code)


async def tried(call: Any) -> None:
    with contextlib.suppress(OpError):
        await call


async def user_of(client: Client, name: str) -> dict[str, Any]:
    users = (await client.op("users.list"))["users"]
    return dict(next(each for each in users if each["name"] == name))


async def test_an_owner_adds_somebody_who_sees_nothing_until_a_node_is_shared(main: RunningMain) -> None:
    shown = main.main.registry.tokens.shown
    async with FakeNode(main.url, "n1", shown).online(), main.client() as owner, Client(main.url) as vera:
        made = (await owner.op("users.create", username="Vera", password=NEW))["user"]
        assert (made["role"], made["grants"], made["logins"]) == ("member", [], 0)
        await vera.login("vera", NEW)
        assert await vera.op("nodes.list") == {"nodes": []}
        shared = await owner.op("users.update", user=made["id"], grants=[{"node": "n1", "role": "viewer"}])
        assert shared["user"]["grants"] == [{"node": "n1", "role": "viewer"}]
        assert [node["role"] for node in (await vera.op("nodes.list"))["nodes"]] == ["viewer"]
        assert (await user_of(owner, "Vera"))["logins"] == 1


async def test_nobody_but_an_owner_looks_at_accounts_or_changes_one_their_own_included(main: RunningMain) -> None:
    roles: tuple[Role, ...] = ("member", "viewer")
    for role in roles:
        account = await main.add_user(role, role)
        async with main.client(role) as client:
            acts: list[tuple[str, dict[str, Any]]] = [
                ("users.list", {}),
                ("users.create", {"username": "eve", "password": NEW, "role": "owner"}),
                ("users.update", {"user": account.id, "role": "owner"}),
                ("users.update", {"user": account.id, "grants": [{"node": "*", "role": "member"}]}),
                ("users.set_password", {"user": account.id, "password": NEW}),
                ("users.remove", {"user": account.id}),
                ("audit.list", {}),
            ]
            for op, params in acts:
                assert await refused(client.op(op, **params)) == "forbidden", op
            assert await refused(client.op("users.update", user=account.id, role="owner", extra=1)) == "forbidden"
            status = await client.get("/api/auth/status")
            assert status["user"]["role"] == role


async def test_the_last_owner_stays_one(main: RunningMain) -> None:
    async with main.client() as owner, owner.socket() as socket:
        own = await user_of(owner, "ada")
        for op, params in (
            ("users.update", {"role": "member"}),
            ("users.update", {"role": "viewer", "username": "other", "grants": []}),
            ("users.remove", {}),
        ):
            assert await refused(owner.op(op, user=own["id"], **params)) == "conflict"
        assert await user_of(owner, "ada") == own
        assert await socket.call("nodes.list") == {"nodes": []}


async def test_two_owners_who_remove_each_other_at_once_leave_one(main: RunningMain) -> None:
    async with main.client("ada") as ada, main.client("bob") as bob:
        first, second = await user_of(ada, "ada"), await user_of(ada, "bob")
        async with asyncio.TaskGroup() as group:
            group.create_task(tried(ada.op("users.remove", user=second["id"])))
            group.create_task(tried(bob.op("users.remove", user=first["id"])))
        rows = await main.main.store.database.read("SELECT role FROM users")
        assert [row["role"] for row in rows] == ["owner"]


async def test_an_owner_among_others_may_step_down_and_leave(main: RunningMain) -> None:
    await main.add_user("bob", "owner")
    async with main.client("ada") as ada, ada.socket() as socket:
        own = await user_of(ada, "ada")
        assert (await ada.op("users.update", user=own["id"], role="viewer"))["user"]["role"] == "viewer"
        await asyncio.wait_for(socket.closed.wait(), 1)
        assert await refused(ada.op("users.list")) == "forbidden"
        assert await ada.op("nodes.list") == {"nodes": []}
    async with main.client("bob") as bob:
        await bob.op("users.remove", user=own["id"])
        assert [each["name"] for each in (await bob.op("users.list"))["users"]] == ["bob"]


async def test_a_taken_name_is_a_conflict_in_other_letters_too(main: RunningMain) -> None:
    async with main.client() as owner:
        await owner.op("users.create", username="Vera", password=NEW)
        for name in ("vera", "VERA", "\uff36era"):
            assert await refused(owner.op("users.create", username=name, password=NEW)) == "conflict"
        own = await user_of(owner, "ada")
        assert await refused(owner.op("users.update", user=own["id"], username="vera")) == "conflict"
        assert await refused(owner.op("users.update", user=own["id"], username="\u202eadA")) == "invalid"
        assert (await owner.op("users.update", user=own["id"], username="Ada"))["user"]["name"] == "Ada"


@pytest.mark.parametrize(
    "params",
    [
        {"username": "", "password": NEW},
        {"username": "a\nb", "password": NEW},
        {"username": "\u3164", "password": NEW},
        {"username": "eve\u200b", "password": NEW},
        {"username": "eve", "password": "short"},
        {"username": "eve", "password": "x" * 73},
        {"username": "eve", "password": "\u00e4" * 40},
        {"username": "eve", "password": "nul\0nul nul"},
        {"username": "eve", "password": NEW, "role": "admin"},
        {"username": "eve", "password": NEW, "grants": [{"node": "*", "role": "owner"}]},
        {"username": "eve", "password": NEW, "grants": [{"node": "../x", "role": "viewer"}]},
        {"username": "eve", "password": NEW, "grants": [{"node": "*", "role": "viewer"}] * 2},
    ],
)
async def test_bad_accounts_are_refused_and_nothing_is_made(main: RunningMain, params: dict[str, Any]) -> None:
    async with main.client() as owner:
        assert await refused(owner.op("users.create", **params)) == "invalid"
        assert len((await owner.op("users.list"))["users"]) == 1


async def test_a_node_that_nobody_has_is_not_shared_in_advance(main: RunningMain) -> None:
    async with main.client() as owner:
        grants = [{"node": "future", "role": "member"}]
        assert await refused(owner.op("users.create", username="eve", password=NEW, grants=grants)) == "not_found"


async def test_a_reset_password_ends_every_login_and_the_old_one_opens_nothing(main: RunningMain) -> None:
    account = await main.add_user("vera", "member")
    async with main.client() as owner, main.client("vera") as vera, vera.socket() as socket:
        secret = (await vera.op("tokens.create", name="ci", scopes=["read"]))["secret"]
        await owner.op("users.set_password", user=account.id, password=NEW)
        await asyncio.wait_for(socket.closed.wait(), 1)
        assert await refused(vera.op("nodes.list")) == "unauthorized"
        assert await refused(vera.login("vera", PASSWORD)) == "unauthorized"
        await vera.login("vera", NEW)
        vera.token = secret
        await vera.op("nodes.list")


async def test_a_stolen_session_of_an_owner_does_not_reset_the_owners_own_password(main: RunningMain) -> None:
    async with main.client() as owner:
        own = await user_of(owner, "ada")
        assert await refused(owner.op("users.set_password", user=own["id"], password=NEW)) == "forbidden"


async def test_a_removed_user_is_out_within_a_second(main: RunningMain) -> None:
    account = await main.add_user("vera", "member")
    async with main.client() as owner, main.client("vera") as vera, vera.socket() as socket:
        await socket.subscribe("inbox.watch")
        await owner.op("users.remove", user=account.id)
        await asyncio.wait_for(socket.closed.wait(), 1)
        assert socket.raw.close_code == 4401
        assert await refused(vera.op("nodes.list")) == "unauthorized"
        assert await refused(vera.login("vera", PASSWORD)) == "unauthorized"
        assert await refused(owner.op("users.remove", user=account.id)) == "not_found"


async def test_a_new_name_is_no_way_to_somebody_elses_rights(main: RunningMain) -> None:
    """Rights hang on the account, not on its name: who takes the name of a removed user gets nothing of theirs."""
    account = await main.add_user("vera", "owner")
    async with main.client() as owner, main.client("vera") as old:
        await owner.op("users.remove", user=account.id)
        await owner.op("users.create", username="vera", password=NEW, role="viewer")
        assert await refused(old.op("nodes.list")) == "unauthorized"
        async with Client(main.url) as new:
            await new.login("vera", NEW)
            assert await refused(new.op("audit.list")) == "forbidden"


async def test_a_login_that_was_checked_while_the_password_changed_is_none(main: RunningMain) -> None:
    account = await main.add_user("vera", "member")
    stale = await main.main.store.users.by_name("vera")
    assert stale is not None
    assert await main.main.store.logins.add(LoginId("l1"), stale, "::1", "")
    await main.main.store.users.set_password(account.id, "$2b$04$another")
    assert not await main.main.store.logins.add(LoginId("l2"), stale, "::1", "")
    await main.add_user("ada")
    await main.main.store.users.remove(account.id)
    assert not await main.main.store.logins.add(LoginId("l3"), stale, "::1", "")


async def test_a_login_never_takes_over_the_token_that_came_with_the_request(main: RunningMain) -> None:
    """Session fixation: what a stranger planted in the browser is worth as little after signing in as before."""
    await main.add_user("vera", "member")
    planted = await main.token("eve", "viewer")
    body = {"username": "vera", "password": PASSWORD}
    headers = {"Cookie": f"switchyard_{main.port}={planted}", "Origin": main.url}
    async with main.http() as http, http.post("/api/auth/login", json=body, headers=headers) as answer:
        assert answer.status == 200
        assert (await answer.json())["token"] != planted
        assert answer.cookies[f"switchyard_{main.port}"].value != planted
    async with main.client("eve", "viewer") as eve:
        eve.token = planted
        assert (await eve.get("/api/auth/status"))["user"]["name"] == "eve"


async def test_a_socket_that_opens_while_its_access_ends_is_ended(main: RunningMain) -> None:
    """The caller was looked up before the ending, and the socket is registered after it."""
    live = LiveAccess()
    ended: list[str] = []
    loop = asyncio.get_running_loop()
    done = loop.create_future()

    def note(name: str) -> None:
        ended.append(name)

    before = Principal(UserId("u"), "vera", "member", LoginId("l1"), as_of=live.now)
    live.end_user(UserId("u"), but=LoginId("l2"))
    after = Principal(UserId("u"), "vera", "member", LoginId("l1"), as_of=live.now)
    live.add(before, lambda: note("late"))
    live.add(Principal(UserId("u"), "vera", "member", LoginId("l2")), lambda: note("kept"))
    live.add(after, lambda: note("new"))
    loop.call_soon(done.set_result, None)
    await done
    assert ended == ["late"]
    assert len(live) == 2


async def test_a_socket_whose_rights_were_changed_behind_mains_back_is_found_by_the_recheck(main: RunningMain) -> None:
    await main.add_user("vera", "member")
    async with main.client("vera") as vera, vera.socket() as socket, main.client("ada") as ada, ada.socket() as kept:
        await main.main.store.database.execute("UPDATE users SET role = 'viewer' WHERE name = 'vera'")
        await main.main.accounts.recheck_live()
        await asyncio.wait_for(socket.closed.wait(), 1)
        assert await kept.call("nodes.list") == {"nodes": []}


async def test_an_act_that_is_refused_is_in_the_audit_and_a_guessed_name_is_not(main: RunningMain) -> None:
    """In the place of the name people sometimes type their password."""
    async with main.client("eve", "member") as eve, main.client("ada") as owner:
        assert await refused(eve.op("users.create", username="x", password=NEW)) == "forbidden"
        assert await refused(eve.op("nodes.remove", node="n1")) == "forbidden"
        assert await refused(eve.op("files.write", node="n1", path="/x", content="", create=True)) == "not_found"
        assert await refused(eve.login("my secret password", "x")) == "unauthorized"
        assert await refused(eve.login("ada", "wrong password")) == "unauthorized"
        rows = [
            (row["action"], row["who"], row["kind"], row["outcome"])
            for row in (await owner.op("audit.list"))["rows"]
            if row["outcome"] != "ok"
        ]
    assert rows == [
        ("login.failed", "ada", "user", "unauthorized"),
        ("login.failed", "", "unknown", "unauthorized"),
        ("file.written", "eve", "user", "not_found"),
        ("node.removed", "eve", "user", "forbidden"),
        ("user.created", "eve", "user", "forbidden"),
    ]


async def test_every_change_of_rights_says_in_the_audit_what_holds_now(main: RunningMain) -> None:
    async with main.client() as owner:
        made = (await owner.op("users.create", username="vera", password=NEW, role="viewer"))["user"]
        await owner.op("users.update", user=made["id"], role="member", grants=[{"node": "*", "role": "viewer"}])
        await owner.op("users.set_password", user=made["id"], password=PASSWORD)
        await owner.op("tokens.create", name="ci", scopes=["write", "read"])
        await owner.op("users.remove", user=made["id"])
        rows = (await owner.op("audit.list"))["rows"]
    assert NEW not in str(rows)
    assert [(row["action"], row["subject"]) for row in rows[:5]] == [
        ("user.removed", "vera"),
        ("token.made", "ci: read write; every machine"),
        ("password.reset", "vera"),
        ("user.updated", "vera: member; *=viewer"),
        ("user.created", "vera: viewer; no machine"),
    ]


async def test_hanging_up_after_an_act_hides_nothing(main: RunningMain) -> None:
    """Who closes the socket before the answer comes is in the audit all the same, and not among the refusals."""
    begun, hold = asyncio.Event(), asyncio.Event()

    async def opening(_: IncomingCall) -> Answer:
        begun.set()
        await hold.wait()
        return b"{}"

    shown = main.main.registry.tokens.shown
    node = FakeNode(main.url, "n1", shown, behaviours={"terminal.open": opening})
    params = {"node": "n1", "path": "/w", "cols": 80, "rows": 24}
    async with node.online(), main.client("eve", "member") as eve, main.client("ada") as owner:
        async with eve.http.ws_connect(f"{main.url}/ws", headers=eve.headers) as socket:
            await socket.send_json({"jsonrpc": "2.0", "id": 1, "method": "terminal.open", "params": params})
            await asyncio.wait_for(begun.wait(), 5)
        rows: list[dict[str, Any]] = []
        async with asyncio.timeout(5):
            while not rows:
                rows = (await owner.op("audit.list", action="terminal.opened"))["rows"]
        hold.set()
    assert [(row["who"], row["outcome"], row["node"], row["subject"]) for row in rows] == [
        ("eve", "unfinished", "n1", "/w")
    ]
    (shelf,) = await main.main.store.database.read("SELECT shelf FROM audit WHERE outcome = 'unfinished'")
    assert shelf["shelf"] == WORK


async def test_addresses_and_troubles_of_nodes_are_for_owners(main: RunningMain) -> None:
    await main.add_user("eve", "member")
    address = "http://127.0.0.1:9"
    main.main.registry.nodes.put(placeholder_id(address), placeholder(address, "Nobody answers at 127.0.0.1:9."))
    shown = main.main.registry.tokens.shown
    async with FakeNode(main.url, "n1", shown).online():
        pass
    main.main.registry.trouble(NodeId("n1"), "Nobody answers at 192.0.2.7.")
    async with main.client("ada") as owner, main.client("eve") as eve, eve.socket() as socket:
        told = str((await owner.op("nodes.list"))["nodes"])
        assert "192.0.2.7" in told
        assert "127.0.0.1:9" in told
        watched = (await socket.subscribe("nodes.watch")).result["nodes"]
        listed = (await eve.op("nodes.list"))["nodes"]
    assert [node["id"] for node in listed] == ["n1"]
    assert listed == watched
    assert "address" not in listed[0]
    assert "problem" not in listed[0]
