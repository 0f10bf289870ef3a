"""The Node's entry: configuration, services, link. Wiring only."""

import asyncio
import ssl
import sys
from dataclasses import dataclass

import structlog
import uvloop

from config import NodeConfig, child_environment, load_node, or_exit
from node.assembly import Assembly
from node.link.callback import Advertised, CallbackLink
from node.link.conversation import About
from node.link.credentials import Credentials
from node.link.dialled import DialledLink
from node.link.direct import DirectLink
from node.link.door import Entrance
from node.link.status import LinkStatus
from node.store import Store, StoreError, open_store
from node.supervisor import Supervisor
from node.system.service import read_facts
from routes.node.application import build_app
from routes.node.server import Runner
from ws.listening import ListenError, bind, serve, serving_context
from ws.logs import LogFileError, set_up_logs
from ws.tls import calling_context

log = structlog.get_logger(__name__)

BAD_START = 2
DRAIN_S = 0.5
"""An answer of /health under way has this long when the node stops."""


@dataclass(frozen=True)
class _At:
    """Where Main finds this node when it dials; `port` is 0 without one."""

    entrance: Entrance
    port: int


def main() -> int:
    """Run the Node until SIGINT or SIGTERM; 2 when it cannot start, after one sentence that says why."""
    config = or_exit(load_node)
    try:
        set_up_logs(level=config.log.level, form=config.log.format, file=config.log.file)
        for warning in config.warnings:
            log.warning("configuration", warning=warning)
        uvloop.run(run(config))
    except (LogFileError, StoreError, ListenError) as error:
        sys.stderr.write(f"{error}\n")
        return BAD_START
    return 0


async def run(config: NodeConfig) -> None:
    """Everything from the database to the last closed link. Raises StoreError or ListenError."""
    supervisor = Supervisor()
    try:
        store = await open_store(config.database.path, is_local=config.is_local)
        supervisor.started("store", store.close)
        status = LinkStatus()
        entrance = Entrance()
        at = _At(entrance, await _listen(config, supervisor, status, entrance))
        await _serve(config, supervisor, store, status, at)
        _ = await supervisor.until_signalled()
    finally:
        await supervisor.close()


async def _listen(config: NodeConfig, supervisor: Supervisor, status: LinkStatus, entrance: Entrance) -> int:
    """Answer /health, from the first moment on; and Main, where it dials. Returns the port, 0 without one."""
    if not config.opens_port:
        return 0
    tls = await asyncio.to_thread(serving_context, config.server.tls_cert, config.server.tls_key)
    dials = config.link_mode == "direct"
    bound = await asyncio.to_thread(
        bind, config.listen_host, config.server.port, or_any_port=config.is_local, or_none=dials
    )
    app = build_app(lambda: status.facts, None if dials else entrance)
    runner = Runner(app, shutdown_timeout_s=DRAIN_S)
    await runner.setup()
    supervisor.started("port", runner.cleanup)
    await serve(runner, bound, tls)
    port: int = bound[0].getsockname()[1]
    return port


async def _serve(config: NodeConfig, supervisor: Supervisor, store: Store, status: LinkStatus, at: _At) -> None:
    """Take over what an earlier node left, and only then come online."""
    environment = child_environment()
    services = await Assembly.make(config, store, environment)
    facts = await asyncio.to_thread(read_facts, environment.get("PATH"))
    credentials = Credentials(store.identity, register_token=config.node.register_token, is_local=config.is_local)
    tls = await asyncio.to_thread(calling_context, config.node.tls_ca, is_own_machine=config.is_local)
    link = _link(config, services.about(facts), credentials, tls, status, at)
    dispatcher = await services.start(supervisor, link.dial_stream)
    link.start(dispatcher)
    supervisor.started("link", link.stop)


def _link(
    config: NodeConfig,
    about: About,
    credentials: Credentials,
    tls: ssl.SSLContext | None,
    status: LinkStatus,
    at: _At,
) -> DirectLink | CallbackLink | DialledLink:
    """The one of the three ways to Main that is configured; dialling wins."""
    node = config.node
    if node.main_server_url:
        return DirectLink(node.main_server_url, about, credentials, tls=tls, status=status)
    if node.main_register_url:
        advertised = Advertised(
            node.advertise_host, node.advertise_port or at.port, is_tls=config.server.tls_cert is not None
        )
        return CallbackLink(
            node.main_register_url,
            about,
            credentials,
            entrance=at.entrance,
            advertised=advertised,
            tls=tls,
            status=status,
        )
    return DialledLink(about, credentials, entrance=at.entrance, status=status)


if __name__ == "__main__":
    sys.exit(main())
