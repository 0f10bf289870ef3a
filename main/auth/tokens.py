"""Tokens: a JWT (HS256) that names a login row. It grants nothing by itself; every other claim is ignored."""

import secrets
import time
from dataclasses import dataclass

import jwt

from ws.protocol.base import LoginId, UserId

ALGORITHM = "HS256"
MIN_SECRET_BYTES = 32
"""RFC 7518, section 3.2: a key of the size of the hash output."""
MIN_DIFFERENT_CHARS = 10
"""Random text of 32 characters has more; a repeated word or a row of one key has less."""
WELL_KNOWN = ("secret", "changeme", "change-me", "change_me", "password", "default", "example", "your-", "your_")
"""Parts of the secrets that programs ship as examples."""


class WeakSecretError(Exception):
    """The configured secret could be guessed. The text is one sentence."""


@dataclass(frozen=True)
class Claims:
    """What a token says: whose it is is decided by the row of `login`."""

    user: UserId
    login: LoginId


def make_secret() -> str:
    """A fresh signing secret."""
    return secrets.token_urlsafe(48)


def check_secret(secret: str) -> str:
    """`secret` itself. Raises WeakSecretError when it is short, monotonous or a known example."""
    lowered = secret.lower()
    if (
        len(secret.encode()) < MIN_SECRET_BYTES
        or len(set(secret)) < MIN_DIFFERENT_CHARS
        or any(word in lowered for word in WELL_KNOWN)
    ):
        raise WeakSecretError(
            "auth.jwt_secret can be guessed: give at least 32 random characters, or leave it out and Main makes one."
        )
    return secret


class Tokens:
    """Signs and reads tokens. `audience` is this Main's id, so a token of one Main is nothing to another."""

    def __init__(self, secret: str, audience: str) -> None:
        self._secret = secret
        self._audience = audience

    def issue(self, user: UserId, login: LoginId) -> str:
        """A token for a login row. It has no end of its own: the row's does, and moves on while it is used."""
        claims = {"sub": user, "jti": login, "aud": self._audience, "iat": int(time.time())}
        return jwt.encode(claims, self._secret, ALGORITHM)

    def read(self, token: str) -> Claims | None:
        """What a well-signed token says; None for anything else. An `exp` that somebody put in is respected.

        When it was issued counts for nothing: a clock that is put back would sign everybody out.
        """
        try:
            claims = jwt.decode(
                token,
                self._secret,
                algorithms=[ALGORITHM],
                audience=self._audience,
                options={"require": ["sub", "jti", "aud", "iat"], "strict_aud": True, "verify_iat": False},
            )
        except jwt.InvalidTokenError:
            return None
        user, login = claims["sub"], claims["jti"]
        if not (isinstance(user, str) and isinstance(login, str)):
            return None
        return Claims(user=UserId(user), login=LoginId(login))
