"""The Node's entry: configuration, services, link. Wiring only."""

import asyncio
import sys

import structlog
import uvloop
from aiohttp import web

from config import NodeConfig, child_environment, load_node, or_exit
from node.assembly import Assembly
from node.link.credentials import Credentials
from node.link.direct import DirectLink
from node.link.status import LinkStatus
from node.store import Store, StoreError, open_store
from node.supervisor import Supervisor
from node.system.service import read_facts
from routes.node.application import build_app
from ws.dial import DialState
from ws.listening import ListenError, bind, serve
from ws.logs import set_up_logs
from ws.tls import calling_context, serving_context

log = structlog.get_logger(__name__)

BAD_START = 2
DRAIN_S = 0.5
"""An answer of /health under way has this long when the node stops."""


def main() -> int:
    """Run the Node until SIGINT or SIGTERM; 2 when it cannot start, after one sentence that says why."""
    config = or_exit(load_node)
    try:
        set_up_logs(level=config.log.level, form=config.log.format, file=config.log.file)
    except OSError as error:
        sys.stderr.write(f"The log file {config.log.file} cannot be opened ({error.strerror}): set log.file anew.\n")
        return BAD_START
    for warning in config.warnings:
        log.warning("configuration", warning=warning)
    try:
        uvloop.run(run(config))
    except (StoreError, ListenError) as error:
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
        await _listen(config, supervisor, status)
        await _serve(config, supervisor, store, status)
        _ = await supervisor.until_signalled()
    finally:
        await supervisor.close()


async def _listen(config: NodeConfig, supervisor: Supervisor, status: LinkStatus) -> None:
    """Answer /health, from the first moment on."""
    if not config.opens_port:
        return
    tls = await asyncio.to_thread(serving_context, config.server.tls_cert, config.server.tls_key)
    bound = await asyncio.to_thread(bind, config.listen_host, config.server.port, or_any_port=config.is_local)
    runner = web.AppRunner(build_app(lambda: status.facts), access_log=None, shutdown_timeout=DRAIN_S)
    await runner.setup()
    supervisor.started("port", runner.cleanup)
    await serve(runner, bound, tls)


async def _serve(config: NodeConfig, supervisor: Supervisor, store: Store, status: LinkStatus) -> None:
    """Take over what an earlier node left, and only then come online."""
    url = config.node.main_server_url
    if url is None:
        detail = "This build dials Main and cannot be called by it yet: set node.main_server_url to Main's address."
        log.warning("link_refused", detail=detail)
        status.dialled(DialState("refused", detail))
        return
    environment = child_environment()
    services = await Assembly.make(config, store, environment)
    facts = await asyncio.to_thread(read_facts, environment.get("PATH"))
    credentials = Credentials(store.identity, register_token=config.node.register_token, is_local=config.is_local)
    tls = await asyncio.to_thread(calling_context, config.node.tls_ca, is_own_machine=config.is_local)
    link = DirectLink(url, services.about(facts), credentials, tls=tls, status=status)
    dispatcher = await services.start(supervisor, link.dial_stream)
    link.start(dispatcher)
    supervisor.started("link", link.stop)


if __name__ == "__main__":
    sys.exit(main())
