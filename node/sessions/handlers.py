"""The operations of sessions and agents, by name."""

from typing import Any

from node.context import HandlerMap, Subscribed
from node.sessions.pages import EventsPage
from node.sessions.service import SessionService
from ws.protocol import sessions
from ws.protocol.envelope import Caller
from ws.protocol.nodes import Empty
from ws.protocol.providers import ProvidersListResult
from ws.rpc import Feed


def handlers(service: SessionService) -> HandlerMap:
    """What the dispatcher calls."""
    bound = _Handlers(service)
    return {
        "providers.list": bound.providers,
        "session.create": bound.create,
        "session.list": bound.list,
        "session.get": bound.get,
        "session.update": bound.update,
        "session.delete": bound.delete,
        "session.send": bound.send,
        "session.queue": bound.queue,
        "session.interrupt": bound.interrupt,
        "session.answer": bound.answer,
        "session.fork": bound.fork,
        "session.rewind": bound.rewind,
        "session.stop_task": bound.stop_task,
        "session.events": bound.events,
        "session.export": bound.export,
        "session.watch": bound.watch,
        "link.sessions": bound.all_sessions,
        "link.inbox": bound.inbox,
    }


def _name(caller: Caller) -> str:
    return caller.name or caller.user


class _Handlers:
    def __init__(self, service: SessionService) -> None:
        self._service = service

    async def providers(self, _: Caller, params: Any) -> ProvidersListResult:
        return ProvidersListResult(providers=await self._service.providers())

    async def create(self, _: Caller, params: sessions.SessionCreateParams) -> sessions.SessionResult:
        return sessions.SessionResult(session=await self._service.create(params))

    async def list(self, _: Caller, params: sessions.SessionListParams) -> sessions.SessionListResult:
        return await self._service.listed(params)

    async def get(self, _: Caller, params: sessions.SessionParams) -> sessions.SessionState:
        return await self._service.state(params.session)

    async def update(self, caller: Caller, params: sessions.SessionUpdateParams) -> sessions.SessionResult:
        return sessions.SessionResult(session=await self._service.update(params, _name(caller)))

    async def delete(self, _: Caller, params: sessions.SessionParams) -> Empty:
        await self._service.delete(params.session)
        return Empty()

    async def send(self, caller: Caller, params: sessions.SessionSendParams) -> sessions.SessionSendResult:
        return await self._service.send(params, _name(caller))

    async def queue(self, caller: Caller, params: sessions.SessionQueueParams) -> sessions.SessionQueueResult:
        return await self._service.queue(params, _name(caller))

    async def interrupt(
        self, caller: Caller, params: sessions.SessionInterruptParams
    ) -> sessions.SessionInterruptResult:
        return sessions.SessionInterruptResult(interrupted=await self._service.interrupt(params, _name(caller)))

    async def answer(self, caller: Caller, params: sessions.SessionAnswerParams) -> sessions.SessionAnswerResult:
        return sessions.SessionAnswerResult(seq=await self._service.answer(params, _name(caller)))

    async def fork(self, caller: Caller, params: sessions.SessionForkParams) -> sessions.SessionResult:
        return sessions.SessionResult(session=await self._service.fork(params, _name(caller)))

    async def rewind(self, caller: Caller, params: sessions.SessionRewindParams) -> sessions.SessionRewindResult:
        return await self._service.rewind(params, _name(caller))

    async def stop_task(self, _: Caller, params: sessions.SessionStopTaskParams) -> Empty:
        await self._service.stop_task(params)
        return Empty()

    async def events(self, _: Caller, params: sessions.SessionEventsParams) -> EventsPage:
        return await self._service.events(params)

    async def export(self, _: Caller, params: sessions.SessionExportParams) -> sessions.SessionExportResult:
        return await self._service.export(params)

    async def watch(self, _: Caller, params: sessions.SessionWatchParams) -> Subscribed:
        return Subscribed(*await self._service.watch_any(params))

    async def all_sessions(self, _: Caller, params: Any) -> Feed:
        return self._service.sessions_feed()

    async def inbox(self, _: Caller, params: Any) -> Feed:
        return self._service.inbox_feed()
