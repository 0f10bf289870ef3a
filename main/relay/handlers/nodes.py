"""Handlers of nodes.*."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from main.auth.access import Principal
from main.registry.join import join_info, lan_address
from main.registry.service import Registry
from main.registry.shown import filter_of, is_placeholder
from main.relay.call import MainCall, MainHandlers
from ws.protocol.errors import invalid
from ws.protocol.names import is_name
from ws.protocol.nodes import Empty, JoinInfo, Node, NodeResult, NodesListResult
from ws.protocol.ops import Scope
from ws.rpc import Feed

_THIS_MACHINE = {"localhost", "127.0.0.1", "::1"}


def handlers(registry: Registry, certificate: Path | None) -> MainHandlers:
    """By op name. `certificate` is the one that Main serves, if it serves TLS itself."""

    async def list_nodes(call: MainCall) -> NodesListResult:
        shows, shown = _shows(call), _shown_to(call.principal)
        return NodesListResult(nodes=[shown(node) for node in registry.nodes.values(shows)])

    async def watch(call: MainCall) -> Feed:
        shown = _shown_to(call.principal)
        return registry.nodes.watch(
            lambda nodes: msgspec.json.encode(NodesListResult(nodes=list(nodes))),
            _shows(call),
            view=shown,
            look=(call.principal.sight, msgspec.json.encode(call.params)),
        )

    async def rename(call: MainCall) -> NodeResult:
        if not is_name(call.params.name):
            raise invalid("name", "A machine's name has letters that can be seen, no control or direction marks.")
        renamed = await registry.rename(call.params.node, call.params.name)
        return NodeResult(node=_shown_to(call.principal)(renamed))

    async def remove(call: MainCall) -> Empty:
        await registry.remove(call.params.node)
        return Empty()

    async def join(call: MainCall) -> JoinInfo:
        url = await asyncio.to_thread(_for_others, call.visit.base_url)
        return await asyncio.to_thread(join_info, registry.tokens.shown, url, certificate)

    return {
        "nodes.list": list_nodes,
        "nodes.watch": watch,
        "nodes.rename": rename,
        "nodes.remove": remove,
        "nodes.join": join,
    }


def _shows(call: MainCall) -> Callable[[Node], bool]:
    """Which nodes exist for the caller, and pass the filters of the call."""
    passes, principal = filter_of(call.params), call.principal

    def shows(node: Node) -> bool:
        # A placeholder stands in Main's configuration: nobody shared it.
        is_shared = not is_placeholder(node) or principal.has(Scope.OWNER, node.id)
        return is_shared and principal.sees(node.id) and passes(node)

    return shows


def _shown_to(principal: Principal) -> Callable[[Node], Node]:
    """A node as the caller sees it: with what they may do there, and to owners alone where it is and what is wrong."""

    def shown(node: Node) -> Node:
        role = principal.role_for(node.id)
        if role == "owner":
            return msgspec.structs.replace(node, role=role)
        return msgspec.structs.replace(node, role=role, address=None, problem=None)

    return shown


def _for_others(base_url: str) -> str:
    """The address under which other machines reach Main: who sits at this one sees a loopback address."""
    parts = urlsplit(base_url)
    address = lan_address() if parts.hostname in _THIS_MACHINE else None
    if address is None:
        return base_url
    return parts._replace(netloc=address if parts.port is None else f"{address}:{parts.port}").geturl()
