"""A node's sessions on a real database with a fake agent, and a reader of their journals."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from node.sessions.modes import ModePolicy
from node.sessions.service import Patience, SessionService
from node.store import Store, open_store
from node.store.database import Database
from tests.support.agents import FakeCatalog, FakeProvider
from ws.protocol.base import NodeId
from ws.protocol.errors import ErrorCode, WireError
from ws.protocol.events import JournalEvent, WatchEvent
from ws.protocol.sessions import (
    SessionAnswerParams,
    SessionCreateParams,
    SessionEventsParams,
    SessionInterruptParams,
    SessionQueueParams,
    SessionSendParams,
    SessionSendResult,
    SessionState,
    SessionWatchParams,
)

NODE = NodeId("laptop")
FOLDER = "/workspace/app"
DEADLINE_S = 10.0

decode_event = msgspec.json.Decoder(JournalEvent).decode
decode_watched = msgspec.json.Decoder(WatchEvent).decode


async def resolve(path: str) -> Path:
    if path.startswith("/forbidden"):
        raise WireError(ErrorCode.FORBIDDEN, "outside")
    return Path(path)


@dataclass
class Bench:
    """One running service. `restart` is what a start of the node does after its end."""

    file: Path
    store: Store
    service: SessionService
    provider: FakeProvider
    options: dict[str, Any] = field(default_factory=dict)

    async def create(self, **params: Any) -> str:
        values = {"node": NODE, "path": FOLDER, "provider": "fake"} | params
        return (await self.service.create(SessionCreateParams(**values))).id

    async def send(self, session: str, message_id: str, text: str = "Do it", by: str = "ada") -> SessionSendResult:
        return await self.service.send(
            SessionSendParams(node=NODE, session=session, message_id=message_id, text=text), by
        )

    async def queue(self, session: str, action: Any, by: str = "ada", **params: Any) -> Any:
        return await self.service.queue(SessionQueueParams(node=NODE, session=session, action=action, **params), by)

    async def interrupt(self, session: str, *, hold_queue: bool = True, by: str = "ada") -> bool:
        return await self.service.interrupt(
            SessionInterruptParams(node=NODE, session=session, hold_queue=hold_queue), by
        )

    async def answer(self, session: str, approval: str, option: str, by: str = "ada", **params: Any) -> int:
        return await self.service.answer(
            SessionAnswerParams(node=NODE, session=session, approval=approval, option=option, **params), by
        )

    async def events(self, session: str) -> list[JournalEvent]:
        """The whole journal."""
        found: list[JournalEvent] = []
        while True:
            page = await self.service.events(SessionEventsParams(node=NODE, session=session, after=len(found)))
            if not page.events:
                return found
            found.extend(decode_event(bytes(raw)) for raw in page.events)

    async def types(self, session: str) -> list[str]:
        """The types of the journal's events."""
        return [str(event.__struct_config__.tag) for event in await self.events(session)]

    async def until(self, session: str, holds: Callable[[SessionState], bool]) -> SessionState:
        """The state as soon as it satisfies the condition: looked at after each event."""
        async with asyncio.timeout(DEADLINE_S):
            _, stream = self.service.watch(SessionWatchParams(node=NODE, session=session))
            async for _ in stream:
                state = self.service.get(session)
                if holds(state):
                    return state
        raise AssertionError("the stream ended")

    async def idle(self, session: str) -> SessionState:
        """The state once no turn runs and none is due."""
        return await self.until(session, lambda state: state.turn is None and (state.queue_held or not state.queue))

    async def asked(self, session: str) -> SessionState:
        """The state once something is asked."""
        return await self.until(session, lambda state: bool(state.approvals))

    async def prompted(self) -> None:
        """An agent has got a prompt since the last call."""
        async with asyncio.timeout(DEADLINE_S):
            await self.provider.prompted.wait()
        self.provider.prompted.clear()

    async def restart(self, *, is_crash: bool) -> None:
        """Stop, or leave everything as a kill would, and start anew on the same database."""
        await (crash(self.service) if is_crash else self.service.stop())
        await self.store.close()
        await self.start()

    async def start(self) -> None:
        """On what lies on the disk now."""
        self.store = await open_store(self.file)
        self.service = _service(self.store, self.provider, **self.options)
        await self.service.start()


async def crash(service: SessionService) -> None:
    """End all tasks where they are, and nothing else: what a kill leaves is what is on disk."""
    await service._owner.close()
    for shelved in service._shelf.all():
        shelved.session._clocks.stop()


def _service(
    store: Store, provider: FakeProvider, *, max_mode: str | None = None, patience: Patience | None = None
) -> SessionService:
    return SessionService(
        NODE,
        store.journals,
        store.processes,
        FakeCatalog(provider),
        hidden=store.hidden,
        resolve_directory=resolve,
        allows=lambda path: not path.is_relative_to("/forbidden"),
        modes=ModePolicy(max_mode),
        patience={"fake": patience or Patience()},
    )


@asynccontextmanager
async def bench(folder: Path, provider: FakeProvider | None = None, **options: Any) -> AsyncIterator[Bench]:
    """A started service; stopped at the end."""
    store = await open_store(folder / "node.db")
    agent = provider or FakeProvider()
    made = Bench(folder / "node.db", store, _service(store, agent, **options), agent, options)
    await made.service.start()
    try:
        yield made
    finally:
        await made.service.stop()
        await made.store.close()


async def set_read_only(database: Database, *, is_read_only: bool) -> None:
    """Refuse every write from now on, as a disk that went read-only does."""
    await asyncio.get_running_loop().run_in_executor(
        database._write_thread, database._writer.execute, f"PRAGMA query_only = {int(is_read_only)}"
    )
