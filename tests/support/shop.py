"""A node of which the test chooses what it tells of sessions and asks."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from tests.support.fake_node import FakeNode
from tests.support.main_app import RunningMain
from tests.support.waiting import eventually
from ws.protocol.errors import WireError
from ws.protocol.paging import position_of, read_cursor, write_cursor
from ws.protocol.sessions import SessionSummary
from ws.rpc import Answer, EventSink, Feed, IncomingCall

TS = "2099-11-01T00:00:00.000Z"


def row(name: str, *, news: int = 0, unread: bool = False, updated: str = TS, title: str = "T") -> dict[str, Any]:
    return {
        "id": name, "node": "x", "path": "/w", "provider": "scripted", "title": title, "status": "idle",
        "updated": updated, "unread": unread, "pending_approvals": 0, "model": None, "mode": None, "archived": False,
        "news": news,
    }  # fmt: skip


def ask(session: dict[str, Any], name: str) -> dict[str, Any]:
    asked = {
        "type": "approval_requested", "seq": 1, "ts": TS, "turn": "t", "approval": name, "kind": "tool",
        "title": "rm", "input": {}, "options": [], "expires_at": TS,
    }  # fmt: skip
    return {"type": "approval", "session": session, "approval": asked}


@dataclass
class Shop:
    """A node whose sessions and asks the test chooses."""

    id: str
    rows: list[dict[str, Any]] = field(default_factory=list)
    asks: list[dict[str, Any]] = field(default_factory=list)
    sinks: dict[str, EventSink] = field(default_factory=dict)
    answers: dict[str, Any] = field(default_factory=dict)
    """By op: what it answers, or the error that it raises."""
    most: int | None = None
    """Rows of a page, whatever is asked for; None: it knows no cursors."""

    def node(self, main: RunningMain) -> FakeNode:
        behaviours: dict[str, Callable[[IncomingCall], Awaitable[Answer]]] = {
            "link.sessions": self._watched("sessions", lambda: {"sessions": self.rows}),
            "link.inbox": self._watched("inbox", lambda: {"approvals": self.asks}),
            "session.list": self._list,
            **{op: self._answered(op) for op in ("session.send", "session.answer", "session.interrupt")},
            **{op: self._answered(op) for op in ("session.get", "session.create", "session.update")},
        }
        return FakeNode(main.url, self.id, main.main.registry.tokens.shown, behaviours=behaviours)

    def put(self, session: dict[str, Any]) -> None:
        self.rows = [each for each in self.rows if each["id"] != session["id"]] + [session]
        self.sinks["sessions"].offer(msgspec.json.encode({"type": "session", "session": session}))

    def _watched(self, name: str, result: Callable[[], Any]) -> Callable[[IncomingCall], Awaitable[Answer]]:
        async def answer(_: IncomingCall) -> Answer:
            def attach(sink: EventSink) -> Callable[[], None]:
                self.sinks[name] = sink
                return lambda: None

            return Feed(msgspec.json.encode(result()), attach)

        return answer

    def _answered(self, op: str) -> Callable[[IncomingCall], Awaitable[Answer]]:
        async def answer(_: IncomingCall) -> Answer:
            found = self.answers[op]
            if isinstance(found, WireError):
                raise found
            return msgspec.json.encode(found)

        return answer

    async def _list(self, call: IncomingCall) -> Answer:
        params = msgspec.json.decode(call.params)
        rows = [msgspec.convert({**each, "node": self.id}, SessionSummary) for each in self.rows]
        rows.sort(key=position_of, reverse=True)
        if self.most is None:
            return msgspec.json.encode({"sessions": rows, "offline": []})
        if "cursor" in params:
            rows = [each for each in rows if position_of(each) < read_cursor(params["cursor"])]
        page = rows[: min(self.most, params.get("limit", 500))]
        more = {"next_cursor": write_cursor(position_of(page[-1]))} if len(page) < len(rows) else {}
        return msgspec.json.encode({"sessions": page, "offline": [], **more})


@contextlib.asynccontextmanager
async def opened(main: RunningMain, *shops: Shop) -> AsyncIterator[None]:
    async with contextlib.AsyncExitStack() as stack:
        for shop in shops:
            await stack.enter_async_context(shop.node(main).online())
        total = sum(len(shop.rows) for shop in shops)
        await eventually(lambda: len(main.main.lists.sessions.keys()) >= total, what="the lists of all nodes")
        await eventually(lambda: all(len(shop.sinks) == 2 for shop in shops), what="Main to follow all nodes")
        yield
