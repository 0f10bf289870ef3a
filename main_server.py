"""Main's entry: configuration, services, web application, local node. Wiring only."""

import asyncio
import gc
import resource
import signal
import sys
from pathlib import Path

import structlog
import uvloop

from config import MainConfig, load_main, local_node_environment, or_exit
from main.addresses import local_url, urls
from main.application import Main, open_main
from main.auth.tokens import WeakSecretError
from main.local_node import LocalNode
from main.registry.join import lan_address
from main.reload import Reloader
from main.store import StoreError
from routes.main.routes import build_app
from routes.main.server import Runner
from ws.certificates import warnings as tls_warnings
from ws.listening import ListenError, bind, serve, serving_context
from ws.logs import LogFileError, set_up_logs

log = structlog.get_logger(__name__)

ROOT = Path(__file__).resolve().parent
BAD_START = 2
ENOUGH_FILES = 65_536
"""Open files: more than Main's largest number of connections, both ends of every stream included."""
DRAIN_S = 1.0
"""Requests under way have this long to finish when Main stops."""


def main() -> int:
    """Run Main until SIGINT or SIGTERM; 2 when it cannot start, after one sentence that says why."""
    config = or_exit(load_main)
    try:
        set_up_logs(level=config.log.level, form=config.log.format, file=config.log.file)
        for warning in (*config.warnings, *tls_warnings(config.server.tls_cert)):
            log.warning("configuration", warning=warning)
        _raise_file_limit()
        gc.freeze()  # what the modules hold is never garbage; a full search for some would stop the loop for 35 ms more
        uvloop.run(run(config))
    except (LogFileError, StoreError, WeakSecretError, ListenError) as error:
        sys.stderr.write(f"{error}\n")
        return BAD_START
    return 0


async def run(config: MainConfig) -> None:
    """Everything from the first socket to the last. Raises StoreError, WeakSecretError or ListenError."""
    stopping = _signals()
    tls = await asyncio.to_thread(serving_context, config.server.tls_cert, config.server.tls_key)
    services = await open_main(config)
    try:
        bound = await asyncio.to_thread(bind, config.server.host, config.server.port)
    except BaseException:
        await services.close()
        raise
    port = bound[0].getsockname()[1]
    runner = Runner(build_app(services, ROOT / "dist"), shutdown_timeout_s=DRAIN_S)
    node = _local_node(config, services, port) if config.main.local_node else None
    reloader = Reloader(services, config, load_main)
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reloader.hang_up)
    number = signal.SIGTERM
    try:
        await runner.setup()
        await serve(runner, bound, tls)
        await _greet(config, services, port)
        if node is not None:
            node.start()
        number = await stopping
    finally:
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, lambda: None)
        await reloader.close()
        await _stop(services, runner, node, number)


async def _stop(services: Main, runner: Runner, node: LocalNode | None, number: signal.Signals) -> None:
    """Within 5 s: the node and the connections side by side, then the server, then the store."""
    try:
        for site in list(runner.sites):
            await site.stop()
        async with asyncio.TaskGroup() as ending:
            if node is not None:
                ending.create_task(node.stop(number), name="stop local node")
            ending.create_task(services.end_connections(), name="end connections")
        await runner.cleanup()
    finally:
        # Whatever failed above: an open store has a thread, which would keep the process.
        await services.close()


def _local_node(config: MainConfig, services: Main, port: int) -> LocalNode:
    return LocalNode(
        services.store.settings,
        program=ROOT / "app.py",
        url=local_url(config.server, port),
        environment=local_node_environment(),
        log_file=config.database.path.with_name("local-node.log"),
        make_token=services.registry.tokens.make_local,
    )


async def _greet(config: MainConfig, services: Main, port: int) -> None:
    """What people need to know, on standard output."""
    found = urls(config.server, port, await asyncio.to_thread(lan_address))
    lines = [f"Switchyard: open {found[0]}", *(f"     or, elsewhere: {url}" for url in found[1:])]
    if await services.accounts.needs_setup():
        lines.append(f"First sign-up from another device needs this code: {services.accounts.setup_code.text}")
    if config.main.local_node:
        lines.append("A node for this machine starts with it (main.local_node).")
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def _signals() -> asyncio.Future[signal.Signals]:
    """Settled by the signal that stops Main."""
    loop = asyncio.get_running_loop()
    stopping: asyncio.Future[signal.Signals] = loop.create_future()

    def stop(number: signal.Signals) -> None:
        if not stopping.done():
            stopping.set_result(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop, number)
    return stopping


def _raise_file_limit() -> None:
    """Every browser and terminal is a descriptor; the usual soft limit of 1024 is meant for other programs."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = ENOUGH_FILES if hard == resource.RLIM_INFINITY else min(hard, ENOUGH_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


if __name__ == "__main__":
    sys.exit(main())
