"""Values by key with their watchers: a snapshot first, then every change, for as many readers as there are."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from ws.rpc import Detach, EventSink, Feed

Key = TypeVar("Key")
Value = TypeVar("Value")


@dataclass(frozen=True, eq=False)
class _Reader(Generic[Key, Value]):
    sink: EventSink
    shows: Callable[[Value], bool]
    hears: Callable[[str], bool]
    changed: Callable[[Value], bytes] | None


class Board(Generic[Key, Value]):
    """The last value of each key. `changed` and `removed` encode the events, once for all readers.

    Events are whole values, so a reader that hears of a change twice ends with the same picture.
    """

    def __init__(self, *, changed: Callable[[Value], bytes], removed: Callable[[Key], bytes]) -> None:
        self._changed = changed
        self._removed = removed
        self._values: dict[Key, Value] = {}
        self._readers: set[_Reader[Key, Value]] = set()

    def get(self, key: Key) -> Value | None:
        return self._values.get(key)

    def values(self, shows: Callable[[Value], bool] = lambda _: True) -> list[Value]:
        """In the order in which the keys came."""
        return [value for value in self._values.values() if shows(value)]

    def keys(self) -> list[Key]:
        return list(self._values)

    def put(self, key: Key, value: Value) -> None:
        """Set a value and tell the readers, unless it is what they have."""
        before = self._values.get(key)
        if before == value:
            return
        self._values[key] = value
        changed, removed = self._changed(value), self._removed(key)
        for reader in list(self._readers):
            if reader.shows(value):
                reader.sink.offer(changed if reader.changed is None else reader.changed(value))
            elif before is not None and reader.shows(before):
                reader.sink.offer(removed)

    def remove(self, key: Key) -> None:
        """Forget a key and tell the readers; a missing one is fine."""
        before = self._values.pop(key, None)
        if before is None:
            return
        removed = self._removed(key)
        for reader in list(self._readers):
            if reader.shows(before):
                reader.sink.offer(removed)

    def tell(self, event: bytes, *, about: str) -> None:
        """Offer an event that is no change of a value to every reader who hears what is `about` that."""
        for reader in list(self._readers):
            if reader.hears(about):
                reader.sink.offer(event)

    def watch(
        self,
        result: Callable[[Iterable[Value]], bytes],
        shows: Callable[[Value], bool] = lambda _: True,
        *,
        hears: Callable[[str], bool] = lambda _: True,
        changed: Callable[[Value], bytes] | None = None,
    ) -> Feed:
        """A feed for one reader: `result` encodes the snapshot. What changes before it is attached is told then.

        `shows` chooses the values, `hears` what is told, by what it is about; `changed` encodes changes for this
        reader alone.
        """
        snapshot = {key: value for key, value in self._values.items() if shows(value)}

        def attach(sink: EventSink) -> Detach:
            for key in snapshot.keys() - self._values.keys():
                sink.offer(self._removed(key))
            for key, value in self._values.items():
                if shows(value) and snapshot.get(key) != value:
                    sink.offer((changed or self._changed)(value))
                elif key in snapshot and not shows(value):
                    sink.offer(self._removed(key))
            reader: _Reader[Key, Value] = _Reader(sink, shows, hears, changed)
            self._readers.add(reader)
            return lambda: self._readers.discard(reader)

        return Feed(result(snapshot.values()), attach)
