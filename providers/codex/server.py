"""The one app-server of a node: started when it is needed, shared by all threads, ended when it idles.

What it says goes to whoever has the thread. Threads of sub-agents are nobody's at first: what comes of them is kept
until the session of their parent takes them.
"""

import asyncio
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Protocol

import structlog

from providers.base import ProcessRecorder, ProviderFailed
from providers.codex import errors
from providers.codex.rpc import CallRefused, Connection, Message
from providers.program import Launch, Program
from providers.tasks import TaskStarter

log = structlog.get_logger(__name__)

IDLE_S = 60.0
"""Without any thread it ends after this: until then nobody else can open the threads that it has had."""

START_S = 20.0
"""Seen: 0.3 s."""

MAX_STRAY_THREADS = 64
MAX_STRAY_MESSAGES = 256

CLIENT = {"name": "switchyard", "title": "Switchyard", "version": "0.1.0"}

_VERSION = re.compile(r"/(\d+(?:\.\d+)+[\w.-]*)")


class NoAppServer(ProviderFailed):
    """The program runs, and does not speak this protocol."""


class Member(Protocol):
    """Who has a thread."""

    async def deliver(self, message: Message) -> None:
        """Keep it for later; waits only while there is too much."""

    def lost(self, failure: ProviderFailed) -> None:
        """The app-server has ended."""


class AppServer:
    """`launch` finds the program; it is called at each start. One start at a time."""

    def __init__(self, launch: Callable[[], Awaitable[Launch]], start_task: TaskStarter) -> None:
        self._launch = launch
        self._start_task = start_task
        self._starting = asyncio.Lock()
        self._process: Program | None = None
        self._connection: Connection | None = None
        self._reading: asyncio.Task[None] | None = None
        self._members: dict[str, Member] = {}
        self._strays: OrderedDict[str, list[Message]] = OrderedDict()
        self._for_all: dict[str, Message] = {}
        self._idle: asyncio.TimerHandle | None = None
        self._users = 0
        self.version: str | None = None

    async def acquire(self, recorder: ProcessRecorder | None = None) -> Connection:
        """The running app-server, started if need be; `release` it. Raises :class:`ProviderFailed`."""
        self._users += 1
        try:
            async with self._starting:
                if self._connection is None:
                    await self._start()
            assert self._connection is not None, "started"
            assert self._process is not None, "started"
            if recorder is not None:
                self._process.record(recorder)
        except BaseException:
            self.release()
            raise
        return self._connection

    def release(self) -> None:
        """One user less; the last one starts the clock."""
        self._users -= 1
        if self._idle is not None:
            self._idle.cancel()
        self._idle = asyncio.get_running_loop().call_later(IDLE_S, self._end_idle)

    async def attach(self, thread: str, member: Member) -> None:
        """From now on `member` gets what comes of this thread, first what has come so far."""
        self._members[thread] = member
        for message in (*self._for_all.values(), *self._strays.pop(thread, ())):
            await member.deliver(message)

    def detach(self, member: Member) -> None:
        self._members = {thread: has for thread, has in self._members.items() if has is not member}

    def forget(self, thread: str) -> None:
        """What has come of a thread that nobody had is of no interest any more."""
        self._strays.pop(thread, None)

    def kill(self) -> None:
        """It no longer does what it is told."""
        if self._process is not None:
            self._process.kill()

    async def close(self) -> None:
        """End the process within 5 s; a later `acquire` starts another one."""
        if self._idle is not None:
            self._idle.cancel()
        process, reading = self._process, self._reading
        if process is not None:
            await process.close()
        if reading is not None:
            await asyncio.wait({reading}, timeout=1.0)

    async def _start(self) -> None:
        launch = await self._launch()
        process = Program(launch, self._start_task)
        connection = Connection(process, self._receive)
        await process.start()
        reading = self._start_task(self._live(process, connection), name="codex-app-server")
        try:
            answer = await connection.call(
                "initialize", deadline_s=START_S, clientInfo=CLIENT, capabilities={"experimentalApi": True}
            )
            await connection.notify("initialized")
        except (CallRefused, TimeoutError, ProviderFailed) as error:
            await process.close()
            await asyncio.wait({reading}, timeout=1.0)
            raise NoAppServer(await _why(error, process)) from error
        except BaseException:
            await process.close()
            raise
        if reading.done():
            raise NoAppServer("it ended at once")
        found = _VERSION.search(str(answer.get("userAgent", "")))
        self.version = found.group(1) if found else None
        self._process, self._connection, self._reading = process, connection, reading

    async def _live(self, process: Program, connection: Connection) -> None:
        """Read until the process ends, then tell everybody whom it leaves."""
        failure = ProviderFailed(errors.NOT_FOLLOWED)
        try:
            await connection.read()
            failure = ProviderFailed(f"{await process.ended()}: {errors.RESUMES}.")
        except ProviderFailed as error:
            failure = error
        finally:
            connection.close(failure)
            if self._connection is connection:
                self._forget(failure)
            await process.close()

    def _forget(self, failure: ProviderFailed) -> None:
        members = set(self._members.values())
        self._process = self._connection = self._reading = None
        self._members.clear()
        self._strays.clear()
        self._for_all.clear()
        for member in members:
            member.lost(failure)

    async def _receive(self, message: Message) -> None:
        thread = message.params.get("threadId")
        if not isinstance(thread, str):
            await self._receive_for_all(message)
        elif (member := self._members.get(thread)) is not None:
            await member.deliver(message)
            for child in _children(message):
                if child not in self._members:
                    await self.attach(child, member)
        else:
            await self._keep(thread, message)

    async def _receive_for_all(self, message: Message) -> None:
        if message.id is not None:
            await self._refuse(message)
        elif message.method == "thread/started":
            await self._note_child(message.params.get("thread"))
        elif message.method == "mcpServer/startupStatus/updated":
            self._for_all[str(message.params.get("name"))] = message
            for member in set(self._members.values()):
                await member.deliver(message)

    async def _note_child(self, thread: Any) -> None:
        """A thread that another one began belongs to whoever has that one."""
        if isinstance(thread, dict) and (member := self._members.get(str(thread.get("parentThreadId")))) is not None:
            await self.attach(str(thread.get("id")), member)

    async def _keep(self, thread: str, message: Message) -> None:
        kept = self._strays.setdefault(thread, [])
        if len(kept) < MAX_STRAY_MESSAGES:
            kept.append(message)
        elif message.id is not None:
            await self._refuse(message)
        if len(self._strays) > MAX_STRAY_THREADS:
            _, dropped = self._strays.popitem(last=False)
            for each in dropped:
                if each.id is not None:
                    await self._refuse(each)

    async def _refuse(self, request: Message) -> None:
        assert request.id is not None, "only requests are refused"
        log.info("codex_request_refused", method=request.method)
        if self._connection is not None:
            with suppress(ProviderFailed, TimeoutError):
                await self._connection.refuse(request.id, f"{request.method} is not offered here")

    def _end_idle(self) -> None:
        if self._users == 0 and self._process is not None:
            _ = self._start_task(self._end_if_idle(), name="codex-idle")

    async def _end_if_idle(self) -> None:
        async with self._starting:
            if self._users == 0 and self._process is not None:
                await self.close()


async def _why(error: Exception, process: Program) -> str:
    match error:
        case TimeoutError():
            return "it did not answer in time"
        case ProviderFailed():
            return str(await process.ended())
        case _:
            return str(error)


def _children(message: Message) -> list[str]:
    """Threads of sub-agents that a message names: nothing else tells of them."""
    item = message.params.get("item")
    if not isinstance(item, dict):
        return []
    found = [item.get("agentThreadId"), *(item.get("receiverThreadIds") or ())]
    return [child for child in found if isinstance(child, str)]
