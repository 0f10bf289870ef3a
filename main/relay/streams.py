"""Byte streams between Main and a node: the node is asked over the link, then one of the two dials `/ws/stream`."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from main.registry.link import NodeLink
from ws.protocol.base import StreamId, Struct
from ws.protocol.link import DIAL_BACK_DEADLINE_S
from ws.streams import RawSocket, StreamKeys


@dataclass(frozen=True)
class Opened:
    """A stream that stands. `answer` is what the node said to the call that asked for it."""

    id: StreamId
    answer: bytes
    raw: RawSocket


class StreamDoor:
    """Opens streams, whoever dials. `keys` are the one-time keys of those that nodes dial back."""

    def __init__(self) -> None:
        self.keys = StreamKeys()

    async def open(self, link: NodeLink, method: str, ask: Callable[[StreamId, str], Struct]) -> Opened:
        """Call `method` of the link with the params that `ask` makes of the stream's id and its key.

        Raises WireError: the node's own refusal, or `timeout` when the stream does not come. The caller owns the
        socket.
        """
        stream = StreamId(secrets.token_urlsafe(12))
        pending = self.keys.offer(stream)
        try:
            params = msgspec.json.encode(ask(stream, pending.key))
            answer = await link.call(method, params, deadline_s=DIAL_BACK_DEADLINE_S)
            return Opened(stream, answer, await pending.wait())
        except BaseException:
            pending.withdraw()
            raise
