"""Sign-in bodies (HTTP only) and the ops on logins and one's own account."""

from typing import Annotated, Literal

import msgspec

from ws.protocol.base import ID_PATTERN, Limit, NodeKey, Struct, Timestamp
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


class LoginsListParams(Struct, frozen=True, kw_only=True):
    """One's own; owners may name another `user`."""

    user: Annotated[str, msgspec.Meta(pattern=ID_PATTERN)] | None = None


class LoginsListResult(Struct, frozen=True, kw_only=True):
    logins: list[Login]


class LoginRevokeParams(Struct, frozen=True, kw_only=True):
    login: Annotated[str, msgspec.Meta(pattern=ID_PATTERN)]


class PasswordChangeParams(Struct, frozen=True, kw_only=True):
    """All other logins of the user end."""

    current_password: Annotated[str, msgspec.Meta(max_length=1024)]
    new_password: Password


Scope = Literal["read", "write", "terminal", "owner"]
UserKey = Annotated[str, msgspec.Meta(pattern=ID_PATTERN, description="id of a user")]
EVERY_NODE = "*"


class Grant(Struct, frozen=True, kw_only=True):
    """What a user may do on one node, or with `node` "*" on every one that has no grant of its own.

    It never gives more than the user's own role allows.
    """

    node: Annotated[str, msgspec.Meta(pattern=r"^(\*|[A-Za-z0-9_-]{1,64})$(?!\n)")]
    role: Literal["member", "viewer"]


Grants = Annotated[list[Grant], msgspec.Meta(max_length=1000)]


class Account(Struct, frozen=True, kw_only=True):
    """A user as owners see it. Owners need no grants: they may do everything on every node."""

    id: str
    name: str
    role: Role
    created: Timestamp
    last_seen: Timestamp | None
    logins: int
    grants: list[Grant]


class UsersListResult(Struct, frozen=True, kw_only=True):
    users: list[Account]


class UserCreateParams(Struct, frozen=True, kw_only=True):
    """Without `grants` the user sees no node until an owner shares one."""

    username: Username
    password: Password
    role: Role = "member"
    grants: Grants = []


class UserUpdateParams(Struct, frozen=True, kw_only=True):
    """What is absent stays. `grants` replaces them all. A change of role or grants ends the user's sockets."""

    user: UserKey
    username: Username | None = None
    role: Role | None = None
    grants: Grants | None = None


class UserSetPasswordParams(Struct, frozen=True, kw_only=True):
    """A new password for somebody who forgot theirs; all their logins end, their API tokens stay."""

    user: UserKey
    password: Password


class UserParams(Struct, frozen=True, kw_only=True):
    user: UserKey


class AccountResult(Struct, frozen=True, kw_only=True):
    user: Account


class ApiToken(Struct, frozen=True, kw_only=True):
    """A key for programs, of the user whose name is `user`. It never allows more than its user may do at that moment.

    The scope owner holds all others. `nodes` absent: every node of the user.
    """

    id: str
    name: str
    scopes: list[Scope]
    created: Timestamp
    last_used: Timestamp | None
    expires: Timestamp | None
    user: str
    nodes: list[NodeKey] | None = None


class TokensListParams(Struct, frozen=True, kw_only=True):
    """One's own; with `everybody` (owners) those of all users."""

    everybody: bool = False


class TokensListResult(Struct, frozen=True, kw_only=True):
    tokens: list[ApiToken]


class TokenCreateParams(Struct, frozen=True, kw_only=True):
    """Without `expires_days` it lives until it is revoked."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    scopes: Annotated[list[Scope], msgspec.Meta(min_length=1, max_length=4)]
    nodes: Annotated[list[NodeKey], msgspec.Meta(min_length=1, max_length=1000)] | None = None
    expires_days: Annotated[int, msgspec.Meta(ge=1, le=3650)] | None = None


class TokenCreateResult(Struct, frozen=True, kw_only=True):
    """`secret` is shown this once: Main keeps its hash. Send it as `Authorization: Bearer`."""

    token: ApiToken
    secret: str


class TokenRevokeParams(Struct, frozen=True, kw_only=True):
    token: Annotated[str, msgspec.Meta(pattern=ID_PATTERN)]


class AuditListParams(Struct, frozen=True, kw_only=True):
    """Newest first. `who`, `action` and `node` choose by equality, an `action` that ends in `.` by its beginning.

    The oldest rows go after 400 days, and when there are more than 100,000 of a sort: access, work, refusals.
    """

    limit: Limit = 100
    cursor: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    who: Annotated[str, msgspec.Meta(max_length=256)] | None = None
    action: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    node: NodeKey | None = None


WhoKind = Literal["user", "token", "node", "unknown"]


class AuditRow(Struct, frozen=True, kw_only=True):
    """`kind` says what `who` names: a user, a user by an API token, a node, or nobody that Main knows.

    `outcome` is ok, the error code, or `unfinished` when the caller went away before the answer: it may have been done.
    """

    id: int
    ts: Timestamp
    who: str
    kind: WhoKind
    address: str
    action: str
    node: str | None
    subject: str | None
    outcome: str


class AuditListResult(Struct, frozen=True, kw_only=True):
    rows: list[AuditRow]
    next_cursor: str | None = None
