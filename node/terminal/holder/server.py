"""The holder's loop: one thread, one node at a time, and the clock of terminals that are ending."""

import errno
import functools
import os
import select
import selectors
import signal
import socket
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import assert_never

import msgspec

from node.terminal.holder import channel, record
from node.terminal.holder.child import StartFailed
from node.terminal.holder.ending import Ending, living_groups
from node.terminal.holder.held import HeldTerminal
from node.terminal.holder.messages import (
    VERSIONS,
    Describe,
    End,
    EndAll,
    Failed,
    Forget,
    FromNode,
    Hello,
    Keep,
    Message,
    Open,
    Refused,
    Restart,
    Welcome,
)

FIRST_NODE_WAIT_S = 30.0
"""The node that started the holder attaches at once; one that never does was killed in between."""
MAX_GREETING = 16
"""Connections whose greeting is waited for; a newer one takes the place of the oldest. The node's place is taken by
who greets first, so whoever connects and says nothing keeps nobody out."""
HELLO_DEADLINE_S = 5.0
"""For the greeting; a holder with nothing to hold waits no longer for it either."""
RETRY_S = 1.0
"""After the system refused memory, or a descriptor for who connects."""
ENDED_KEPT_S = 600.0
"""How long the last words of an ended terminal wait for a node that is away."""
RETURN_S = 10.0
"""For a node that was let go of to come back, before terminals that are to end with it do."""


class _Asked(msgspec.Struct):
    """What of a packet names the question, for a refusal."""

    request: int


class HolderServer:
    """Serves on `listener` until it has neither a node nor a terminal. Its programs are recorded at `running`."""

    def __init__(self, listener: socket.socket, running: Path) -> None:
        self._listener = listener
        self._running = running
        self._written_s = 0.0
        self._child_ended: socket.socket
        self._selector = selectors.DefaultSelector()
        self._decoder = msgspec.json.Decoder(FromNode)
        self._terminals: dict[str, HeldTerminal] = {}
        self._endings: list[Ending] = []
        self._node: socket.socket | None = None
        self._has_let_go = False
        self._end_all_s: float | None = None
        self._greeting: dict[socket.socket, float] = {}
        self._keep: Keep = "process"
        self._is_closing = False
        self._idle_until_s = time.monotonic() + FIRST_NODE_WAIT_S
        self._retry_s: float | None = None
        self._accept_s: float | None = None

    def run(self) -> None:
        """Serve. Returns when there is nothing left to hold."""
        self._listener.setblocking(False)
        self._watch(self._listener, self._accept)
        self._child_ended = _child_ended_signal()
        self._watch(self._child_ended, self._reap)
        while not self._is_done():
            for key, _ in self._selector.select(self._wait_s()):
                key.data()
            self._advance()

    # --- the clock --------------------------------------------------------------------------------------------------

    def _wait_s(self) -> float | None:
        due_s = [time.monotonic() + ending.POLL_S for ending in self._endings]
        due_s += self._greeting.values()
        if self._accept_s is not None:
            due_s.append(self._accept_s)
        if self._terminals:
            due_s.append(self._written_s + record.WRITTEN_EVERY_S)
        if self._node is None:
            due_s += [each.ended_s + ENDED_KEPT_S for each in self._terminals.values() if each.ended_s is not None]
            if self._retry_s is not None:
                due_s.append(self._retry_s)
            if self._end_all_s is not None:
                due_s.append(self._end_all_s)
            if not self._terminals:
                due_s.append(self._idle_until_s)
        return max(0.0, min(due_s) - time.monotonic()) if due_s else None

    def _advance(self) -> None:
        now_s = time.monotonic()
        for silent in [each for each, due_s in self._greeting.items() if due_s <= now_s]:
            self._leave(silent)
        if self._accept_s is not None and self._accept_s <= now_s:
            self._accept_s = None
            self._watch(self._listener, self._accept)
        if self._terminals and self._written_s + record.WRITTEN_EVERY_S <= now_s:
            self._write_record()
        if self._endings:
            with suppress(OSError):  # no descriptor for a look at them: the next one will tell
                living = living_groups()
                self._endings = [ending for ending in self._endings if not ending.advance(now_s, living)]
        if self._end_all_s is not None and self._end_all_s <= now_s:
            self._end_all()
        if self._node is None:
            if self._retry_s is not None and self._retry_s <= now_s:
                self._retry_s = None
                self._watch_terminals()
            for held in list(self._terminals.values()):
                if held.ended_s is not None and (self._is_closing or held.ended_s + ENDED_KEPT_S <= now_s):
                    self._forget(held.terminal)

    def _is_done(self) -> bool:
        if self._endings or self._greeting:
            return False
        if self._is_closing:
            return all(each.ended_s is not None for each in self._terminals.values())
        return self._node is None and not self._terminals and time.monotonic() >= self._idle_until_s

    # --- the node ---------------------------------------------------------------------------------------------------

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError as error:  # it has gone again, or there is no descriptor for it: the terminals live on
            if error.errno in {errno.EMFILE, errno.ENFILE}:  # who waits would wake this loop without end
                self._unwatch(self._listener)
                self._accept_s = time.monotonic() + RETRY_S
            return
        if not channel.is_own(connection):
            connection.close()
            return
        connection.setblocking(False)
        self._greeting[connection] = time.monotonic() + HELLO_DEADLINE_S
        self._watch(connection, functools.partial(self._greeted, connection))
        if len(self._greeting) > MAX_GREETING:
            self._leave(next(iter(self._greeting)))

    def _greeted(self, connection: socket.socket) -> None:
        """The first packet is here, or the connection has gone. Whoever is refused reads why."""
        if connection not in self._greeting:
            return  # it has just made room for another
        try:
            hello = self._decoder.decode(_packet(connection))
        except msgspec.MsgspecError:
            hello = None
        if not isinstance(hello, Hello):
            self._leave(connection)
            return
        if (before := self._node) is not None and _has_hung_up(before):
            while self._node is before:  # what it said last counts
                self._receive(before)
        version = max(set(VERSIONS).intersection(hello.versions), default=None)
        if self._node is not None:
            reason = _taken(self._node)
        elif version is None:
            reason = (
                f"The terminals are held by another version (protocol {VERSIONS[-1]});"
                " close them with the version that opened them."
            )
        else:
            del self._greeting[connection]
            self._unwatch(connection)
            self._attach(connection, hello, version)
            return
        self._send(connection, Refused(reason=reason))
        self._leave(connection)

    def _leave(self, connection: socket.socket) -> None:
        del self._greeting[connection]
        self._unwatch(connection)
        connection.close()

    def _receive(self, connection: socket.socket) -> None:
        if connection is not self._node:
            return  # it has just been found gone
        packet = _packet(connection)
        if not packet:
            self._detach()
        elif not self._has_let_go:
            message: FromNode | None = None
            try:
                message = self._decoder.decode(packet)
                self._serve(message)
            except Exception:  # noqa: BLE001 - whatever one packet brings about, the other terminals live on
                traceback.print_exc()
                self._refuse(packet, message)

    def _refuse(self, packet: bytes, message: FromNode | None) -> None:
        """Answer what could not be served, if somebody waits for an answer; what it has started already ends."""
        try:
            asked = msgspec.json.decode(packet, type=_Asked)
        except msgspec.MsgspecError:
            return
        held = self._terminals.get(message.terminal) if isinstance(message, Open | Restart) else None
        if held is not None and held.ended_s is None:
            self._endings.append(Ending(held.pid, time.monotonic()))
        reason = "The holder of this machine's terminals could not do that; terminals.log beside the database says why."
        self._reply(Failed(request=asked.request, reason=reason))

    def _serve(self, message: FromNode) -> None:
        match message:
            case Hello():
                pass
            case Open():
                self._open(message)
            case Restart():
                self._restart(message)
            case Describe():
                if held := self._terminals.get(message.terminal):
                    held.about = message.about
            case End():
                if (held := self._terminals.get(message.terminal)) and held.ended_s is None:
                    self._endings.append(Ending(held.pid, time.monotonic()))
            case EndAll():
                self._end_all()
            case Forget():
                self._forget(message.terminal)
            case _:
                assert_never(message)

    def _attach(self, connection: socket.socket, hello: Hello, version: int) -> None:
        # Sending may wait for the node: it is the only one served, and when it dies the wait ends with EPIPE.
        connection.setblocking(True)
        self._node = connection
        self._has_let_go = False
        self._end_all_s = None
        self._watch(connection, functools.partial(self._receive, connection))
        self._keep = hello.keep
        for held in self._terminals.values():
            self._unwatch(held.descriptors.pty)
            held.end_reading()
        self._reply(Welcome(version=version, pid=os.getpid(), terminals=len(self._terminals)))
        for held in self._terminals.values():
            self._reply(held.as_held(), held.descriptors.as_list())

    def _detach(self) -> None:
        if self._node is None:
            return
        self._unwatch(self._node)
        self._node.close()
        self._node = None
        self._idle_until_s = time.monotonic()
        if self._keep == "node":
            self._end_all_s = self._idle_until_s + (RETURN_S if self._has_let_go else 0)
        self._watch_terminals()

    def _reply(self, message: Message, descriptors: list[int] | None = None) -> None:
        if self._node is None or self._has_let_go or self._send(self._node, message, descriptors):
            return
        # The node must not go on without this answer. It reads the terminals until it hears of that, so the end of
        # its own side is waited for: two writers would tear the scrollback.
        self._has_let_go = True
        with suppress(OSError):
            self._node.shutdown(socket.SHUT_WR)

    @staticmethod
    def _send(connection: socket.socket, message: Message, descriptors: list[int] | None = None) -> bool:
        try:
            channel.send(connection, message, descriptors or ())
        except OSError:
            return False
        return True

    # --- terminals --------------------------------------------------------------------------------------------------

    def _open(self, wanted: Open) -> None:
        if wanted.terminal in self._terminals:
            self._reply(Failed(request=wanted.request, reason="There is a terminal with this id already."))
            return
        try:
            held = HeldTerminal(wanted)
        except (StartFailed, OSError) as error:
            self._reply(Failed(request=wanted.request, reason=str(error)))
            return
        self._terminals[held.terminal] = held
        self._write_record()
        self._reply(held.as_held(wanted.request), held.descriptors.as_list())

    def _restart(self, wanted: Restart) -> None:
        held = self._terminals.get(wanted.terminal)
        if held is None or held.ended_s is None:
            self._reply(Failed(request=wanted.request, reason="There is no ended program in this terminal."))
            return
        try:
            held.restart(wanted)
        except StartFailed as error:
            self._reply(Failed(request=wanted.request, reason=str(error)))
            return
        self._write_record()
        self._reply(held.as_held(wanted.request), held.descriptors.as_list())

    def _end_all(self) -> None:
        self._is_closing = True
        self._end_all_s = None
        now_s = time.monotonic()
        self._endings += [Ending(held.pid, now_s) for held in self._terminals.values() if held.ended_s is None]

    def _forget(self, terminal: str) -> None:
        held = self._terminals.get(terminal)
        if held is not None and held.ended_s is not None:
            self._unwatch(held.descriptors.pty)
            held.descriptors.close()
            del self._terminals[terminal]

    def _read(self, held: HeldTerminal) -> None:
        if self._node is not None:
            return  # it has attached in the same turn, and is the writer
        try:
            has_more = held.read()
        except OSError:  # no memory for the scrollback: the program waits, and nothing is lost
            traceback.print_exc()
            self._retry_s = time.monotonic() + RETRY_S
            has_more = False
        if not has_more:
            self._unwatch(held.descriptors.pty)

    def _reap(self) -> None:
        with suppress(BlockingIOError):
            self._child_ended.recv(4096)
        ended = [held for held in self._terminals.values() if held.reap(time.monotonic())]
        if ended:
            self._write_record()
        for held in ended:
            self._reply(held.ended)

    def _write_record(self) -> None:
        self._written_s = time.monotonic()
        record.write(self._running, {held.pid: held.started for held in self._terminals.values() if not held.ended_s})

    # --- watching ---------------------------------------------------------------------------------------------------

    def _watch(self, source: socket.socket | int, react: Callable[[], None]) -> None:
        self._selector.register(source, selectors.EVENT_READ, react)

    def _watch_terminals(self) -> None:
        for held in self._terminals.values():
            if held.descriptors.pty not in self._selector.get_map():
                self._watch(held.descriptors.pty, functools.partial(self._read, held))

    def _unwatch(self, source: socket.socket | int) -> None:
        if source in self._selector.get_map():
            self._selector.unregister(source)


def _taken(node: socket.socket) -> str:
    pid = channel.peer_pid(node)
    named, how = (f", process {pid},", f" (kill {pid})") if pid else ("", "")
    return f"Another node{named} has these terminals; end it{how}, then open a terminal here."


def _child_ended_signal() -> socket.socket:
    """Readable after a child has ended."""
    readable, written = socket.socketpair()
    readable.setblocking(False)
    written.setblocking(False)
    signal.set_wakeup_fd(written.detach(), warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    return readable


def _packet(connection: socket.socket) -> bytes:
    """The next one, without what came beside it; empty when the other end has gone."""
    try:
        packet, descriptors = channel.receive(connection)
    except OSError:
        return b""
    for descriptor in descriptors:
        os.close(descriptor)
    return packet


def _has_hung_up(connection: socket.socket) -> bool:
    """Whether the peer has closed: a node that was killed may be replaced before all that it said was read here."""
    poll = select.poll()
    poll.register(connection, select.POLLRDHUP)
    return bool(poll.poll(0))
