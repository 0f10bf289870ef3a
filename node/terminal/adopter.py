"""The node's end of the holder: finds it or starts it, takes its terminals over, asks it for new ones."""

import asyncio
import errno
import itertools
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, fields

import msgspec
import structlog

from node.terminal.holder import channel, record
from node.terminal.holder.messages import (
    RESTART_VERSION,
    VERSIONS,
    Describe,
    End,
    EndAll,
    Ended,
    Failed,
    Forget,
    FromHolder,
    Held,
    Hello,
    Keep,
    Message,
    Open,
    Refused,
    Restart,
    Welcome,
)
from node.terminal.holder_process import HolderPlace, HolderUnavailable
from node.terminal.scrollback import Descriptors
from ws.tasks import TaskOwner

log = structlog.get_logger(__name__)

ANSWER_DEADLINE_S = 10.0
"""For one answer of the holder. It has nothing else to do: a fork and an exec take milliseconds."""
RETURN_AFTER_S = (0.0, 0.05, 0.2, 0.5, 1.0, 1.5, 2.0)
"""Waits before each attempt to have a living holder that has dropped the connection hand over again."""
RETURN_LATER_S = 5.0
"""Between attempts after those."""
STEADY_S = 30.0
"""A connection that has lasted so long begins those attempts anew when it drops."""
RETURN_AT_END_S = 1.0
"""For a last attempt when everything is to end."""
_DESCRIPTORS = len(fields(Descriptors))


class ProgramNotStarted(Exception):
    """The program of a new terminal did not start; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Adopted:
    """A terminal that the holder handed over; the descriptors are the node's to close."""

    held: Held
    descriptors: Descriptors


class Adopter:
    """One connection with the holder, made when it is needed.

    Its callbacks are called in the order of what happens: `on_handed` for every terminal, old or new, and again when it
    has been restarted, `on_ended` when its program is over. `on_dropped` when a holder that may live has dropped the
    connection: it waits for our end to close before it reads the terminals, so nobody else may from then on. Either it
    hands over again (`on_handed` for each, then `on_adopted` with all of them) or `on_lost`: the holder is gone for
    sure, and with it the parent of every program. `tasks` runs the attempts.
    """

    def __init__(
        self,
        place: HolderPlace,
        keep: Keep,
        tasks: TaskOwner,
        *,
        on_handed: Callable[[Adopted], None],
        on_adopted: Callable[[set[str]], None],
        on_ended: Callable[[Ended], None],
        on_dropped: Callable[[], None],
        on_lost: Callable[[], None],
    ) -> None:
        self._tasks = tasks
        self._place = place
        self._keep: Keep = keep
        self._on_handed = on_handed
        self._on_adopted = on_adopted
        self._on_ended = on_ended
        self._on_dropped = on_dropped
        self._on_lost = on_lost
        self._decoder = msgspec.json.Decoder(FromHolder)
        self._connection: socket.socket | None = None
        self._connecting = asyncio.Lock()
        self._welcome: asyncio.Future[None] | None = None
        self._expected = 0
        self._handed_over: set[str] = set()
        self._holder: tuple[int, int] | None = None  # its pid and when it began; 0: not looked yet
        self._attached_s = 0.0
        self._attempts = 0
        self._returning: asyncio.Task[None] | None = None
        self._requests: dict[int, asyncio.Future[None]] = {}
        self._unclaimed: set[str] = set()
        self._restarting: set[str] = set()
        self._last_request = 0
        self._gone = asyncio.Event()
        self._is_leaving = False
        self.holder_pid: int | None = None
        self.can_restart = False

    async def adopt(self) -> None:
        """Have every terminal of a holder handed over that is running already, if there is one.

        Raises HolderUnavailable when there is one that does not hand over.
        """
        async with self._connecting:
            if self._connection is not None:
                return
            connection = await self._place.find()
            if connection is not None:
                await self._greet(connection)

    async def open(self, wanted: Open) -> None:
        """Have a new terminal handed over; `request` of `wanted` is set here. Starts the holder when there is none.

        Raises ProgramNotStarted, HolderUnavailable.
        """
        async with self._connecting:
            if self._connection is None:
                await self._greet(await self._place.find_or_start())
        try:
            await self._ask(wanted)
        except HolderUnavailable:
            self._unclaimed.add(wanted.terminal)  # should it be there after all
            raise

    async def restart(self, wanted: Restart) -> None:
        """Have an ended terminal handed over anew, with another program; as `open`. Only where `can_restart`."""
        self._restarting.add(wanted.terminal)
        try:
            await self._ask(wanted)
        except ProgramNotStarted:
            self._restarting.discard(wanted.terminal)
            raise

    async def _ask(self, wanted: Open | Restart) -> None:
        self._last_request += 1
        request = self._last_request
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._requests[request] = answer
        try:
            self._send(msgspec.structs.replace(wanted, request=request))
            async with asyncio.timeout(ANSWER_DEADLINE_S):
                await answer
        except TimeoutError as error:
            raise HolderUnavailable(
                f"The holder of this machine's terminals did not answer within {ANSWER_DEADLINE_S:g} s."
            ) from error
        finally:
            del self._requests[request]

    def describe(self, terminal: str, about: str) -> None:
        """Have `about` kept for the next node."""
        self._tell(Describe(terminal=terminal, about=about))

    def end(self, terminal: str) -> None:
        """Hang the terminal up; `on_ended` is called when its program is over."""
        self._tell(End(terminal=terminal))

    def forget(self, terminal: str) -> None:
        """Drop an ended terminal."""
        self._restarting.discard(terminal)
        if self._connection is None and self._holder is not None:
            self._unclaimed.add(terminal)  # the holder does not hear of it before it hands over again
        self._tell(Forget(terminal=terminal))

    async def end_all(self, deadline_s: float) -> None:
        """End every terminal and the holder; returns when it has gone, or after `deadline_s`."""
        self._is_leaving = True
        if self._connection is None and self._holder is not None:
            with suppress(HolderUnavailable, TimeoutError):
                async with asyncio.timeout(RETURN_AT_END_S):
                    await self.adopt()
        if self._connection is None:
            return
        self._tell(EndAll())
        with suppress(TimeoutError):
            async with asyncio.timeout(deadline_s):
                await self._gone.wait()
            return
        log.error("terminals_did_not_end", deadline_s=deadline_s)

    def close(self) -> None:
        """Let go, for good; the holder reads the terminals from here on."""
        self._is_leaving = True
        if self._returning is not None:
            self._returning.cancel()
        self._disconnect()

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        self.holder_pid = None
        if connection is not None:
            asyncio.get_running_loop().remove_reader(connection)
            connection.close()

    async def _greet(self, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        self._welcome = loop.create_future()
        self._expected = -1
        self._handed_over.clear()
        self._connection = connection
        self._gone.clear()
        loop.add_reader(connection, self._readable)
        try:
            self._tell(Hello(versions=list(VERSIONS), keep=self._keep))  # who is refused reads why
            async with asyncio.timeout(ANSWER_DEADLINE_S):
                await self._welcome
            self._on_adopted(self._handed_over)
            if self._holder is not None:
                self._holder = self._holder[0], await asyncio.to_thread(record.started, self._holder[0])
        except TimeoutError as error:
            reason = "The holder of this machine's terminals does not answer; end it by hand."
            self._lose(reason)  # with what it has handed over already
            raise HolderUnavailable(reason) from error
        finally:
            self._welcome = None

    def _send(self, message: Message) -> None:
        if self._connection is None:
            raise HolderUnavailable("The holder of this machine's terminals has ended; open the terminal again.")
        try:
            channel.send(self._connection, message)
        except OSError as error:
            if error.errno == errno.EMSGSIZE:
                raise ProgramNotStarted("The environment and the command are too long for a terminal.") from error
            raise HolderUnavailable(f"The holder of this machine's terminals cannot be reached: {error}.") from error

    def _tell(self, message: Message) -> None:
        """Send what has no answer; a holder that is gone has been noticed, or will be in a moment."""
        with suppress(HolderUnavailable):
            self._send(message)

    def _readable(self) -> None:
        while self._connection is not None:
            try:
                packet, descriptors = channel.receive(self._connection)
            except BlockingIOError:
                return
            except OSError:
                packet, descriptors = b"", []
            if not packet:
                self._lose("The holder of this machine's terminals has ended; open the terminal again.")
                return
            try:
                message = self._decoder.decode(packet)
            except msgspec.MsgspecError as error:
                log.warning("holder_packet_ignored", reason=str(error))
                _close(descriptors)
                continue
            self._take(message, descriptors)

    def _take(self, message: FromHolder, descriptors: list[int]) -> None:
        match message:
            case Welcome():
                self._expected = message.terminals
                self._met(message.pid)
                self.can_restart = message.version >= RESTART_VERSION
                self._greeted()
            case Refused():
                self._lose(message.reason)
            case Held() if len(descriptors) != _DESCRIPTORS:
                _close(descriptors)
                self._not_handed(message)
            case Held():
                self._handed(Adopted(message, Descriptors(*descriptors)))
            case Failed():
                answer = self._requests.get(message.request)
                if answer is not None and not answer.done():
                    answer.set_exception(ProgramNotStarted(message.reason))
            case Ended():
                if message.terminal in self._unclaimed:
                    self._unclaimed.discard(message.terminal)
                    self.forget(message.terminal)
                else:
                    self._on_ended(message)

    def _handed(self, adopted: Adopted) -> None:
        request = adopted.held.request
        if request is None:
            self._expected -= 1
            self._handed_over.add(adopted.held.terminal)
            if adopted.held.terminal in self._unclaimed:
                self._send_away(adopted)
            else:
                self._on_handed(adopted)
            self._greeted()
            return
        answer = self._requests.get(request)
        is_waited_for = answer is not None and not answer.done()
        if is_waited_for or adopted.held.terminal in self._restarting:
            self._restarting.discard(adopted.held.terminal)
            self._on_handed(adopted)
            if answer is not None and is_waited_for:
                answer.set_result(None)
            return
        self._send_away(adopted)

    def _send_away(self, adopted: Adopted) -> None:
        """Whoever asked has given up: nobody knows of this terminal, so it must not stay."""
        adopted.descriptors.close()
        if adopted.held.has_ended:
            self._unclaimed.discard(adopted.held.terminal)
            self.forget(adopted.held.terminal)
        else:
            self._unclaimed.add(adopted.held.terminal)
            self.end(adopted.held.terminal)

    def _not_handed(self, held: Held) -> None:
        """The kernel had no room for its descriptors in this process."""
        reason = "This node has no file descriptors left; close terminals or sessions, or raise its limit (ulimit -n)."
        if held.request is None:
            self._lose(reason)
            return
        if held.terminal not in self._restarting:
            self._unclaimed.add(held.terminal)
        self.end(held.terminal)
        answer = self._requests.get(held.request)
        if answer is not None and not answer.done():
            answer.set_exception(ProgramNotStarted(reason))

    def _greeted(self) -> None:
        if self._expected == 0 and self._welcome is not None and not self._welcome.done():
            self._welcome.set_result(None)

    def _lose(self, reason: str) -> None:
        if not self._is_leaving:
            self._on_dropped()  # before our end closes
        self._disconnect()
        self._gone.set()
        for answer in (self._welcome, *self._requests.values()):
            if answer is not None and not answer.done():
                answer.set_exception(HolderUnavailable(reason))
        if self._holder is None or self._is_leaving or self._returning is not None:
            return
        if asyncio.get_running_loop().time() - self._attached_s > STEADY_S:
            self._attempts = 0
        self._returning = self._tasks.start(self._return(reason), name="return of the holder")

    # --- a holder that has let go -----------------------------------------------------------------------------------

    def _met(self, pid: int) -> None:
        self.holder_pid = pid
        if self._holder is not None and self._holder[0] != pid:
            self._forget_holder()
        self._holder = self._holder or (pid, 0)
        self._attached_s = asyncio.get_running_loop().time()

    def _forget_holder(self) -> None:
        self._holder = None
        self._attempts = 0
        self._unclaimed.clear()
        self._on_lost()

    async def _return(self, reason: str) -> None:
        """Until the holder has handed over again, or is gone for sure."""
        try:
            for wait_s in itertools.chain(RETURN_AFTER_S[self._attempts :], itertools.repeat(RETURN_LATER_S)):
                if self._attempts == len(RETURN_AFTER_S):
                    log.error("terminal_holder_lets_go", holder=self._holder, reason=reason, retry_s=RETURN_LATER_S)
                self._attempts += 1
                await asyncio.sleep(wait_s)
                try:
                    await self.adopt()
                except HolderUnavailable as error:
                    reason = str(error)
                if self._connection is not None or self._is_leaving:
                    return
                holder = self._holder
                if holder is None:
                    return
                if not await asyncio.to_thread(record.is_running, *holder):
                    if self._holder == holder:  # else another was started meanwhile
                        self._forget_holder()
                    return
        finally:
            self._returning = None


def _close(descriptors: list[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
