"""The terminals of this node: opening, listing, closing, and taking them over at start."""

import asyncio
import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import structlog

from config import Terminal as TerminalConfig
from node.context import Subscribed
from node.terminal import naming, shell
from node.terminal.adopter import Adopted, Adopter
from node.terminal.holder.ending import GIVE_UP_AFTER_S
from node.terminal.holder.messages import Ended, Open, Restart
from node.terminal.holder_process import HolderPlace, HolderUnavailable
from node.terminal.orphans import end_sessions
from node.terminal.pace import Pace
from node.terminal.retention import Retention
from node.terminal.starting import RESTARTED, refusals
from node.terminal.terminal import About, Terminal
from node.terminal.watching import ListWatches
from ws.protocol import terminals
from ws.protocol.base import now
from ws.protocol.errors import ErrorCode, WireError
from ws.protocol.nodes import Empty
from ws.tasks import TaskOwner

log = structlog.get_logger(__name__)

MAX_TERMINALS = 64
"""With the default scrollback about 80 MiB when all of them are full."""
CAN_HOLD = hasattr(os, "splice") and hasattr(os, "memfd_create")
"""Both are Linux's own."""
LAST_WORDS_S = 2.0
"""Before a terminal is started again, for output of the last program that is still on its way."""
CLOSE_DEADLINE_S = 4.0
"""The holder kills after 2 s; the rest is for a busy machine."""
_ENDED_LONG_AGO = "This terminal ended, and has made room for others since; open a new one."

OnRestart = Callable[[Terminal], None]
"""Told of the terminal that takes the place of the one with the same id, which is closed next."""


class TerminalService:
    """Owner of every :class:`Terminal`. `identity` is the node's database: the terminals found at start are its own.

    `environment` is what terminals inherit, without the node's settings. `adopt` comes before the node goes online.
    """

    def __init__(self, config: TerminalConfig, identity: Path, environment: Mapping[str, str]) -> None:
        self._config = config
        self._environment = environment
        self._place = HolderPlace(identity, identity.parent / "terminals.log", environment)
        self._tasks = TaskOwner("terminals")
        self._adopter = Adopter(
            self._place,
            config.keep,
            self._tasks,
            on_handed=self._handed,
            on_adopted=self._adopted,
            on_ended=self._ended,
            on_dropped=self._dropped,
            on_lost=self._holder_lost,
        )
        self._pace = Pace()
        self._terminals: dict[str, Terminal] = {}
        self._programs: dict[str, int] = {}
        self._orphans: asyncio.Task[None] | None = None
        self._opening = 0
        self._over: dict[str, asyncio.Event] = {}
        self._retention = Retention(self._forget_ended)
        self._restarting: dict[str, asyncio.Event] = {}
        self._closing: set[str] = set()
        self._watches = ListWatches(self._look)
        self.on_restart: OnRestart = lambda terminal: None

    @property
    def holder_pid(self) -> int | None:
        """The process that holds the terminals, None while there is none."""
        return self._adopter.holder_pid

    async def adopt(self) -> None:
        """Take over the terminals that outlived the last node.

        A holder that does not hand over is logged; the node comes online without its terminals.
        """
        try:
            await self._adopter.adopt()
            if self.holder_pid is None and (left := await self._place.left_behind()):
                self._orphans = self._tasks.start(left.end(), name="end orphans")
        except HolderUnavailable as error:
            log.warning("terminals_not_adopted", reason=str(error))
        await self._place.tidy()
        if self._terminals:
            log.info("terminals_adopted", count=len(self._terminals))

    async def close(self, *, end_terminals: bool) -> None:
        """Stop serving. The programs end too when asked, else they go on with the holder."""
        self._retention.close()
        if end_terminals:
            await self._adopter.end_all(CLOSE_DEADLINE_S)
        self._adopter.close()
        if self._orphans is not None:
            await asyncio.wait([self._orphans], timeout=GIVE_UP_AFTER_S)
        await self._tasks.close()
        for terminal in self._terminals.values():
            terminal.close(WireError(ErrorCode.NODE_OFFLINE, "The node of this machine is stopping."))
        self._terminals.clear()

    async def open(self, params: terminals.TerminalOpenParams) -> terminals.TerminalOpenResult:
        """Start a program in a folder. Raises WireError."""
        self._check_enabled()
        self._make_room()
        self._opening += 1
        try:
            with refusals("shell" if params.command is None else "command"):
                terminal = await self._open(params)
        finally:
            self._opening -= 1
        log.info("terminal_opened", terminal=terminal.id)
        return terminals.TerminalOpenResult(
            terminal=terminal.id, name=terminal.about.name, cols=terminal.size.cols, rows=terminal.size.rows
        )

    async def list(self, params: terminals.TerminalListParams) -> terminals.TerminalListResult:
        """All terminals, or those that were opened in a folder, in order of their opening."""
        return terminals.TerminalListResult(terminals=[*self._listed(params.path)])

    async def watch(self, params: terminals.TerminalWatchParams) -> Subscribed:
        """As `list`, and what becomes of it. Raises WireError (rate_limited)."""
        return self._watches.watch(params.path, self._listed(params.path))

    def find(self, terminal: str) -> Terminal:
        """Raises WireError (not_found)."""
        found = self._terminals.get(terminal)
        if found is None:
            raise WireError(ErrorCode.NOT_FOUND, "There is no such terminal: it was closed or ended long ago.")
        return found

    async def rename(self, params: terminals.TerminalRenameParams) -> terminals.TerminalResult:
        """Raises WireError (not_found, invalid)."""
        terminal = self.find(params.terminal)
        terminal.about = msgspec.structs.replace(terminal.about, name=naming.checked(params.name))
        self._adopter.describe(terminal.id, msgspec.json.encode(terminal.about).decode())
        self._watches.note(terminal.id)
        return terminals.TerminalResult(terminal=terminal.as_listed())

    async def end(self, params: terminals.TerminalParams) -> Empty:
        """End a terminal's program and forget it, also while it is started again. Raises WireError (not_found)."""
        terminal = self.find(params.terminal)
        if restarted := self._restarting.get(terminal.id):
            await restarted.wait()  # which has its own deadlines
            terminal = self.find(terminal.id)
        self._closing.add(terminal.id)
        try:
            if not terminal.is_over:
                self._adopter.end(terminal.id)
                if not await self._wait_over(terminal, CLOSE_DEADLINE_S):
                    log.warning("terminal_end_unconfirmed", terminal=terminal.id)
        finally:
            self._closing.discard(terminal.id)
        self._forget(terminal)
        return Empty()

    async def restart(self, params: terminals.TerminalParams) -> terminals.TerminalResult:
        """Start an ended terminal's program again: same command, folder and size; its output goes on. Raises WireError.

        Its readers stay: `on_restart` brings them to the terminal that is started.
        """
        terminal = self.find(params.terminal)
        self._check_enabled()
        self._check_restart(terminal)
        restarted = self._restarting[terminal.id] = asyncio.Event()
        self._retention.release(terminal.id)
        try:
            with refusals("terminal"):
                await self._restart(terminal)
        finally:
            del self._restarting[terminal.id]
            restarted.set()
            latest = self._terminals.get(terminal.id)
            if latest is not None and latest.is_over:  # it was not started, or has ended already
                self._retention.keep(latest.id)
        log.info("terminal_restarted", terminal=terminal.id)
        return terminals.TerminalResult(terminal=self.find(terminal.id).as_listed())

    def _listed(self, path: str | None) -> Sequence[terminals.Terminal]:
        found = [each.as_listed() for each in self._terminals.values() if path in {None, each.about.path}]
        return sorted(found, key=lambda each: (each.created, each.terminal))

    def _look(self, terminal: str) -> terminals.Terminal | None:
        found = self._terminals.get(terminal)
        return None if found is None else found.as_listed()

    # --- opening ----------------------------------------------------------------------------------------------------

    def _check_enabled(self) -> None:
        if not self._config.enabled:
            raise WireError(ErrorCode.UNSUPPORTED, "This machine offers no terminals; its `terminal.enabled` is false.")
        if not CAN_HOLD:
            raise WireError(ErrorCode.UNSUPPORTED, "This machine offers no terminals; they need Linux.")

    def _make_room(self) -> None:
        """Old terminals that have ended give way to new ones. Raises WireError (conflict)."""
        if len(self._terminals) + self._opening < MAX_TERMINALS:
            return
        oldest = self._retention.oldest
        if oldest is None:
            raise WireError(
                ErrorCode.CONFLICT, f"This machine has {MAX_TERMINALS} terminals open, which is the limit; close one."
            )
        self._forget_ended(oldest)

    async def _open(self, params: terminals.TerminalOpenParams) -> Terminal:
        name = None if params.name is None else naming.checked(params.name)
        environment = shell.terminal_environment(self._environment, params.path)
        program = await asyncio.to_thread(
            shell.resolve, params.path, params.shell or self._config.default_shell, params.command, environment
        )
        about = About(
            name=name or self._name_for(program.argv[0]),
            path=params.path,
            command=program.argv,
            created=now(),
        )
        terminal = secrets.token_hex(8)
        await self._adopter.open(
            Open(
                request=0,
                terminal=terminal,
                argv=program.argv,
                folder=program.folder,
                environment=environment,
                cols=params.cols,
                rows=params.rows,
                kept_bytes=self._config.scrollback_bytes,
                about=msgspec.json.encode(about).decode(),
            )
        )
        return self.find(terminal)

    def _name_for(self, program: str) -> str:
        return naming.numbered(Path(program).name, {each.about.name for each in self._terminals.values()})

    def _check_restart(self, terminal: Terminal) -> None:
        if terminal.exit is None or terminal.id in {*self._restarting, *self._closing}:
            raise WireError(
                ErrorCode.CONFLICT,
                "The program of this terminal is running; it can be started again when it has ended.",
            )
        if not self._adopter.can_restart or not terminal.about.command:
            raise WireError(
                ErrorCode.UNSUPPORTED,
                "This terminal was opened by another version of Switchyard, which cannot start its program again; open"
                " a new terminal.",
            )

    async def _restart(self, terminal: Terminal) -> None:
        about = terminal.about
        environment = shell.terminal_environment(self._environment, about.path)
        program = await asyncio.to_thread(shell.resolve, about.path, None, about.command, environment)
        if not terminal.is_over:
            await self._wait_over(terminal, LAST_WORDS_S)
        await self._adopter.restart(
            Restart(
                request=0,
                terminal=terminal.id,
                argv=program.argv,
                folder=program.folder,
                environment=environment,
                cols=terminal.size.cols,
                rows=terminal.size.rows,
                heading=RESTARTED,
            )
        )

    def _handed(self, adopted: Adopted) -> None:
        known = self._terminals.get(adopted.held.terminal)
        if known is None or self._programs[known.id] != adopted.held.pid:
            self._add(adopted)
        else:
            self._take_back(known, adopted)

    def _take_back(self, terminal: Terminal, adopted: Adopted) -> None:
        """What this node has of it is still good; all that was missed is made up for."""
        held = adopted.held
        adopted.descriptors.close()
        if held.has_ended:
            terminal.ended(held.code, held.signal, _timestamp(held.ended_at_s))
        terminal.take_back()
        about = msgspec.json.encode(terminal.about).decode()
        if about != held.about:
            self._adopter.describe(terminal.id, about)
        if terminal.id in self._closing:
            self._adopter.end(terminal.id)

    def _adopted(self, handed: set[str]) -> None:
        """Those that the holder does not have any more ended while this node was not told."""
        for terminal in list(self._terminals.values()):
            if terminal.id not in handed:
                terminal.take_back()
                terminal.ended(None, None, now())

    def _dropped(self) -> None:
        """The holder is about to read them."""
        for terminal in self._terminals.values():
            terminal.let_go()

    def _add(self, adopted: Adopted) -> None:
        held = adopted.held
        try:
            about = msgspec.json.decode(held.about, type=About)
        except msgspec.MsgspecError:  # described by another version
            about = About(name=held.terminal, path="/", command=[], created=now())
        terminal = Terminal(
            held.terminal,
            msgspec.structs.replace(about, name=naming.cleaned(about.name, held.terminal)),
            adopted.descriptors,
            held.kept_bytes,
            self._pace,
            on_exit=self._exited,
            on_change=lambda terminal: self._watches.note(terminal.id),
        )
        before = self._terminals.get(terminal.id)
        self._terminals[terminal.id] = terminal
        self._programs[terminal.id] = held.pid
        self._retention.release(terminal.id)
        if before is not None:
            self.on_restart(terminal)
            before.close(WireError(ErrorCode.CONFLICT, "This terminal was started again; attach to it once more."))
        if held.has_ended:
            terminal.ended(held.code, held.signal, _timestamp(held.ended_at_s))
        self._watches.note(terminal.id)

    # --- ending -----------------------------------------------------------------------------------------------------

    def _ended(self, ended: Ended) -> None:
        if terminal := self._terminals.get(ended.terminal):
            terminal.ended(ended.code, ended.signal, _timestamp(ended.ended_at_s))
        else:  # closed before its program was over
            self._adopter.forget(ended.terminal)

    async def _wait_over(self, terminal: Terminal, deadline_s: float) -> bool:
        """Whether all has come that the program of `terminal` had to say."""
        over = self._over.setdefault(terminal.id, asyncio.Event())
        try:
            async with asyncio.timeout(deadline_s):
                await over.wait()
        except TimeoutError:
            return False
        finally:
            self._over.pop(terminal.id, None)
        return True

    def _exited(self, terminal: Terminal) -> None:
        log.info("terminal_ended", terminal=terminal.id)
        if over := self._over.get(terminal.id):
            over.set()
        if terminal.id not in self._restarting:  # else it has a successor soon, or `restart` keeps it
            self._retention.keep(terminal.id)

    def _forget_ended(self, terminal: str) -> None:
        self._forget(self._terminals[terminal], _ENDED_LONG_AGO)

    def _forget(self, terminal: Terminal, why: str = "This terminal was closed.") -> None:
        if self._terminals.get(terminal.id) is not terminal:
            return  # forgotten, or started again
        del self._terminals[terminal.id], self._programs[terminal.id]
        self._retention.release(terminal.id)
        if over := self._over.get(terminal.id):
            over.set()
        terminal.close(WireError(ErrorCode.NOT_FOUND, why))
        self._adopter.forget(terminal.id)
        self._watches.note(terminal.id)

    def _holder_lost(self) -> None:
        """The next terminal starts another holder.

        Closing our descriptors hangs every terminal up: the kernel sends SIGHUP to the job in front. The rest of what
        ran there is ended as the holder would have.
        """
        if self._terminals:
            log.error("terminal_holder_lost", terminals=len(self._terminals))
            running = [self._programs[each.id] for each in self._terminals.values() if each.exit is None]
            self._orphans = self._tasks.start(end_sessions(running), name="end orphans")
        for terminal in list(self._terminals.values()):
            terminal.ended(None, None, now())
            self._forget(terminal, "The process that held this machine's terminals has ended; open a new terminal.")


def _timestamp(seconds: float | None) -> str:
    """`seconds` of Unix time as the wire writes it; now when an older holder does not say."""
    if seconds is None:
        return now()
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
