"""Values by key with their watchers: a snapshot first, then every change, for as many readers as there are."""

from collections.abc import Callable, Hashable, Iterable
from typing import Generic, TypeVar

from main.telling import Reader, Said, Telling
from ws.rpc import Detach, EventSink, Feed

Key = TypeVar("Key")
Value = TypeVar("Value")


class Board(Generic[Key, Value]):
    """The last value of each key. `changed` and `removed` encode the events, once for all who see the same.

    Events are whole values, so a reader that hears of a change twice ends with the same picture. `group` says with
    which others a key is asked for: those of one of many nodes are found without a look at all.
    """

    def __init__(
        self,
        *,
        changed: Callable[[Value], bytes],
        removed: Callable[[Key], bytes],
        group: Callable[[Key], str] = lambda _: "",
    ) -> None:
        self._changed = changed
        self._removed = removed
        self._group = group
        self._values: dict[Key, Value] = {}
        self._groups: dict[str, dict[Key, Value]] = {}
        self._telling: Telling[Key, Value] = Telling(changed)
        self._by_owner: dict[str, set[Reader[Value]]] = {}

    @property
    def readers(self) -> int:
        """How many there are."""
        return len(self._telling.readers)

    def get(self, key: Key) -> Value | None:
        return self._values.get(key)

    def values(self, shows: Callable[[Value], bool] = lambda _: True) -> list[Value]:
        """In the order in which the keys came."""
        return [value for value in self._values.values() if shows(value)]

    def keys(self) -> list[Key]:
        return list(self._values)

    def within(self, group: str) -> list[tuple[Key, Value]]:
        """Keys and values of that group, in the order in which the keys came."""
        return list(self._groups.get(group, {}).items())

    def put(self, key: Key, value: Value, *, is_news: bool = True) -> None:
        """Set a value and tell the readers, unless it is what they have.

        What is no news is for those who ask from now on; the readers there are have it with the next news of this key.
        """
        before = self._values.get(key)
        if before == value:
            return
        self._values[key] = value
        self._groups.setdefault(self._group(key), {})[key] = value
        if is_news:
            self._telling.change(key, before, value, self._removed(key))

    def again(self, key: Key, owner: str) -> None:
        """Tell the readers of that owner how they see a value now; a missing one is fine."""
        value = self._values.get(key)
        if value is None:
            return
        if self._telling.is_busy:
            self._telling.change(key, value, value, self._removed(key))
        else:
            self._telling.only(list(self._by_owner.get(owner, ())), value)

    def remove(self, key: Key, told: bytes | None = None) -> None:
        """Forget a key and tell the readers, of why by `told`; a missing one is fine."""
        before = self._values.pop(key, None)
        if before is None:
            return
        self._forget_in_group(key)
        self._telling.change(key, before, None, self._removed(key) if told is None else told)

    def tell(self, event: Callable[[str], bytes], *, about: str) -> None:
        """Offer an event that is no change of a value to every reader who hears what is `about` that.

        `event` encodes it as the owner of a reader sees it.
        """
        self._telling.say(Said(event, about))

    def watch(
        self,
        result: Callable[[Iterable[Value]], bytes],
        shows: Callable[[Value], bool] = lambda _: True,
        *,
        owner: str = "",
        hears: Callable[[str], bool] = lambda _: True,
        view: Callable[[Value], Value] = lambda value: value,
        look: Hashable = None,
    ) -> Feed:
        """A feed for one reader: `result` encodes the snapshot. What changes before it is attached is told then.

        `shows` chooses the values, `hears` what is told, by what it is about; `view` makes of a value what this reader
        sees of it. `owner` is who reads. Readers of one owner and one `look` hear and see the same, so only one of
        them is asked; None is the look of this reader alone.
        """
        snapshot = {key: view(value) for key, value in self._values.items() if shows(value)}

        def attach(sink: EventSink) -> Detach:
            for key in snapshot.keys() - self._values.keys():
                sink.offer(self._removed(key))
            for key, value in self._values.items():
                if not shows(value):
                    if key in snapshot:
                        sink.offer(self._removed(key))
                elif snapshot.get(key) != (seen := view(value)):
                    sink.offer(self._changed(seen))
            own = object() if look is None else (owner, look)
            reader: Reader[Value] = Reader(sink, owner, shows, hears, view, own)
            self._telling.join(reader)
            self._by_owner.setdefault(owner, set()).add(reader)
            return lambda: self._leave(reader)

        return Feed(result(snapshot.values()), attach)

    def _leave(self, reader: Reader[Value]) -> None:
        self._telling.readers.discard(reader)
        others = self._by_owner.get(reader.owner, set())
        others.discard(reader)
        if not others:
            self._by_owner.pop(reader.owner, None)

    def _forget_in_group(self, key: Key) -> None:
        name = self._group(key)
        group = self._groups[name]
        del group[key]
        if not group:
            del self._groups[name]
