"""One terminal at the node: a program's PTY, its scrollback and its readers."""

import asyncio
from collections.abc import Callable

import msgspec

from node.terminal.audience import Audience, Claim
from node.terminal.input import InputQueue
from node.terminal.output import OutputPump
from node.terminal.pace import Pace
from node.terminal.reader import Reader, ReaderSink
from node.terminal.scrollback import Descriptors, Scrollback
from node.terminal.size import Size
from node.terminal.sizing import Sizing
from ws.protocol import terminals
from ws.protocol.errors import ErrorCode, WireError

SILENCE_AFTER_EXIT_S = 1.0
"""Linux hangs the terminal up when its program ends. Where a program had given the terminal away first, its output
counts as over after this silence."""


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What the node says of a terminal; the holder keeps it over the node's restart."""

    name: str
    path: str
    command: list[str]
    created: str


class Terminal:
    """Owns the node's descriptors of one terminal until `close`; begins reading at once.

    `on_exit` is called once, when the program has ended and all its output is in the scrollback; `on_change` when what
    a list says of the terminal is another.
    """

    def __init__(
        self,
        terminal: str,
        about: About,
        descriptors: Descriptors,
        kept_bytes: int,
        pace: Pace,
        *,
        on_exit: Callable[["Terminal"], None],
        on_change: Callable[["Terminal"], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self.id = terminal
        self.about = about
        self.exit: terminals.Exit | None = None
        self.ended_at: str | None = None
        self._descriptors = descriptors
        self._scrollback = Scrollback(descriptors, kept_bytes)
        self._audience = Audience(self._credit_changed, self._lead_changed)
        self._sizing = Sizing(descriptors.pty, self._size_changed)
        self._input = InputQueue(descriptors.pty)
        self._pace = pace
        self._on_exit = on_exit
        self._on_change = on_change
        # Whatever an earlier node has taken over was shown to its readers, as far as this one can know.
        self._shown = self._scrollback.end
        self._silence: asyncio.TimerHandle | None = None
        self._is_closed = False
        self._pump = OutputPump(
            terminal,
            descriptors.pty,
            self._scrollback,
            pace,
            credit=self._audience.credit,
            on_output=self._audience.flush,
            on_over=self._output_over,
        )
        self._pump.resume()

    @property
    def is_over(self) -> bool:
        """The program has ended and every byte of its output is kept."""
        return self.exit is not None and self._pump.is_over

    @property
    def size(self) -> Size:
        return self._sizing.size

    @property
    def end(self) -> int:
        """How many bytes the program has written so far."""
        return self._scrollback.end

    def as_listed(self) -> terminals.Terminal:
        return terminals.Terminal(
            terminal=self.id,
            name=self.about.name,
            path=self.about.path,
            command=self.about.command,
            cols=self.size.cols,
            rows=self.size.rows,
            running=self.exit is None,
            created=self.about.created,
            readers=len(self._audience),
            code=self.exit.code if self.exit else None,
            signal=self.exit.signal if self.exit else None,
            ended=self.ended_at,
        )

    # --- readers ----------------------------------------------------------------------------------------------------

    def check_offset(self, after: int | None) -> None:
        """Raises WireError (invalid) for an offset that the program has not reached."""
        if after is not None and after > self.end:
            raise WireError(
                ErrorCode.INVALID,
                f"`after` is {after}, but this terminal has written {self.end} bytes; leave it out to begin with the"
                " oldest kept byte.",
            )

    def attach(self, sink: ReaderSink, after: int | None, *, may_type: bool) -> Reader:
        """A new reader, told where its output begins and sent what credit allows. Raises WireError."""
        self.check_offset(after)
        oldest = self._scrollback.start
        start = oldest if after is None else max(after, oldest)
        preamble = None
        if 0 < start == oldest != after:
            start, preamble, is_picture_whole = self._scrollback.begin(oldest)
            if not is_picture_whole:
                self._sizing.redraw()
        reader = Reader(sink, self._scrollback, start=start, may_type=may_type, on_torn=self._sizing.redraw)
        replayed_to = max([self._shown, *(each.sent for each in self._audience if each.may_type)])
        self._audience.add(reader)
        self._on_change(self)
        reader.send_frame(
            terminals.Attached(
                terminal=self.id,
                offset=start,
                cols=self.size.cols,
                rows=self.size.rows,
                running=self.exit is None,
                may_type=may_type,
                replayed_to=replayed_to,
                leads=self._audience.lead is reader,
                preamble=preamble,
            )
        )
        reader.is_attached = True
        reader.flush()
        self._tell_exit()
        return reader

    def detach(self, reader: Reader) -> None:
        """The reader has gone; the program runs on."""
        if reader.may_type:
            self._shown = max(self._shown, reader.sent)
        self._audience.remove(reader)
        self._on_change(self)

    def acknowledge(self, reader: Reader, offset: int) -> None:
        """As `Reader.acknowledge`."""
        self._audience.acknowledge(reader, offset)
        self._tell_exit()

    def type_at_once(self, reader: Reader, data: bytes) -> bool:
        """Input from `reader`; ignored when it may not type or has left. False: no room, and none of it was taken."""
        if not data or not self._takes_input_of(reader):
            return True
        self._pace.typed(self.id)
        self._audience.claim(reader, Claim.TYPED)
        return self._input.offer(data)

    def interrupt(self, reader: Reader, data: bytes) -> bool:
        """Whether `data` is a key that signals and has thrown away what the program has not read, from whomever."""
        return self._takes_input_of(reader) and self._input.interrupt(data)

    async def type(self, reader: Reader, data: bytes) -> None:
        """What `type_at_once` had no room for: waits while the program leaves too much unread."""
        before = self._input.thrown_away
        self._audience.hold_back(reader, is_held_back=True)
        try:
            while self._input.thrown_away == before and not self._input.offer(data):
                await self._input.room()
        finally:
            self._audience.hold_back(reader, is_held_back=False)

    def resize(self, reader: Reader, frame: terminals.Resize) -> None:
        """`reader` shows so many characters now; that counts while it leads, and has a claim to.

        A reader whose size does not count is told the one that does: what it shows would be torn otherwise.
        """
        if not reader.may_type:
            return
        reader.size = Size(frame.cols, frame.rows)
        reader.follows_sizes = frame.claim is not None
        if frame.claim in {"yes", "again"}:
            self._audience.claim(reader, Claim.TYPED if frame.claim == "yes" else Claim.LED)
        if self._audience.is_size_of(reader):
            self._sizing.want(reader.size, by=None if reader.follows_sizes else reader)
        elif reader.size != self.size:
            reader.send_frame(terminals.Resized(cols=self.size.cols, rows=self.size.rows))

    def _takes_input_of(self, reader: Reader) -> bool:
        return reader.may_type and reader.is_attached and self.exit is None

    def _credit_changed(self) -> None:
        if not self._is_closed and self._audience.credit() > 0:
            self._pump.resume()

    def _lead_changed(self, before: Reader | None, lead: Reader | None) -> None:
        """The size of a new lead applies before what it types, so that the program answers in that size."""
        if lead is not before:
            # Who has gone has answered what it was sent; who stays will answer what there is until now.
            start = self.end if before is None or before.is_attached else before.sent
            for reader in (before, lead):
                if reader is not None and reader.is_attached:
                    reader.send_frame(terminals.Lead(leads=reader is lead, start=start))
        if lead is not None and lead.size is not None and self._audience.is_size_of(lead):
            self._sizing.want(lead.size, at_once=True)

    def _size_changed(self, size: Size, by: object | None) -> None:
        for reader in self._audience:
            if reader is not by:
                reader.send_frame(terminals.Resized(cols=size.cols, rows=size.rows))
        self._on_change(self)

    # --- another writer ---------------------------------------------------------------------------------------------

    def let_go(self) -> None:
        """The holder keeps the output from here on; readers stay, and what they type still reaches the program."""
        self._pump.let_go()

    def take_back(self) -> None:
        """The holder has handed over again: readers are sent what it has kept meanwhile."""
        self._pump.take_back()

    # --- the end ----------------------------------------------------------------------------------------------------

    def ended(self, code: int | None, signal: str | None, at: str) -> None:
        """The holder says how and when (RFC 3339) the program ended; what it wrote last may still be on its way."""
        if self.exit is not None:
            return
        self.exit = terminals.Exit(code=code, signal=signal)
        self.ended_at = at
        self._on_change(self)
        if self._pump.is_over:
            self._all_over()
        else:
            self._await_silence()

    def close(self, why: WireError) -> None:
        """Let go: readers are told `why`, descriptors closed. The program is the holder's affair."""
        if self._is_closed:
            return
        self._is_closed = True
        for reader in self._audience:
            if self.exit is not None:
                reader.tell_exit(self.exit)
            reader.end(why)
        if self._silence is not None:
            self._silence.cancel()
        self._sizing.stop()
        self._pump.stop()
        self._input.close()
        self._audience.clear()
        self._descriptors.close()

    def _output_over(self) -> None:
        self._sizing.stop()
        if self.exit is not None:
            self._all_over()

    def _await_silence(self) -> None:
        self._silence = self._loop.call_later(SILENCE_AFTER_EXIT_S, self._was_silent, self.end)

    def _was_silent(self, end: int) -> None:
        if self._pump.is_over:
            return
        if self._pump.is_held_back or end != self.end:
            self._await_silence()
        else:
            self._pump.stop()
            self._all_over()

    def _all_over(self) -> None:
        self._sizing.stop()
        self._input.close()
        self._tell_exit()
        self._on_exit(self)

    def _tell_exit(self) -> None:
        if not self.is_over or self.exit is None:
            return
        for reader in self._audience:
            if reader.sent == self.end:
                reader.tell_exit(self.exit)
