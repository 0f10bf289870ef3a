"""What a caller may do where: the one function behind every check."""

import pytest

from main.auth.access import Principal, TokenAccess
from ws.protocol.base import LoginId, UserId
from ws.protocol.envelope import Role
from ws.protocol.errors import ErrorCode, WireError
from ws.protocol.ops import Scope

ALL = frozenset(Scope)


def principal(role: Role, grants: dict[str, Role] | None = None, token: TokenAccess | None = None) -> Principal:
    return Principal(UserId("u"), "ada", role, LoginId("l"), grants or {}, token)


def token(*scopes: Scope, nodes: set[str] | None = None) -> TokenAccess:
    return TokenAccess("t", "ci", frozenset(scopes), None if nodes is None else frozenset(nodes), None)


@pytest.mark.parametrize(
    ("role", "grants", "on_this"),
    [
        ("owner", {}, "owner"),
        ("owner", {"this": "viewer"}, "owner"),
        ("member", {}, None),
        ("member", {"other": "member"}, None),
        ("member", {"*": "member"}, "member"),
        ("member", {"*": "viewer"}, "viewer"),
        ("member", {"*": "member", "this": "viewer"}, "viewer"),
        ("member", {"*": "viewer", "this": "member"}, "member"),
        ("viewer", {"*": "member"}, "viewer"),
        ("viewer", {"this": "member"}, "viewer"),
        ("viewer", {}, None),
    ],
)
def test_the_role_on_a_node_is_the_least_of_account_and_grant(
    role: Role, grants: dict[str, Role], on_this: Role | None
) -> None:
    who = principal(role, grants)
    assert who.role_on("this") == on_this
    assert who.sees("this") == (on_this is not None)
    if on_this is not None:
        assert who.role_for("this") == on_this


@pytest.mark.parametrize(
    ("scopes", "told"),
    [
        ({Scope.READ}, "viewer"),
        ({Scope.WRITE}, "member"),
        ({Scope.READ, Scope.WRITE}, "member"),
        ({Scope.TERMINAL}, "member"),
        (ALL, "owner"),
    ],
)
def test_a_node_is_told_the_least_role_that_covers_a_token(scopes: set[Scope], told: Role) -> None:
    who = principal("owner", token=token(*scopes))
    assert who.caller_on("this").role == told
    assert who.scopes("this") == scopes
    assert who.caller_on("this").name == "ada (token ci)"


def test_a_token_neither_widens_its_user_nor_sees_other_nodes() -> None:
    who = principal("viewer", {"*": "member"}, token(*ALL, nodes={"this"}))
    assert who.scopes("this") == {Scope.READ}
    assert not who.sees("other")
    assert not who.has(Scope.READ, "other")


@pytest.mark.parametrize(
    ("who", "node", "code"),
    [
        (principal("member"), "this", ErrorCode.NOT_FOUND),
        (principal("member", {"this": "viewer"}), "this", ErrorCode.FORBIDDEN),
        (principal("viewer"), None, ErrorCode.FORBIDDEN),
        (principal("owner", token=token(Scope.READ)), "this", ErrorCode.FORBIDDEN),
        (principal("owner", token=token(*ALL, nodes={"that"})), "this", ErrorCode.NOT_FOUND),
    ],
)
def test_what_is_lacking_is_said(who: Principal, node: str | None, code: ErrorCode) -> None:
    with pytest.raises(WireError) as refused:
        who.require(Scope.WRITE, node)
    assert refused.value.code is code
    principal("member", {"this": "member"}).require(Scope.WRITE, "this")
