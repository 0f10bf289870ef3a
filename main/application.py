"""Main's services, made in order and closed in reverse. The routes are given this one object."""

import asyncio
import secrets
from collections import Counter
from dataclasses import dataclass, field

from config import MainConfig
from main.auth.access import LiveAccess
from main.auth.api_tokens import ApiTokenService
from main.auth.arrival import Doorstep, read_origin
from main.auth.gate import Gate, full_name
from main.auth.passwords import Passwords
from main.auth.people import People
from main.auth.service import RECHECK_S, Accounts
from main.auth.tokens import Tokens, check_secret, make_secret
from main.metrics import Metrics
from main.registry.callbacks import Callbacks
from main.registry.dialled import DialledNodes
from main.registry.link import GOING_AWAY
from main.registry.service import Registry
from main.registry.tokens import RegisterTokens
from main.relay.feeds import SessionFeeds
from main.relay.handlers import accounts as account_ops
from main.relay.handlers import nodes as node_ops
from main.relay.handlers import personal as personal_ops
from main.relay.handlers import sessions as session_ops
from main.relay.inbox import Inbox
from main.relay.joins import Joins
from main.relay.looking import afters
from main.relay.personal import Personal
from main.relay.router import Router
from main.relay.session_lists import SessionLists
from main.relay.streams import StreamDoor
from main.relay.terminals import TerminalStreams
from main.relay.transfers import Transfers
from main.store import Store, StoreError, open_store
from ws.certificates import expiry
from ws.protocol.errors import WireError
from ws.rpc import Peer
from ws.tasks import TaskOwner
from ws.tls import calling_context


@dataclass(frozen=True)
class Main:
    """Everything that the routes of Main need."""

    config: MainConfig
    store: Store
    live: LiveAccess
    accounts: Accounts
    api_tokens: ApiTokenService
    doorstep: Doorstep
    gate: Gate
    registry: Registry
    callbacks: Callbacks
    dialled: DialledNodes
    personal: Personal
    lists: SessionLists
    inbox: Inbox
    feeds: SessionFeeds
    door: StreamDoor
    terminals: TerminalStreams
    joins: Joins
    transfers: Transfers
    router: Router
    metrics: Metrics
    tasks: TaskOwner
    pages: set[Peer] = field(default_factory=set)
    """The open sockets of browsers."""

    async def end_connections(self) -> None:
        """Close every socket and link with a goodbye: Main stops."""
        self.dialled.stop()
        await self.terminals.close()
        await self.transfers.close()
        async with asyncio.TaskGroup() as closing:
            for page in list(self.pages):
                closing.create_task(page.close(GOING_AWAY, "Main stops"), name="close page")
            closing.create_task(self.registry.close(), name="close links")

    async def close(self) -> None:
        """End what is left of the connections, then the tasks, then the store."""
        try:
            await self.end_connections()
            await self.dialled.close()
            await self.callbacks.close()
            await self.feeds.close()
            await self.lists.close()
            await self.inbox.close()
            await self.personal.close()
            await self.tasks.close(timeout_s=1.0)
            self.accounts.close()
        finally:
            # Whatever failed above: an open store has threads, which would keep the process.
            await self.store.close()


async def open_main(config: MainConfig) -> Main:
    """Open the store and make the services. Raises StoreError or WeakSecretError with one sentence."""
    configured = None if config.auth.jwt_secret is None else check_secret(config.auth.jwt_secret)
    store = await open_store(config.database.path)
    try:
        return await _make(config, store, configured)
    except BaseException as error:
        await store.close()
        if isinstance(error, WireError):
            raise StoreError(error.detail) from error
        raise


async def _make(config: MainConfig, store: Store, configured_secret: str | None) -> Main:
    secret = configured_secret or await store.settings.get_or_make("jwt_secret", make_secret())
    main_id = await store.settings.get_or_make("main_id", secrets.token_urlsafe(12))
    live = LiveAccess()
    passwords = Passwords()
    accounts = Accounts(store, Tokens(secret, main_id), passwords, live)
    people, api_tokens = People(store, passwords, live), ApiTokenService(store, live)
    registry = Registry(store, RegisterTokens(store.settings, config.main.node_register_tokens), main_id)
    personal = Personal(store.personal)
    lists, inbox, feeds = SessionLists(registry, store.sessions, personal), Inbox(personal), SessionFeeds()
    door = StreamDoor()
    terminals, transfers = TerminalStreams(live, door), Transfers(live, door)
    metrics = Metrics(registry, store, lambda: Counter(each.status for each in lists.sessions.values()))
    metrics.watch_sockets("terminal", terminals)
    metrics.watch_sockets("transfer", transfers)
    metrics.watch_sockets("session_feed", feeds)
    metrics.certificate_ends(await asyncio.to_thread(expiry, config.server.tls_cert))
    registry.listeners += [lists, inbox, personal, terminals, transfers, live, metrics]
    await registry.load()
    await lists.load()
    public = None if config.server.public_url is None else read_origin(config.server.public_url)
    handlers = {
        **node_ops.handlers(registry, config.server.tls_cert),
        **account_ops.handlers(accounts, people, api_tokens, registry, store.audit, forget=personal.forget),
        **session_ops.handlers(registry, lists, inbox, feeds, personal),
        **personal_ops.handlers(registry, personal),
    }
    calling = await asyncio.to_thread(calling_context, config.main.tls_ca)
    tasks = TaskOwner("main")
    main = Main(
        config=config,
        store=store,
        live=live,
        accounts=accounts,
        api_tokens=api_tokens,
        doorstep=Doorstep(public=public, trusted_proxies=config.server.trusted_proxies),
        gate=Gate(public=public, allowed_hosts=config.server.allowed_hosts),
        registry=registry,
        callbacks=Callbacks(registry, hosts=config.main.callback_hosts, tls=calling),
        dialled=DialledNodes(registry, tls=calling),
        personal=personal,
        lists=lists,
        inbox=inbox,
        feeds=feeds,
        door=door,
        terminals=terminals,
        joins=Joins(store.audit),
        transfers=transfers,
        router=Router(registry, store.audit, handlers, tasks, afters=afters(personal, lists), on_call=metrics.called),
        metrics=metrics,
        tasks=tasks,
    )
    metrics.watch_pages(lambda: list(main.pages))
    _ = main.tasks.start(_recheck_for_ever(main), name="recheck logins")
    _ = main.tasks.start(metrics.watch_loop(), name="watch loop")
    main.dialled.follow(config.main.node_addresses)
    _ = main.tasks.start(_learn_full_name(main.gate), name="learn full name")
    return main


async def _learn_full_name(gate: Gate) -> None:
    """Beside the start: a silent resolver must not hold it up."""
    gate.add_host(await asyncio.to_thread(full_name))


async def _recheck_for_ever(main: Main) -> None:
    while True:
        await asyncio.sleep(RECHECK_S)
        await main.accounts.recheck_live()
        await main.api_tokens.recheck_live()
