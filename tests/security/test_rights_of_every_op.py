"""Who may call what: every op of the table by every sort of caller, judged by rules that are written here again.

An op that is added tomorrow is walked too: there is no list of ops to forget it in.
"""

from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.support.client import Client, OpError
from tests.support.fake_node import DEFAULTS, Behaviour, FakeNode
from tests.support.main_app import RunningMain, running_main
from tests.support.samples import sample
from ws.protocol.envelope import Role
from ws.protocol.ops import OPS, Op, Place
from ws.rpc import Answer, IncomingCall

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("rights")]

READ, WRITE, TERMINAL, OWNER = "read", "write", "terminal", "owner"
OF_ROLE = {
    "viewer": {READ},
    "member": {READ, WRITE, TERMINAL},
    "owner": {READ, WRITE, TERMINAL, OWNER},
}
TEXTS = {"my.draft", "my.setting"}
"""Everybody keeps them for themselves; a program that only reads puts no words into its person's page."""
RANK: dict[str, int] = {"viewer": 0, "member": 1, "owner": 2}


@dataclass(frozen=True)
class Who:
    """A sort of caller. `grants` are given to the account, `scopes` and `nodes` are those of its API token."""

    role: Role
    grants: Mapping[str, Role] = field(default_factory=dict)
    scopes: tuple[str, ...] | None = None
    nodes: tuple[str, ...] | None = None

    def role_on(self, node: str) -> str | None:
        if self.nodes is not None and node not in self.nodes:
            return None
        if self.role == "owner":
            return "owner"
        granted = self.grants.get(node, self.grants.get("*"))
        return None if granted is None else min(granted, self.role, key=RANK.__getitem__)

    def scopes_of(self, role: str) -> set[str]:
        return OF_ROLE[role] & (OF_ROLE["owner"] if self.scopes is None or OWNER in self.scopes else set(self.scopes))

    def verdict(self, op: Op, node: str | None) -> str:
        """`ok`, or the code of the refusal."""
        if op.scope not in self.scopes_of(self.role):
            return "forbidden"
        if self.scopes is not None and op.name.startswith(("users.", "tokens.", "logins.")):
            return "forbidden"
        if op.name in TEXTS and self.scopes is not None and WRITE not in self.scopes_of(self.role):
            return "forbidden"
        if node is None:
            is_of_all = op.scope == OWNER or op.name in TEXTS
            return "forbidden" if is_of_all and self.nodes is not None else "ok"
        role = self.role_on(node)
        if role is None:
            return "not_found"
        return "ok" if op.scope in self.scopes_of(role) else "forbidden"


CALLERS: dict[str, Who] = {
    "owner": Who("owner"),
    "viewer of all": Who("viewer", {"*": "viewer"}),
    "viewer with a member's grant": Who("viewer", {"n1": "member"}),
    "member of all": Who("member", {"*": "member"}),
    "member of all, viewer here": Who("member", {"*": "member", "n1": "viewer"}),
    "member with a viewer's grant": Who("member", {"n1": "viewer"}),
    "member of this": Who("member", {"n1": "member"}),
    "member of another": Who("member", {"n2": "member"}),
    "member without grant": Who("member"),
    "viewer without grant": Who("viewer"),
    "token to read": Who("owner", scopes=(READ,)),
    "token to write": Who("owner", scopes=(WRITE,)),
    "token to read and write": Who("owner", scopes=(READ, WRITE)),
    "token for terminals": Who("owner", scopes=(TERMINAL,)),
    "owner's token": Who("owner", scopes=(OWNER,)),
    "owner's token for this": Who("owner", scopes=(OWNER,), nodes=("n1",)),
    "owner's token for another": Who("owner", scopes=(OWNER,), nodes=("n2",)),
    "token of a viewer": Who("viewer", {"*": "viewer"}, scopes=(READ,)),
    "token of a member for a node that is not shared": Who("member", {"n2": "member"}, scopes=(READ,), nodes=("n1",)),
    "token of a member that was an owner": Who("member", {"n1": "viewer"}, scopes=(OWNER,)),
}

REFUSALS = ("Your account (", "This API token ", "An API token ", "There is no such node.")
"""How the sentences of a refusal for lack of rights begin; other errors are what an op itself has to say."""

WALKED = [op for op in OPS.values() if op.place is not Place.LINK]


async def anything(call: IncomingCall) -> Answer:
    if call.method == "session.events":
        return b'{"epoch":"e","head":0,"events":[]}'
    return b'{"sessions":[],"offline":[]}' if call.method == "session.list" else b"{}"


class Willing(Mapping[str, Behaviour]):
    """A node that does what anybody asks: what is refused, Main refused."""

    def __getitem__(self, name: str) -> Behaviour:
        return DEFAULTS.get(name, anything)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 1


@dataclass
class Yard:
    main: RunningMain
    node: FakeNode
    tokens: dict[str, str]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def yard(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Yard]:
    """Main with a willing node n1, a known one n2 that is offline, and a bearer for every sort of caller."""
    folder: Path = tmp_path_factory.mktemp("main")
    async with running_main(folder) as main:
        shown = main.main.registry.tokens.shown
        async with FakeNode(main.url, "n2", shown).online():
            pass
        async with FakeNode(main.url, "n1", shown, behaviours=Willing()).online() as node:
            await main.add_user("spare")  # so that nobody who steps down is the last owner
            tokens = {name: await bearer(main, f"u{number}", who) for number, (name, who) in enumerate(CALLERS.items())}
            yield Yard(main, node, tokens)


async def bearer(main: RunningMain, name: str, who: Who) -> str:
    """The token of a login, or an API token as its user once was allowed to make it."""
    account = await main.add_user(name, "owner" if who.scopes else who.role, who.grants)
    login = await main.token(name)
    if who.scopes is None:
        return login
    async with Client(main.url) as client:
        client.token = login
        nodes = {} if who.nodes is None else {"nodes": list(who.nodes)}
        made = await client.op("tokens.create", name="t", scopes=list(who.scopes), **nodes)
    await main.main.store.users.update(account.id, name=None, role=who.role, grants=who.grants)
    return str(made["secret"])


async def outcome(call: Any) -> str:
    """`ok` for whatever is no refusal for lack of rights, else its code."""
    try:
        await call
    except OpError as error:
        refused = str(error.problem["detail"]).startswith(REFUSALS) or error.code == "unauthorized"
        return str(error.code) if refused else "ok"
    return "ok"


def params_of(op: Op, node: str = "n1") -> dict[str, Any]:
    return sample(
        op, node=node, user="nobody", login="nobody", token="nobody", scopes=["read"], current_password="wrong"
    )


def node_in(op: Op, params: Mapping[str, Any]) -> str | None:
    node = params["key"].partition("/")[0] if op.name == "my.draft" else params.get("node")
    return str(node) if isinstance(node, str) else None


async def test_the_table_is_walked_whole() -> None:
    assert len(WALKED) > 60
    assert {op.scope.value for op in WALKED} == OF_ROLE["owner"]


@pytest.mark.parametrize("name", CALLERS)
async def test_every_op_is_allowed_or_refused_by_role_grant_and_scope(
    yard: Yard, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def spared(node: str) -> None:
        yard.main.main.registry.identity(node)

    monkeypatch.setattr(yard.main.main.registry, "remove", spared)
    who = CALLERS[name]
    async with Client(yard.main.url) as client:
        client.token = yard.tokens[name]
        async with client.socket() as socket:
            for op in WALKED:
                params = params_of(op)
                wanted = who.verdict(op, node_in(op, params))
                before = len(yard.node.calls)
                assert await outcome(socket.call(op.name, params)) == wanted, op.name
                if not op.is_subscription or wanted != "ok":
                    assert await outcome(client.op(op.name, **params)) == wanted, f"POST {op.name}"
                for call in yard.node.calls[before:]:
                    if call.caller is not None and op.name == call.method:
                        assert wanted == "ok", op.name
                        check_caller(who, op, call)


def check_caller(who: Who, op: Op, call: IncomingCall) -> None:
    """What a node is told is enough for the op, and never more than the caller has there."""
    assert call.caller is not None
    role = who.role_on("n1")
    assert role is not None
    told = call.caller.role
    assert op.scope in OF_ROLE[told], op.name
    assert RANK[told] <= RANK[role], op.name
    assert OWNER not in OF_ROLE[told] or OWNER in who.scopes_of(role), op.name


@pytest.mark.parametrize("name", CALLERS)
async def test_a_foreign_node_looks_like_one_that_does_not_exist(yard: Yard, name: str) -> None:
    who = CALLERS[name]
    async with Client(yard.main.url) as client:
        client.token = yard.tokens[name]
        for op in WALKED:
            params = params_of(op, "nowhere")
            if "node" not in params or who.verdict(op, "n1") != "not_found":
                continue
            foreign, absent = [await problem(client.op(op.name, **params_of(op, node))) for node in ("n1", "nowhere")]
            assert foreign == absent, op.name
            assert foreign["code"] == "not_found"


async def problem(call: Any) -> dict[str, Any]:
    with pytest.raises(OpError) as refused:
        await call
    return refused.value.problem


async def test_without_credentials_every_op_is_401(yard: Yard) -> None:
    async with Client(yard.main.url) as client:
        for op in WALKED:
            assert (await problem(client.op(op.name, **params_of(op))))["code"] == "unauthorized", op.name
