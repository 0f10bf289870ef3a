"""Every address and every op is closed without credentials, those that will be added included."""

import base64
import hmac
import json
from typing import Any

import aiohttp
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

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
        for path in ("/api", "/api/nope", "/.env", "/api/ops/", "/ws/", "/assets", "/api/ops/a/b"):
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


def _part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def _signed(head: dict[str, Any], claims: dict[str, Any], key: bytes) -> str:
    """Signed by hand with HMAC-SHA256, whatever the head says: libraries refuse to make such tokens."""
    text = f"{_part({'typ': 'JWT', **head})}.{_part(claims)}"
    signature = hmac.digest(key, text.encode(), "sha256")
    return f"{text}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def _by_key_of_the_sender(claims: dict[str, Any]) -> dict[str, str]:
    """Tokens that bring the key by which they ask to be checked, or say where it lies."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    public = private.public_key().public_bytes(serialization.Encoding.PEM, form)
    own = b"k" * 32
    own_jwk = {"kty": "oct", "k": base64.urlsafe_b64encode(own).decode().rstrip("="), "alg": "HS256", "kid": "a"}
    public_jwk = jwt.algorithms.RSAAlgorithm.to_jwk(private.public_key(), as_dict=True)
    return {
        "RS256, signed as such": jwt.encode(claims, private, "RS256"),
        "RS256 with its public key in the head": jwt.encode(claims, private, "RS256", {"jwk": public_jwk}),
        "head RS256, HMAC by the public key": _signed({"alg": "RS256"}, claims, public),
        "head HS256, HMAC by a public key": _signed({"alg": "HS256"}, claims, public),
        "head HS256, HMAC by a public key in DER": _signed(
            {"alg": "HS256"}, claims, private.public_key().public_bytes(serialization.Encoding.DER, form)
        ),
        "own key as jwk": _signed({"alg": "HS256", "jwk": own_jwk}, claims, own),
        "own key behind jku": _signed({"alg": "HS256", "jku": "http://127.0.0.1:9/keys", "kid": "a"}, claims, own),
        "own certificate": _signed({"alg": "HS256", "x5c": [base64.b64encode(own).decode()]}, claims, own),
        "kid of an empty file": _signed({"alg": "HS256", "kid": "/dev/null"}, claims, b""),
        "kid that climbs": _signed({"alg": "HS256", "kid": "../../../../dev/null"}, claims, b"\x00"),
        "kid of SQL": _signed({"alg": "HS256", "kid": "x' UNION SELECT 'kkkk' --"}, claims, b"kkkk"),
        "kid of a shell": _signed({"alg": "HS256", "kid": "key|id"}, claims, own),
        "kid that is no text": _signed({"alg": "HS256", "kid": ["a"]}, claims, own),
        "critical extension": _signed({"alg": "HS256", "crit": ["jwk"], "jwk": own_jwk}, claims, own),
    }


async def test_a_token_does_not_choose_how_or_by_which_key_it_is_checked(main: RunningMain) -> None:
    secret, real = (await _own_secret(main)).encode(), await main.token()
    claims = jwt.decode(real, options={"verify_signature": False})
    forged = _by_key_of_the_sender(claims) | {
        f"right secret, head {name}": _signed({"alg": name}, claims, secret)
        for name in ("RS256", "ES256", "PS256", "none", "hs256", "")
    }
    async with main.http() as http:
        # What is signed by hand with the right secret under the right head is good: the others fail by what they say.
        good = {"Authorization": f"Bearer {_signed({'alg': 'HS256'}, claims, secret)}"}
        async with http.get("/api/ops/nodes.list", headers=good) as answer:
            assert answer.status == 200
        for name, token in forged.items():
            for path in ("/api/ops/nodes.list", *SOCKETS):
                headers = {"Authorization": f"Bearer {token}", **(HANDSHAKE if path.startswith("/ws") else {})}
                async with http.get(path, headers=headers) as answer:
                    assert answer.status == 401, f"{name} at {path}"


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
