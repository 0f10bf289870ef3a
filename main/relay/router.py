"""Every op of a user goes through here: table, rights, params, then Main's own handler or the node it names."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec
import structlog

from main.registry.link import NodeLink
from main.registry.service import Registry
from main.relay.call import MainCall, MainHandlers, Visit
from main.relay.looking import After
from main.relay.params import decode
from main.relay.shares import Shares, giving_back
from main.relay.subjects import subject_of
from main.relay.through import passed_through
from main.relay.transfers import below_base
from main.store.audit import UNFINISHED, Audit
from ws.protocol.envelope import Caller
from ws.protocol.errors import METHOD_NOT_FOUND, ErrorCode, WireError, unknown_op
from ws.protocol.ops import OPS, Op, Place, Scope
from ws.requests import current_request
from ws.rpc import Answer, Feed
from ws.tasks import TaskOwner

log = structlog.get_logger(__name__)

SHARED = frozenset({"session.watch"})
"""Subscriptions at a node that Main has once, however many browsers look; others it passes through one by one."""


def needs_handler(op: Op) -> bool:
    """Whether Main answers an op itself: those that run here, and those of a node that it shares among readers."""
    return op.unsupported is None and (op.place in (Place.MAIN, Place.EACH) or op.name in SHARED)


OnCall = Callable[[str, str, float], None]
"""Told of each call: method, outcome (ok, cancelled or an error code), seconds."""


class Router:
    """Routes calls. `handlers` must hold exactly the ops for which `needs_handler`.

    `afters` look at answers of nodes, by op.
    """

    def __init__(
        self,
        registry: Registry,
        audit: Audit,
        handlers: MainHandlers,
        tasks: TaskOwner,
        *,
        afters: Mapping[str, After],
        on_call: OnCall = lambda method, outcome, seconds: None,
    ) -> None:
        own = {op.name for op in OPS.values() if needs_handler(op)}
        assert own == set(handlers), f"ops without a handler or handlers without an op: {own ^ set(handlers)}"
        self._registry = registry
        self._audit = audit
        self._handlers = handlers
        self._tasks = tasks
        self._afters = afters
        self._on_call = on_call
        self._shares = Shares()

    async def call(self, visit: Visit, method: str, params: bytes) -> Answer:
        """Answer one call, counted and logged. Raises WireError; anything else is a defect."""
        begun_s, outcome, named = time.perf_counter(), _Outcome("cancelled"), _Named()
        try:
            with outcome:
                return await self._call(visit, method, params, named)
        finally:
            seconds = time.perf_counter() - begun_s
            self._on_call(method, outcome.word, seconds)
            _log(visit, method, named, outcome.word, seconds)

    async def _call(self, visit: Visit, method: str, params: bytes, named: "_Named") -> Answer:
        op = find(method)
        await self.admit(visit, op)
        call = MainCall(op, decode(op, params), visit)
        named.node, named.session = getattr(call.params, "node", None), getattr(call.params, "session", None)
        try:
            _require_here(call)
        except WireError as error:
            await self._note(call, error.code)
            raise
        if op.unsupported is not None:
            raise WireError(ErrorCode.UNSUPPORTED, op.unsupported)
        if op.audit is None:
            return await self._answer(call, params)
        outcome = _Outcome(UNFINISHED)
        try:
            with outcome:
                return await self._answer(call, params)
        finally:
            await self._note(call, outcome.word)

    async def admit(self, visit: Visit, op: Op) -> None:
        """What needs no look at the params. Raises WireError `forbidden` when the caller may do this nowhere."""
        try:
            visit.principal.require(op.scope)
            if op.needs_login:
                visit.principal.require_login()
        except WireError as error:
            await self._note(MainCall(op, None, visit), error.code)
            raise

    async def _note(self, call: MainCall, outcome: str) -> None:
        """The audit row of a call, if its op has one."""
        if call.op.audit is not None:
            await self._audit.add(
                call.op.audit,
                who=call.principal.who,
                kind=call.principal.kind,
                address=call.visit.address,
                outcome=outcome,
                node=getattr(call.params, "node", None),
                subject=call.note.subject or subject_of(call.params),
            )

    async def _answer(self, call: MainCall, params: bytes) -> Answer:
        op = call.op
        try:
            async with asyncio.timeout(op.deadline_s):
                if op.name not in self._handlers:
                    return await self._forward(call, params)
                result = await self._handlers[op.name](call)
        except TimeoutError as error:
            raise _too_late(op, f"Main did not finish {op.name} within {op.deadline_s:g} s.") from error
        return result if isinstance(result, Feed) else msgspec.json.encode(result)

    async def _forward(self, call: MainCall, params: bytes) -> Answer:
        """To the node it names: the original bytes, and beside them who asks."""
        op, node = call.op, call.params.node
        link, caller = self._registry.link(node), call.principal.caller_on(node)
        caller = msgspec.structs.replace(caller, request=current_request())
        try:
            if op.is_subscription:
                return await self._watched(link, op, params, caller)
            with self._shares.call(caller.user, node):
                answer = await link.call(op.name, params, deadline_s=op.deadline_s, caller=caller)
        except WireError as error:
            if error.code is ErrorCode.TIMEOUT:
                raise _too_late(op, error.detail) from error
            if error.rpc_code == METHOD_NOT_FOUND:
                raise _too_old(op, link) from error
            if op.tells_address:
                raise below_base(error, call.visit.base_url) from error
            raise
        after = self._afters.get(op.name)
        return answer if after is None else await after(call, answer)

    async def _watched(self, link: NodeLink, op: Op, params: bytes, caller: Caller) -> Feed:
        give_back = self._shares.watch(caller.user, link.node, op.name)
        try:
            feed = await passed_through(link, op, params, caller, self._tasks)
        except BaseException:
            give_back()
            raise
        return giving_back(feed, give_back)


def _require_here(call: MainCall) -> None:
    """Raise WireError for a node that is not shared with the caller, or not as far as the op needs."""
    node = getattr(call.params, "node", None)
    if node is not None:
        call.principal.require(call.op.scope, node)
    elif call.op.scope is Scope.OWNER:
        call.principal.require_everywhere()


class _Outcome:
    """How the body ended: `ok` or the code of its error; `word` as given while it runs, and when it was cancelled."""

    def __init__(self, word: str) -> None:
        self.word = word

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if error is None:
            self.word = "ok"
        elif isinstance(error, WireError):
            self.word = error.code.value
        elif isinstance(error, Exception):
            self.word = ErrorCode.INTERNAL.value


@dataclass
class _Named:
    """What a call is about, for its line in the log."""

    node: str | None = None
    session: str | None = None


def _log(visit: Visit, method: str, named: _Named, outcome: str, seconds: float) -> None:
    """A line for each call: for all to see when it failed, or is one that leaves an audit row. No params: content."""
    op = OPS.get(method)
    is_noted = outcome not in {"ok", "cancelled"} or (op is not None and op.audit is not None)
    about = {name: value for name, value in (("node", named.node), ("session", named.session)) if value}
    write = log.info if is_noted else log.debug
    shown = "unknown" if op is None else op.name
    write("call", op=shown, outcome=outcome, who=visit.principal.who, ms=round(seconds * 1000, 1), **about)


def find(method: str) -> Op:
    """The row of the table. Raises WireError `not_found` for anything that a browser may not name."""
    op = OPS.get(method)
    if op is None or op.place is Place.LINK:
        raise unknown_op(method)
    return op


def _too_late(op: Op, detail: str) -> WireError:
    return WireError(ErrorCode.TIMEOUT, detail, retryable=op.idempotent)


def _too_old(op: Op, link: NodeLink) -> WireError:
    """The node does not know an op of our table."""
    hello = link.hello
    detail = f"{hello.name} runs Switchyard {hello.version}, which has no {op.name} yet: update Switchyard there."
    return WireError(ErrorCode.UNSUPPORTED, detail)
