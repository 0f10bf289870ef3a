"""Handlers of nodes.*."""

import asyncio
from urllib.parse import urlsplit

import msgspec

from main.registry.join import join_info, lan_address
from main.registry.service import Registry
from main.relay.call import MainCall, MainHandlers
from ws.protocol.nodes import Empty, JoinInfo, NodeResult, NodesListResult
from ws.rpc import Feed

_THIS_MACHINE = {"localhost", "127.0.0.1", "::1"}


def handlers(registry: Registry) -> MainHandlers:
    """By op name."""

    async def list_nodes(_: MainCall) -> NodesListResult:
        return NodesListResult(nodes=registry.nodes.values())

    async def watch(_: MainCall) -> Feed:
        return registry.nodes.watch(lambda nodes: msgspec.json.encode(NodesListResult(nodes=list(nodes))))

    async def rename(call: MainCall) -> NodeResult:
        return NodeResult(node=await registry.rename(call.params.node, call.params.name))

    async def remove(call: MainCall) -> Empty:
        await registry.remove(call.params.node)
        return Empty()

    async def join(call: MainCall) -> JoinInfo:
        return join_info(registry.tokens.shown, await asyncio.to_thread(_for_others, call.visit.base_url))

    return {
        "nodes.list": list_nodes,
        "nodes.watch": watch,
        "nodes.rename": rename,
        "nodes.remove": remove,
        "nodes.join": join,
    }


def _for_others(base_url: str) -> str:
    """The address under which other machines reach Main: who sits at this one sees a loopback address."""
    parts = urlsplit(base_url)
    address = lan_address() if parts.hostname in _THIS_MACHINE else None
    if address is None:
        return base_url
    return parts._replace(netloc=address if parts.port is None else f"{address}:{parts.port}").geturl()
