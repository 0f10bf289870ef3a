"""terminal.watch: the list of terminals, and what becomes of it."""

import asyncio
from collections.abc import Callable, Sequence

from node.context import Subscribed
from ws.protocol import terminals
from ws.protocol.errors import ErrorCode, WireError

PAUSE_S = 0.05
"""Between changes that are told at once: a window that is dragged, or ten readers that come back, is a few events."""
MAX_WATCHES = 256
"""Readers of one node's list."""

Look = Callable[[str], terminals.Terminal | None]
"""A terminal as it is now, None when there is no such terminal."""


class ListWatches:
    """Everybody who watches the list. `look` is asked when an event is due, so only the latest state is told."""

    def __init__(self, look: Look) -> None:
        self._look = look
        self._watches: set[ListWatch] = set()

    def __len__(self) -> int:
        return len(self._watches)

    def watch(self, path: str | None, listed: Sequence[terminals.Terminal]) -> Subscribed:
        """`listed`, and its changes from now on. Raises WireError (rate_limited)."""
        if len(self._watches) >= MAX_WATCHES:
            raise WireError(
                ErrorCode.RATE_LIMITED, "Too many pages watch this machine's terminals; close some of them."
            )
        watch = ListWatch(self._look, path, {each.terminal for each in listed}, self._watches.discard)
        self._watches.add(watch)
        return Subscribed(terminals.TerminalListResult(terminals=list(listed)), watch)

    def note(self, terminal: str) -> None:
        """A terminal was opened, is another, or has gone."""
        for watch in self._watches:
            watch.note(terminal)


class ListWatch:
    """The events of one reader. At most two wait for each terminal that there is or that the reader knows of."""

    def __init__(self, look: Look, path: str | None, known: set[str], on_close: Callable[["ListWatch"], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._look = look
        self._path = path
        self._known = known
        self._on_close = on_close
        self._changed: dict[str, None] = {}
        self._due: dict[str, None] = {}
        self._has_changed = asyncio.Event()
        self._not_before_s = 0.0

    def __aiter__(self) -> "ListWatch":
        return self

    async def __anext__(self) -> terminals.TerminalWatchEvent:
        """The next change; never the end of them."""
        while True:
            while self._due:
                terminal = next(iter(self._due))
                del self._due[terminal]
                if (event := self._event(terminal)) is not None:
                    return event
            await self._has_changed.wait()
            await asyncio.sleep(max(0.0, self._not_before_s - self._loop.time()))
            self._has_changed.clear()
            self._due, self._changed = self._changed, {}
            self._not_before_s = self._loop.time() + PAUSE_S

    async def aclose(self) -> None:
        """Hear no more."""
        self._on_close(self)

    def note(self, terminal: str) -> None:
        if terminal not in self._known and self._look(terminal) is None:
            self._changed.pop(terminal, None)  # come and gone before this reader heard of it
            return
        self._changed[terminal] = None
        self._has_changed.set()

    def _event(self, terminal: str) -> terminals.TerminalWatchEvent | None:
        found = self._look(terminal)
        if found is not None and self._path in {None, found.path}:
            self._known.add(terminal)
            return terminals.TerminalChanged(terminal=found)
        if terminal in self._known:
            self._known.discard(terminal)
            return terminals.TerminalRemoved(id=terminal)
        return None
