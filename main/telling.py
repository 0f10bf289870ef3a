"""Telling many readers what has changed.

A change is told at once. Where many read, the last of them costs the loop as much as the first: they are told a few at
a time, and what changes before the last of them has been told, and for a while afterwards, is told in one go. Values
are state and no history, so of what changed twice meanwhile only the last is told.
"""

import asyncio
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from ws.rpc import EventSink

Key = TypeVar("Key")
Value = TypeVar("Value")

AT_ONCE = 50
"""Readers told in one turn of the loop, which takes about a millisecond. With no more than these nothing waits."""

REST_S = 0.0001
"""For each reader, from the end of a round to the next. Writing to one takes about a fifth of that."""


@dataclass(frozen=True, eq=False, slots=True)
class Reader(Generic[Value]):
    """`shows`, `hears`, `view` and `look` as in :meth:`main.board.Board.watch`."""

    sink: EventSink
    owner: str
    shows: Callable[[Value], bool]
    hears: Callable[[str], bool]
    view: Callable[[Value], Value]
    look: Hashable


@dataclass(frozen=True, eq=False, slots=True)
class Said:
    """An event that is no change of a value; `event` encodes it as an owner sees it."""

    event: Callable[[str], bytes]
    about: str

    def told(self, reader: Reader[Value], _: Callable[[Value], bytes]) -> bytes | None:
        """What such a reader hears, if anything."""
        return self.event(reader.owner) if reader.hears(self.about) else None


@dataclass(frozen=True, eq=False, slots=True)
class Change(Generic[Value]):
    """To the value there is, None for none, from those that readers may have. `removed` tells that it is gone.

    `joined` is how many readers had joined when it came to `now`: whoever joins later has that.
    """

    had: tuple[Value, ...]
    now: Value | None
    removed: bytes
    joined: int

    def told(self, reader: Reader[Value], changed: Callable[[Value], bytes]) -> bytes | None:
        """What such a reader hears, if anything."""
        if self.now is not None and reader.shows(self.now):
            return changed(reader.view(self.now))
        return self.removed if any(map(reader.shows, self.had)) else None


News = Said | Change[Value]


class Round(Generic[Value]):
    """The same news for some readers, encoded once for all who see the same."""

    def __init__(self, readers: list[Reader[Value]], news: list[News[Value]], encode: Callable[[Value], bytes]) -> None:
        self._readers = readers
        self._news = news
        self._changed = _Once(encode)
        self._told: dict[Hashable, list[bytes]] = {}
        self._next = 0

    @property
    def is_over(self) -> bool:
        return self._next >= len(self._readers)

    def go_on(self, count: int) -> None:
        """Tell as many more. Whoever fails has had their turn."""
        for reader in self._readers[self._next : self._next + count]:
            self._next += 1
            events = self._told.get(reader.look)
            if events is None:
                told = (each.told(reader, self._changed) for each in self._news)
                events = self._told[reader.look] = [event for event in told if event is not None]
            if events:
                reader.sink.offer_all(events)


class Telling(Generic[Key, Value]):
    """Who reads, and what they have not been told yet. `encode` writes a value that has changed."""

    def __init__(self, encode: Callable[[Value], bytes]) -> None:
        self.readers: set[Reader[Value]] = set()
        self.is_busy = False
        """A round is under way, or it is rested from one: news wait."""
        self._encode = encode
        self._joined = 0
        self._waiting: dict[Key | Said, News[Value]] = {}

    def join(self, reader: Reader[Value]) -> None:
        """From now on it is told too; it has the values of this moment, also those that the others wait for."""
        self.readers.add(reader)
        self._joined += 1

    def change(self, key: Key, before: Value | None, now: Value | None, removed: bytes) -> None:
        """The value of `key` was `before`, and the readers have that unless they wait for news of it."""
        had: tuple[Value, ...] = () if before is None else (before,)
        known = self._waiting.pop(key, None)
        if isinstance(known, Change):
            had = known.had if known.joined == self._joined else known.had + had
        self._waiting[key] = Change(had, now, removed, self._joined)
        self._begin()

    def say(self, said: Said) -> None:
        """Behind the changes so far, before those to come."""
        self._waiting[said] = said
        self._begin()

    def only(self, readers: list[Reader[Value]], now: Value) -> None:
        """Tell some readers at once how they see a value. Not while it is busy: older news may be on the way."""
        Round(readers, [Change((), now, b"", self._joined)], self._encode).go_on(len(readers))

    def _begin(self) -> None:
        if self.is_busy or not self._waiting:
            return
        waiting, self._waiting = self._waiting, {}
        begun = Round(list(self.readers), list(waiting.values()), self._encode)
        try:
            begun.go_on(AT_ONCE)
        finally:
            if not begun.is_over:
                self.is_busy = True
                asyncio.get_running_loop().call_soon(self._go_on, begun)

    def _go_on(self, begun: Round[Value]) -> None:
        loop = asyncio.get_running_loop()
        if begun.is_over:
            loop.call_later(len(self.readers) * REST_S, self._rested)
            return
        try:
            begun.go_on(AT_ONCE)
        finally:
            loop.call_soon(self._go_on, begun)

    def _rested(self) -> None:
        self.is_busy = False
        self._begin()


class _Once(Generic[Value]):
    """Encodes each value once: readers who see the same object get the same bytes."""

    def __init__(self, encode: Callable[[Value], bytes]) -> None:
        self._encode = encode
        self._encoded: dict[int, tuple[Value, bytes]] = {}

    def __call__(self, value: Value) -> bytes:
        known = self._encoded.get(id(value))
        if known is None:
            # The value is kept with its bytes, so no other takes its id meanwhile.
            known = self._encoded[id(value)] = value, self._encode(value)
        return known[1]
