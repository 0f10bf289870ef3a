"""Uploads that broke off: what has come of them stays for a while, so that they can go on from there.

It stays as the open file that it was. Where the file system has files without a name (O_TMPFILE) nothing is ever left
of it, however this process ends; after that such an upload begins anew.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from node.files.uploading import Upload
from ws.protocol.base import UserId
from ws.protocol.errors import ErrorCode, WireError
from ws.protocol.files import FilesPartialResult
from ws.protocol.transfers import Uploaded

KEEP_S = 6 * 3600.0
"""From the break on."""
MAX_KEPT = 32
MAX_OF_USER = 8
"""At once, beyond which the oldest goes: of all, the oldest of whoever has the most. A page sends three at a time."""
MAX_DONE = 256
"""Uploads that are known to be in their place, for whoever did not get the answer."""
END_S = 10.0
"""For an upload that is cut to have written what it has; a commit that is under way may take longer."""


@dataclass(frozen=True)
class PartialKey:
    """Whose, where to, and which: `upload` is the client's own choice."""

    user: UserId
    path: str
    upload: str


@dataclass(eq=False)
class Claim:
    """One transfer at work on an upload. `kept` is what was there before it; `cut` ends its stream."""

    key: PartialKey
    kept: Upload | None
    cut: Callable[[], None] | None = None
    is_unwanted: bool = False
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def end(self) -> None:
        """Have the transfer end soon: somebody else goes on."""
        self.is_unwanted = True
        if self.cut is not None:
            self.cut()


class Partials:
    """At most one transfer works on an upload at a time: a newcomer cuts the one before, whose client is gone.

    One that comes late, behind a question that was asked after it, does no harm beyond its cost: all that has one key
    is of one file, and each begins where the node is or at 0.
    """

    def __init__(self) -> None:
        self._kept: dict[PartialKey, tuple[Upload, asyncio.TimerHandle]] = {}
        self._claims: dict[PartialKey, Claim] = {}
        self._done: dict[PartialKey, Uploaded] = {}
        self._is_closed = False

    async def claim(self, key: PartialKey, offset: int) -> Claim:
        """For a transfer that brings what follows `offset`; 0 begins anew. `release` ends it.

        Raises WireError `conflict` when other than `offset` bytes are there.
        """
        await self._cut(key)
        there = self._size(key)
        if offset not in (0, there):
            raise WireError(
                ErrorCode.CONFLICT,
                f"Of this upload {there} bytes are here, not {offset}: ask files.partial, and go on from there.",
                retryable=True,
            )
        self._done.pop(key, None)
        claim = self._claims[key] = Claim(key, self._take(key))
        return claim

    def release(self, claim: Claim, upload: Upload | None, done: Uploaded | None) -> None:
        """The transfer has ended: with the file in its place, or with an upload to keep if it is still open."""
        key = claim.key
        del self._claims[key]
        claim.ended.set()
        if done is not None:
            self._done[key] = done
            while len(self._done) > MAX_DONE:
                del self._done[next(iter(self._done))]
        if upload is None:
            return
        if done is not None or self._is_closed or upload.is_closed or not upload.size:
            _ = _close(upload)
            return
        self._make_room(key.user)
        timer = asyncio.get_running_loop().call_later(KEEP_S, self.discard, key)
        self._kept[key] = upload, timer

    async def state(self, key: PartialKey) -> FilesPartialResult:
        """What is there. What still comes of it is cut first. Raises WireError `conflict` when that takes long."""
        await self._cut(key)
        done = self._done.get(key)
        if done is not None:
            return FilesPartialResult(size=done.size, etag=done.etag)
        return FilesPartialResult(size=self._size(key))

    def discard(self, key: PartialKey) -> None:
        """Forget what is there."""
        upload = self._take(key)
        if upload is not None:
            _ = _close(upload)

    async def discard_all(self, user: UserId) -> bool:
        """Forget what is kept of that person. Returns when its room is free; False: there was nothing."""
        kept = [self._take(key) for key in list(self._kept) if key.user == user]
        closing = [_close(upload) for upload in kept if upload is not None]
        if closing:
            await asyncio.wait(closing)
        return bool(closing)

    def close(self) -> None:
        """Forget all."""
        self._is_closed = True
        for key in list(self._kept):
            self.discard(key)

    def _size(self, key: PartialKey) -> int:
        upload = self._kept[key][0] if key in self._kept else None
        return 0 if upload is None or upload.is_closed else upload.size

    async def _cut(self, key: PartialKey) -> None:
        try:
            async with asyncio.timeout(END_S):
                while (claim := self._claims.get(key)) is not None:
                    claim.end()
                    await claim.ended.wait()
        except TimeoutError as error:
            raise WireError(
                ErrorCode.CONFLICT,
                "What came of this upload is still being written; ask again in a moment.",
                retryable=True,
            ) from error

    def _take(self, key: PartialKey) -> Upload | None:
        if key not in self._kept:
            return None
        upload, timer = self._kept.pop(key)
        timer.cancel()
        return upload

    def _make_room(self, user: UserId) -> None:
        of_user = [key for key in self._kept if key.user == user]
        if len(of_user) >= MAX_OF_USER:
            self.discard(of_user[0])
        elif len(self._kept) >= MAX_KEPT:
            ((greediest, _),) = Counter(key.user for key in self._kept).most_common(1)
            self.discard(next(key for key in self._kept if key.user == greediest))


def _close(upload: Upload) -> asyncio.Future[None]:
    """In a thread: closing waits for the disk."""
    return asyncio.get_running_loop().run_in_executor(None, upload.close)
