"""Every address and every op is closed without credentials, those that will be added included."""

import aiohttp
import jwt
import pytest

from routes.main.guard import OPEN, Open
from tests.support.main_app import RunningMain
from ws.protocol.ops import OPS, ROLE_SCOPES, Place, Scope

SOCKETS = ["/ws", "/ws/terminal?node=n&terminal=t"]
NODE_SOCKETS = ["/ws/node", "/ws/stream"]
HANDSHAKE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


def addresses(main: RunningMain) -> list[tuple[str, str]]:
    """Every method and path of the router."""
    return [
        (route.method, route.resource.canonical) for route in main.app.router.routes() if route.resource is not None
    ]


async def test_every_address_that_is_not_listed_as_open_is_401(main: RunningMain) -> None:
    async with main.http() as http:
        closed = [(method, path) for method, path in addresses(main) if path not in OPEN]
        assert len(closed) >= 6
        for method, path in closed:
            for headers in ({}, HANDSHAKE):
                async with http.request(method, path.replace("{op}", "nodes.list"), headers=headers) as answer:
                    assert answer.status == 401, f"{method} {path}"
                    assert "Access-Control-Allow-Origin" not in answer.headers


async def test_what_is_listed_as_open_exists(main: RunningMain) -> None:
    assert set(OPEN) <= {path for _, path in addresses(main)}


async def test_what_is_no_address_is_401_too(main: RunningMain) -> None:
    async with main.http() as http:
        for path in ("/api", "/api/nope", "/.env", "/api/ops/", "/metrics", "/ws/", "/assets", "/api/ops/a/b"):
            async with http.get(path) as answer:
                assert answer.status == 401, path


@pytest.mark.parametrize("op", [*OPS, "nope", "__class__", "link.hello "])
async def test_every_op_known_or_not_is_401_without_credentials(main: RunningMain, op: str) -> None:
    async with main.http() as http, http.post(f"/api/ops/{op}", json={}) as answer:
        assert answer.status == 401
        assert (await answer.json(content_type=None))["code"] == "unauthorized"


def _tokens(main: RunningMain, token: str) -> dict[str, str]:
    """Forged ones. The claims of the real one are right; what signs them is not."""
    claims = jwt.decode(token, options={"verify_signature": False})
    secrets = ["", "secret", "changeme", "your-256-bit-secret", "switchyard", "x" * 32]
    forged = {f"secret {each!r}": jwt.encode(claims, each or " ", "HS256") for each in secrets}
    head, body, signature = token.split(".")
    forged |= {
        "garbage": "garbage",
        "empty": "",
        "dots": "..",
        "no signature": f"{head}.{body}.",
        "alg none": jwt.encode(claims, None, "none"),  # type: ignore[arg-type]
        "cut signature": f"{head}.{body}.{signature[:-2]}",
        "other body": f"{head}.{jwt.encode({**claims, 'sub': 'x'}, 'k' * 32, 'HS256').split('.')[1]}.{signature}",
    }
    return forged


async def _own_secret(main: RunningMain) -> str:
    secret = await main.main.store.settings.get("jwt_secret")
    assert secret is not None
    return secret


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
async def test_forged_tokens_open_nothing(main: RunningMain) -> None:
    real = await main.token()
    async with main.http() as http:
        for name, token in _tokens(main, real).items():
            for path in ("/api/ops/nodes.list", *SOCKETS):
                headers = {"Authorization": f"Bearer {token}", **(HANDSHAKE if path.startswith("/ws") else {})}
                async with http.get(path, headers=headers) as answer:
                    assert answer.status == 401, f"{name} at {path}"


async def test_a_token_signed_with_the_right_secret_is_judged_by_its_claims(main: RunningMain) -> None:
    secret, real = await _own_secret(main), await main.token()
    claims = jwt.decode(real, options={"verify_signature": False})
    wrong = {
        "expired": {**claims, "exp": 1},
        "wrong audience": {**claims, "aud": "another-main"},
        "many audiences": {**claims, "aud": [claims["aud"], "another-main"]},
        "no audience": {key: value for key, value in claims.items() if key != "aud"},
        "unknown login": {**claims, "jti": "nobody"},
        "foreign login": {**claims, "sub": "somebody-else"},
        "no login": {key: value for key, value in claims.items() if key != "jti"},
        "a list for a login": {**claims, "jti": [claims["jti"]]},
    }
    async with main.http() as http:
        for name, forged in wrong.items():
            bearer = {"Authorization": f"Bearer {jwt.encode(forged, secret, 'HS256')}"}
            async with http.get("/api/ops/nodes.list", headers=bearer) as answer:
                assert answer.status == 401, name
        for algorithm in ("HS384", "HS512"):
            bearer = {"Authorization": f"Bearer {jwt.encode(claims, secret, algorithm)}"}
            async with http.get("/api/ops/nodes.list", headers=bearer) as answer:
                assert answer.status == 401, algorithm


async def test_claims_of_a_scope_or_a_role_are_ignored(main: RunningMain) -> None:
    secret, viewer = await _own_secret(main), await main.token("vera", "viewer")
    claims = jwt.decode(viewer, options={"verify_signature": False})
    grand = jwt.encode({**claims, "role": "owner", "scope": "owner terminal write", "admin": True}, secret, "HS256")
    async with (
        main.http() as http,
        http.post("/api/ops/audit.list", json={}, headers={"Authorization": f"Bearer {grand}"}) as answer,
    ):
        assert answer.status == 403


async def test_a_presented_bearer_is_judged_even_beside_a_good_cookie(main: RunningMain) -> None:
    token = await main.token()
    headers = {"Authorization": "Bearer garbage", "Cookie": f"switchyard_{main.port}={token}"}
    async with main.http() as http, http.get("/api/ops/nodes.list", headers=headers) as answer:
        assert answer.status == 401


@pytest.mark.parametrize("path", [*SOCKETS, *NODE_SOCKETS])
async def test_no_upgrade_without_credentials(main: RunningMain, path: str) -> None:
    async with main.http() as http:
        for headers in ({}, {"Authorization": "Bearer nothing"}, {"Authorization": "Basic YTpi"}):
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await http.ws_connect(path, headers=headers)
            assert refused.value.status == 401


async def test_the_token_of_a_deleted_user_opens_no_socket(main: RunningMain) -> None:
    token = await main.token("gone")
    await main.main.store.database.execute("DELETE FROM users WHERE name = 'gone'")
    async with main.http() as http:
        for path in SOCKETS:
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await http.ws_connect(path, headers={"Authorization": f"Bearer {token}"})
            assert refused.value.status == 401


async def test_a_users_token_opens_no_link_and_a_register_token_no_op(main: RunningMain) -> None:
    user, node = await main.token(), main.main.registry.tokens.shown
    as_node = {"Switchyard-Node": "x", "Switchyard-Protocol": "1", "Authorization": f"Bearer {user}"}
    async with main.http() as http:
        for path in NODE_SOCKETS:
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await http.ws_connect(path, headers=as_node)
            assert refused.value.status == 401
        async with http.get("/api/ops/nodes.list", headers={"Authorization": f"Bearer {node}"}) as answer:
            assert answer.status == 401


async def test_a_token_in_the_address_counts_for_nothing(main: RunningMain) -> None:
    token = await main.token()
    async with main.http() as http:
        for name in ("token", "access_token", "jwt", "auth"):
            async with http.get(f"/api/ops/nodes.list?{name}={token}") as answer:
                assert answer.status == 401


@pytest.mark.parametrize("role", ["owner", "member", "viewer"])
async def test_every_op_asks_for_its_scope(main: RunningMain, role: str) -> None:
    allowed: frozenset[Scope] = ROLE_SCOPES[role]  # type: ignore[index]
    async with main.http() as http:
        token = await main.token(role, role)  # type: ignore[arg-type]
        bearer = {"Authorization": f"Bearer {token}"}
        for op in OPS.values():
            if op.place is Place.LINK or op.name.startswith(("logins.", "users.")):
                continue
            # Params that decode for no op: whoever lacks the scope must not get as far as their check.
            async with http.post(f"/api/ops/{op.name}", data=b'{"no such field":1}', headers=bearer) as answer:
                expected = 400 if op.scope in allowed else 403
                assert answer.status == expected, op.name


async def test_ops_of_the_link_do_not_exist_for_browsers(main: RunningMain) -> None:
    async with main.client() as client:
        for op in OPS.values():
            if op.place is Place.LINK:
                async with client.http.post(f"{main.url}/api/ops/{op.name}", headers=client.headers) as answer:
                    assert answer.status == 404, op.name


def test_reasons_for_being_open_are_few() -> None:
    assert [path for path, reason in OPEN.items() if reason is Open.HEALTH] == ["/health"]
