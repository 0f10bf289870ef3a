"""What a feature of the node offers to the dispatcher, and nothing about sockets."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ws.protocol.base import Struct
from ws.protocol.envelope import Caller
from ws.rpc import Feed


@dataclass(frozen=True, slots=True)
class Subscribed:
    """A handler's answer to a subscription op.

    `result` is sent first. `events` yields values of the op's event type, or their JSON where it is at hand already.
    It may raise WireError (the subscription ends with that error) or ws.rpc.Lagging (the reader asks again). Whoever
    consumes it closes it: `aclose` is called if there is one, also when nothing was taken from it.
    """

    result: Struct
    events: AsyncIterator[Struct | bytes]


Handler = Callable[[Caller, Any], Awaitable[Struct | Subscribed | Feed]]
"""Called with who asks and the decoded params (a value of the op's params type); raises WireError.

A Feed answers a subscription whose events must keep their place among the answers of the same connection.
"""

HandlerMap = Mapping[str, Handler]
"""By op name."""
