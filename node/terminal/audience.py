"""The readers of one terminal: what they hold back together, and whose size counts."""

import asyncio
from collections.abc import Callable, Iterator
from enum import IntEnum
from typing import NamedTuple

from node.terminal.reader import Reader
from ws.protocol.errors import ErrorCode, WireError
from ws.protocol.terminals import CREDIT_WINDOW_BYTES

MAX_READERS = 32
"""Each may have a credit window of output under way: 8 MiB for one terminal."""
STALLED_AFTER_S = 5.0
"""A reader that holds the program and has not acknowledged LEAST_BYTES more in so long is set aside."""
LEAST_BYTES = 16 * 1024
"""Whoever acknowledged byte by byte, or the same byte again and again, would hold the program for as long as it likes.
Somebody who may only look could. No line that is of use is as slow as 3 KB/s."""


class _Watch(NamedTuple):
    """Ends a reader's hold when `timer` is over, unless it acknowledges `wanted` before."""

    timer: asyncio.TimerHandle
    wanted: int


class Claim(IntEnum):
    """Why a reader should lead. ALONE: nobody else was there when it came; LED: it led before its line broke."""

    NONE = 0
    ALONE = 1
    LED = 2
    TYPED = 3


class Audience:
    """Readers of one terminal. `on_credit` is called when the program may go on.

    One of those who may type leads: its window answers what programs ask their terminal, and its size counts once it
    has a claim: the strongest, of equals the latest, without any the reader that is here longest; one that is set aside
    only when all are. `on_lead` is told the old one and the new one.
    """

    def __init__(self, on_credit: Callable[[], None], on_lead: Callable[[Reader | None, Reader | None], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_credit = on_credit
        self._on_lead = on_lead
        self._readers: dict[Reader, _Watch | None] = {}
        self._claims: dict[Reader, tuple[Claim, int]] = {}
        self._last_claim = 0
        self.lead: Reader | None = None

    def __len__(self) -> int:
        return len(self._readers)

    def __iter__(self) -> Iterator[Reader]:
        """A snapshot: readers may leave while it is walked through."""
        return iter(list(self._readers))

    def add(self, reader: Reader) -> None:
        """Raises WireError (conflict) when there are too many."""
        if len(self._readers) >= MAX_READERS:
            raise WireError(
                ErrorCode.CONFLICT,
                f"This terminal has {MAX_READERS} readers, which is the limit; close it on another page first.",
            )
        self._readers[reader] = None
        if reader.may_type:
            is_alone = not any(each.may_type for each in self._readers if each is not reader)
            self._claims[reader] = (Claim.NONE, 0)
            self.claim(reader, Claim.ALONE if is_alone else Claim.NONE)

    def claim(self, reader: Reader, claim: Claim) -> None:
        """`reader`, who may type, leads from here on, unless another has a stronger claim."""
        if self.lead is reader and self._claims[reader][0] >= claim:
            return
        if claim:
            self._last_claim += 1
            self._claims[reader] = (max(claim, self._claims[reader][0]), self._last_claim)
        self._elect()

    def is_size_of(self, reader: Reader) -> bool:
        """Whether the size of `reader` is the terminal's."""
        return self.lead is reader and self._claims[reader][0] > Claim.NONE

    def remove(self, reader: Reader) -> None:
        """Forget `reader`; does nothing when it has left already."""
        watch = self._readers.pop(reader, None)
        if watch is not None:
            watch.timer.cancel()
        reader.is_attached = False
        self._claims.pop(reader, None)
        self._elect()
        self._on_credit()

    def clear(self) -> None:
        """Forget all of them; nobody leads."""
        self._claims.clear()
        self.lead = None
        for reader in self:
            self.remove(reader)

    def credit(self) -> int:
        """How many bytes the program may write now. Whoever leaves none is watched from here on."""
        credit = CREDIT_WINDOW_BYTES
        for reader, watch in self._readers.items():
            if not reader.holds_program:
                continue
            credit = min(credit, reader.credit)
            if reader.credit <= 0 and watch is None:
                timer = self._loop.call_later(STALLED_AFTER_S, self._set_aside, reader)
                self._readers[reader] = _Watch(timer, reader.acknowledged + LEAST_BYTES)
        return credit

    def acknowledge(self, reader: Reader, offset: int) -> None:
        """As `Reader.acknowledge`; enough of it stops the watch."""
        was_aside = reader.is_aside
        reader.acknowledge(offset)
        if was_aside and not reader.is_aside:
            self._elect()
        watch = self._readers.get(reader)
        if watch is not None and reader.acknowledged >= watch.wanted:
            self._unwatch(reader)
        self._on_credit()

    def hold_back(self, reader: Reader, *, is_held_back: bool) -> None:
        """`reader`'s own input waits for the program, so the program does not wait for `reader`.

        Does nothing when it has left meanwhile.
        """
        if reader not in self._readers:
            return
        reader.is_held_back = is_held_back
        self._unwatch(reader)
        if is_held_back:
            self._on_credit()
        else:
            reader.flush()

    def flush(self) -> None:
        for reader in self._readers:
            reader.flush()

    def _unwatch(self, reader: Reader) -> None:
        watch = self._readers.get(reader)
        if watch is not None:
            watch.timer.cancel()
            self._readers[reader] = None

    def _set_aside(self, reader: Reader) -> None:
        self._readers[reader] = None
        reader.is_aside = True
        self._elect()
        self._on_credit()

    def _elect(self) -> None:
        # Of equals `max` takes the first, who has been here longest.
        before, self.lead = self.lead, max(self._claims, key=self._rank, default=None)
        self._on_lead(before, self.lead)

    def _rank(self, reader: Reader) -> tuple[bool, tuple[Claim, int]]:
        return not reader.is_aside, self._claims[reader]
