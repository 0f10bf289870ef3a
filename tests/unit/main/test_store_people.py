"""Accounts, grants and API tokens in the store; a database of the first version goes on with all that is in it."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from main.store import Store, open_store
from main.store.api_tokens import ApiTokens
from main.store.users import Account
from ws.database.migrations import migrate, read_migrations
from ws.protocol.accounts import AuditListParams
from ws.protocol.base import UserId
from ws.protocol.errors import WireError

MIGRATIONS = Path(__file__).parents[3] / "main/store/migrations"
TS = "2026-01-01T00:00:00.000Z"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await open_store(tmp_path / "main.db")
    yield opened
    await opened.close()


def account(name: str, **grants: str) -> Account:
    given = {node.replace("all", "*"): "member" if role == "member" else "viewer" for node, role in grants.items()}
    return Account(UserId(name), name, "member" if grants else "owner", "hash", given)  # type: ignore[arg-type]


async def add_token(tokens: ApiTokens, name: str, user: str, nodes: list[str] | None = None) -> None:
    await tokens.add(token=name, user=user, name=name, secret=name, scopes=["read"], nodes=nodes, expires_s=None)


def write_first_version(path: Path) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    migrate(connection, path, "main", read_migrations(MIGRATIONS)[:1])
    connection.execute("INSERT INTO users VALUES ('u', 'Ada', 'ada', 'hash', 'owner', ?)", (TS,))
    connection.execute("INSERT INTO logins VALUES ('l', 'u', ?, ?, 4000000000, '::1', '')", (TS, TS))
    audited = "INSERT INTO audit (ts, who, address, action, node, outcome) VALUES (?, ?, '::1', ?, ?, ?)"
    connection.execute(audited, (TS, "n1", "node.joined", "n1", "ok"))
    connection.execute(audited, (TS, "ada", "node.renamed", "n1", "not_found"))
    connection.close()


async def test_a_database_of_the_first_version_keeps_its_people_and_its_audit(tmp_path: Path) -> None:
    await asyncio.to_thread(write_first_version, tmp_path / "main.db")
    store = await open_store(tmp_path / "main.db")
    found = await store.logins.find("l")
    rows = (await store.audit.page(AuditListParams())).rows
    shelves = await store.database.read("SELECT shelf FROM audit ORDER BY id")
    await store.close()
    assert found is not None
    assert (found[1].name, found[1].role, found[1].grants) == ("Ada", "owner", {})
    assert [(row.who, row.kind) for row in rows] == [("ada", "user"), ("n1", "node")]
    assert [row["shelf"] for row in shelves] == [0, 2]


async def test_an_account_comes_back_as_it_was_put(store: Store) -> None:
    made = account("vera", all="viewer", laptop="member")
    await store.users.add(made)
    assert await store.users.by_id("vera") == made == await store.users.by_name("VERA")
    (listed,) = await store.users.listed(0)
    assert [(grant.node, grant.role) for grant in listed.grants] == [("*", "viewer"), ("laptop", "member")]
    assert (listed.logins, listed.last_seen) == (0, None)


async def test_a_change_that_is_refused_changes_nothing_of_the_account(store: Store) -> None:
    await store.users.add(account("ada"))
    await store.users.add(account("vera", all="viewer"))
    before = await store.users.listed(0)
    for user, name, role in (("ada", "grace", "viewer"), ("vera", "ADA", "owner"), ("nobody", "x", "owner")):
        with pytest.raises(WireError):
            await store.users.update(user, name=name, role=role, grants={})  # type: ignore[arg-type]
    assert await store.users.listed(0) == before


async def test_the_rights_on_a_node_go_with_it_and_a_token_for_it_alone_sees_none(store: Store) -> None:
    await store.users.add(account("ada"))
    await store.users.add(account("vera", laptop="member", attic="viewer"))
    await add_token(store.api_tokens, "one", "vera", ["laptop"])
    await add_token(store.api_tokens, "all", "vera")
    await store.database.execute(
        "INSERT INTO nodes (id, name, mode, is_local, is_confirmed, secret_hash, main_secret, about, joined)"
        " VALUES ('laptop', 'L', 'direct', 0, 1, x'', '', x'', ?)",
        (TS,),
    )
    await store.database.execute("DELETE FROM nodes WHERE id = 'laptop'")
    vera, one, whole = (
        await store.users.by_id("vera"),
        await store.api_tokens.find("one"),
        await store.api_tokens.find("all"),
    )
    assert vera is not None
    assert one is not None
    assert whole is not None
    assert vera.grants == {"attic": "viewer"}
    assert (one[0].nodes, whole[0].nodes) == ((), None)


async def test_with_a_user_go_grants_logins_and_tokens(store: Store) -> None:
    await store.users.add(account("ada"))
    vera = account("vera", all="member")
    await store.users.add(vera)
    await add_token(store.api_tokens, "t", "vera", ["laptop"])
    await store.users.remove("vera")
    for table in ("grants", "api_tokens", "api_token_nodes"):
        (row,) = await store.database.read(f"SELECT count(*) AS n FROM {table}")
        assert row["n"] == 0, table
    with pytest.raises(WireError, match="last owner"):
        await store.users.remove("ada")
