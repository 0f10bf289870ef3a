"""One-time keys on the side that waits for a stream to be dialled."""

import asyncio
import hashlib
import secrets

from ws.protocol.base import StreamId
from ws.protocol.errors import ErrorCode, WireError
from ws.protocol.link import DIAL_BACK_DEADLINE_S
from ws.streams.raw import RawSocket


class PendingStream:
    """A stream that is offered and not yet there. `key` is what the dialling side shows, once."""

    def __init__(self, stream: StreamId, key: str, keys: "StreamKeys", deadline_s: float) -> None:
        self.stream = stream
        self.key = key
        self._keys = keys
        self._deadline_s = deadline_s
        loop = asyncio.get_running_loop()
        self._raw: asyncio.Future[RawSocket] = loop.create_future()
        self._expiry = loop.call_later(deadline_s, self.withdraw)

    async def wait(self) -> RawSocket:
        """The dialled connection. Raises WireError `timeout` when it does not come in time; then the key is void."""
        try:
            return await asyncio.shield(self._raw)
        except asyncio.CancelledError:
            self.withdraw()
            raise

    def deliver(self, raw: RawSocket) -> None:
        """Hand the accepted connection to who waits; one that comes too late is cut."""
        self._expiry.cancel()
        if self._raw.done():
            raw.abort()
        else:
            self._raw.set_result(raw)

    def withdraw(self) -> None:
        """Void the key. A connection that was delivered and not taken is cut."""
        self._expiry.cancel()
        self._keys.forget(self)
        if not self._raw.done():
            detail = f"The machine did not open the stream within {self._deadline_s:g} s; try again."
            self._raw.set_exception(WireError(ErrorCode.TIMEOUT, detail, retryable=True))
        if self._raw.exception() is None:
            self._raw.result().abort()


class StreamKeys:
    """The streams that are waited for. A key is 32 random bytes, valid once and until its deadline."""

    def __init__(self) -> None:
        # By digest, so that looking one up takes the same time whatever was guessed.
        self._pending: dict[bytes, PendingStream] = {}

    def __len__(self) -> int:
        return len(self._pending)

    def offer(self, stream: StreamId, deadline_s: float = DIAL_BACK_DEADLINE_S) -> PendingStream:
        """A new key for `stream`. The caller waits for it or withdraws it."""
        pending = PendingStream(stream, secrets.token_urlsafe(32), self, deadline_s)
        self._pending[_digest(pending.key)] = pending
        return pending

    def expect(self, key: str, deadline_s: float = DIAL_BACK_DEADLINE_S) -> PendingStream:
        """Wait for a stream under a key that the other side made; else as `offer`."""
        pending = PendingStream(StreamId(""), key, self, deadline_s)
        self._pending[_digest(key)] = pending
        return pending

    def accept(self, key: str) -> PendingStream | None:
        """The stream that `key` opens, which is then used up; None for any other key."""
        return self._pending.pop(_digest(key), None)

    def forget(self, pending: PendingStream) -> None:
        self._pending.pop(_digest(pending.key), None)


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode(errors="surrogatepass")).digest()
