"""Every op of a user goes through here: table, rights, params, then Main's own handler or the node it names."""

import asyncio

import msgspec

from main.registry.link import NodeLink
from main.registry.service import Registry
from main.relay.call import MainCall, MainHandlers, Visit
from main.relay.params import decode
from main.relay.subjects import subject_of
from main.relay.through import passed_through
from main.store.audit import Audit
from ws.protocol.errors import METHOD_NOT_FOUND, ErrorCode, WireError, unknown_op
from ws.protocol.ops import OPS, Op, Place, Scope
from ws.rpc import Answer, Feed
from ws.tasks import TaskOwner

SHARED = frozenset({"session.watch"})
"""Subscriptions at a node that Main has once, however many browsers look; others it passes through one by one."""


def needs_handler(op: Op) -> bool:
    """Whether Main answers an op itself: those that run here, and those of a node that it shares among readers."""
    return op.unsupported is None and (op.place in (Place.MAIN, Place.EACH) or op.name in SHARED)


class Router:
    """Routes calls. `handlers` must hold exactly the ops for which `needs_handler`."""

    def __init__(self, registry: Registry, audit: Audit, handlers: MainHandlers, tasks: TaskOwner) -> None:
        own = {op.name for op in OPS.values() if needs_handler(op)}
        assert own == set(handlers), f"ops without a handler or handlers without an op: {own ^ set(handlers)}"
        self._registry = registry
        self._audit = audit
        self._handlers = handlers
        self._tasks = tasks

    async def call(self, visit: Visit, method: str, params: bytes) -> Answer:
        """Answer one call. Raises WireError; anything else is a defect."""
        op = find(method)
        await self.admit(visit, op)
        call = MainCall(op, decode(op, params), visit)
        try:
            _require_here(call)
        except WireError as error:
            await self._note(call, error.code)
            raise
        if op.unsupported is not None:
            raise WireError(ErrorCode.UNSUPPORTED, op.unsupported)
        if op.audit is None:
            return await self._answer(call, params)
        outcome = ErrorCode.INTERNAL.value
        try:
            answer = await self._answer(call, params)
            outcome = "ok"
        except WireError as error:
            outcome = error.code.value
            raise
        else:
            return answer
        finally:
            await self._note(call, outcome)

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
        try:
            if op.is_subscription:
                return await passed_through(link, op, params, caller, self._tasks)
            return await link.call(op.name, params, deadline_s=op.deadline_s, caller=caller)
        except WireError as error:
            if error.code is ErrorCode.TIMEOUT:
                raise _too_late(op, error.detail) from error
            if error.rpc_code == METHOD_NOT_FOUND:
                raise _too_old(op, link) from error
            raise


def _require_here(call: MainCall) -> None:
    """Raise WireError for a node that is not shared with the caller, or not as far as the op needs."""
    node = getattr(call.params, "node", None)
    if node is not None:
        call.principal.require(call.op.scope, node)
    elif call.op.scope is Scope.OWNER:
        call.principal.require_everywhere()


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
