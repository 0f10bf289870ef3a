"""Sign-in bodies (HTTP only) and the ops on logins and one's own account."""

from typing import Annotated, Literal

import msgspec

from ws.protocol.base import ID_PATTERN, Limit, Struct, Timestamp
from ws.protocol.envelope import Role

MAX_PASSWORD_BYTES = 72
"""bcrypt reads no more than 72 bytes."""
MIN_PASSWORD_CHARS = 8

Username = Annotated[
    str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[^\x00-\x20\x7f](?:[^\x00-\x1f\x7f]*[^\x00-\x20\x7f])?\Z")
]
Password = Annotated[str, msgspec.Meta(min_length=MIN_PASSWORD_CHARS, max_length=72)]


class User(Struct, frozen=True, kw_only=True):
    id: str
    name: str
    role: Role


class AuthStatus(Struct, frozen=True, kw_only=True):
    """GET /api/auth/status. `code_needed` tells the page whether first sign-up from here needs the set-up code."""

    setup_required: bool
    user: User | None
    version: str
    code_needed: bool


class RegisterBody(Struct, frozen=True, kw_only=True):
    username: Username
    password: Password
    setup_code: Annotated[str, msgspec.Meta(max_length=64)] | None = None


class LoginBody(Struct, frozen=True, kw_only=True):
    username: Annotated[str, msgspec.Meta(max_length=256)]
    password: Annotated[str, msgspec.Meta(max_length=1024)]


class SignedIn(Struct, frozen=True, kw_only=True):
    user: User
    token: str


class Login(Struct, frozen=True, kw_only=True):
    """One signed-in device. `is_current` marks the caller's own."""

    id: str
    created: Timestamp
    last_seen: Timestamp
    address: str
    user_agent: str
    is_current: bool


class LoginsListResult(Struct, frozen=True, kw_only=True):
    logins: list[Login]


class LoginRevokeParams(Struct, frozen=True, kw_only=True):
    login: Annotated[str, msgspec.Meta(pattern=ID_PATTERN)]


class PasswordChangeParams(Struct, frozen=True, kw_only=True):
    """All other logins of the user end."""

    current_password: Annotated[str, msgspec.Meta(max_length=1024)]
    new_password: Password


class AuditListParams(Struct, frozen=True, kw_only=True):
    limit: Limit = 100
    cursor: Annotated[str, msgspec.Meta(max_length=64)] | None = None


class AuditRow(Struct, frozen=True, kw_only=True):
    """Newest first. `outcome` is ok or the error code."""

    id: int
    ts: Timestamp
    who: str
    address: str
    action: str
    node: str | None
    subject: str | None
    outcome: str


class AuditListResult(Struct, frozen=True, kw_only=True):
    rows: list[AuditRow]
    next_cursor: str | None = None


Scope = Literal["read", "write", "terminal", "owner"]
