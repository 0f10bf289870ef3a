"""One call of a signed-in user, as Main's own handlers see it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from main.auth.access import Principal
from ws.protocol.base import Struct
from ws.protocol.ops import Op
from ws.rpc import Feed


@dataclass(frozen=True)
class Visit:
    """Who calls, from where, and under which address they reached Main (`http://10.0.0.5:4457`, with base path)."""

    principal: Principal
    address: str
    base_url: str


@dataclass
class Note:
    """For the audit row of a call: what was acted on, where a handler can say it better than the params do."""

    subject: str | None = None


@dataclass(frozen=True)
class MainCall:
    """`params` are decoded by the table: attributes as in `op.params`."""

    op: Op
    params: Any
    visit: Visit
    note: Note = field(default_factory=Note)

    @property
    def principal(self) -> Principal:
        return self.visit.principal


MainHandler = Callable[[MainCall], Awaitable[Struct | Feed]]
MainHandlers = Mapping[str, MainHandler]
