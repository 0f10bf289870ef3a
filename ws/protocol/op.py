"""What a row of the table of operations holds, and the two kinds of rows: those that read and those that act."""

from dataclasses import dataclass
from enum import StrEnum
from types import UnionType
from typing import Literal

from ws.protocol.base import Struct


class Place(StrEnum):
    """Where an op runs.

    `NODE` ops carry `node` and are forwarded to it. `EACH` ops run on Main, which asks the node named, or every online
    node, under the same name, and answers for the offline ones from its cache. `LINK` ops never come from a browser.
    """

    MAIN = "main"
    NODE = "node"
    EACH = "each"
    LINK = "link"


class Scope(StrEnum):
    """What a caller needs. viewer: read. member: read, write, terminal. owner: all."""

    READ = "read"
    WRITE = "write"
    TERMINAL = "terminal"
    OWNER = "owner"


@dataclass(frozen=True, kw_only=True)
class Op:
    """One row. `events` makes it a subscription. `idempotent` ops may be sent again after a timeout.

    `is_read_only` ones change nothing and are reachable by GET too. `deadline_s` bounds the wait for the result, not
    the life of a subscription. `audit` names the audit row. `unsupported` is the sentence with which every call is
    refused, for an op that this build only knows by name. `tells_address`: a node's refusal may name where else to ask,
    by a path on Main of which the node does not know what stands before it.
    """

    name: str
    summary: str
    params: type[Struct]
    result: type[Struct]
    place: Place
    scope: Scope
    events: type | UnionType | None = None
    deadline_s: float = 10.0
    idempotent: bool = False
    is_read_only: bool = False
    audit: str | None = None
    unsupported: str | None = None
    tells_address: bool = False

    @property
    def is_subscription(self) -> bool:
        return self.events is not None

    @property
    def needs_login(self) -> bool:
        """Whether API tokens are refused: an op on accounts, logins or tokens, which could make a token more."""
        return self.name.startswith(("logins.", "tokens.", "users."))


def read(
    name: str,
    params: type[Struct],
    result: type[Struct],
    summary: str,
    *,
    place: Place = Place.NODE,
    events: type | UnionType | None = None,
    deadline_s: float = 10.0,
    scope: Scope = Scope.READ,
    unsupported: str | None = None,
    tells_address: bool = False,
) -> Op:
    """A row that changes nothing."""
    return Op(
        name=name,
        summary=summary,
        params=params,
        result=result,
        place=place,
        scope=scope,
        events=events,
        deadline_s=deadline_s,
        idempotent=True,
        is_read_only=True,
        unsupported=unsupported,
        tells_address=tells_address,
    )


def act(
    name: str,
    params: type[Struct],
    result: type[Struct],
    summary: str,
    *,
    place: Place = Place.NODE,
    scope: Scope = Scope.WRITE,
    deadline_s: float = 10.0,
    idempotent: bool = False,
    audit: str | None = None,
    unsupported: str | None = None,
) -> Op:
    """A row that changes something."""
    return Op(
        name=name,
        summary=summary,
        params=params,
        result=result,
        place=place,
        scope=scope,
        deadline_s=deadline_s,
        idempotent=idempotent,
        audit=audit,
        unsupported=unsupported,
    )


ROLE_SCOPES: dict[Literal["owner", "member", "viewer"], frozenset[Scope]] = {
    "owner": frozenset(Scope),
    "member": frozenset({Scope.READ, Scope.WRITE, Scope.TERMINAL}),
    "viewer": frozenset({Scope.READ}),
}
