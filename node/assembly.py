"""The node's services, put together: what one feature needs of another is passed in here."""

import asyncio
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from config import DATA_FOLDER, PROGRAM_FOLDER, NodeConfig
from node.context import HandlerMap
from node.dispatch import Dispatcher
from node.files.acts import FileActs
from node.files.guard import PathGuard
from node.files.handlers import handlers as files_handlers
from node.files.placing import Placer
from node.files.pool import FilePool
from node.files.search.ripgrep import Ripgrep
from node.files.search.service import SearchService
from node.files.service import FilesService
from node.files.temporaries import Sweeper
from node.files.transfer_handlers import handlers as transfer_handlers
from node.files.transfers import TransferServer
from node.files.trash import Trash
from node.files.watching import FolderWatcher
from node.git.handlers import handlers as git_handlers
from node.git.ignored import IgnoredFiles
from node.git.runner import GitRunner
from node.git.service import GitService
from node.link.conversation import About
from node.link.handlers import handlers as link_handlers
from node.policy import Policy
from node.projects.handlers import handlers as projects_handlers
from node.projects.service import ProjectsService, SessionFolder
from node.sessions.handlers import handlers as session_handlers
from node.sessions.modes import ModePolicy
from node.sessions.service import Patience, SessionService
from node.store import Store
from node.supervisor import Supervisor
from node.system.service import SystemFacts, capabilities
from node.terminal.handlers import handlers as terminal_handlers
from node.terminal.service import TerminalService
from node.terminal.stream import Dial, StreamServer
from providers.acp.presets import id_of
from providers.acp.provider import AcpSettings
from providers.catalog import CatalogSettings, ProviderCatalog, build_catalog
from providers.claude.provider import ClaudeSettings
from providers.codex.provider import CodexSettings
from providers.scripted.provider import ScriptedSettings
from ws.protocol.base import NodeId
from ws.protocol.files import FilesDeleteParams
from ws.tasks import TaskOwner


class Assembly:
    """Everything that answers calls. `environment` is what agents, terminals and Git inherit."""

    def __init__(
        self, config: NodeConfig, store: Store, guard: PathGuard, pool: FilePool, environment: Mapping[str, str]
    ) -> None:
        self._config = config
        self._policy = Policy(is_viewer_only=config.policy.viewer_only, offered=config.node.capabilities)
        self._database = store.database
        self._pool = pool
        self._tasks = TaskOwner("node")
        self._guard = guard
        self.catalog = _catalog(config, environment, self._tasks)
        self.sessions = SessionService(
            NodeId(config.node.id),
            store.journals,
            store.processes,
            self.catalog,
            hidden=store.hidden,
            resolve_directory=guard.resolve_directory,
            allows=guard.allows,
            modes=ModePolicy(config.policy.max_mode),
            patience=_patience(config),
        )
        self.terminals = TerminalService(config.terminal, config.database.path, environment)
        sweeper = self._sweeper = Sweeper()
        git_runner = GitRunner(environment)
        ignored = IgnoredFiles(git_runner, guard.resolve_directory).among
        self._files = FilesService(
            guard, pool, max_read_bytes=config.filesystem.max_read_bytes, sweeper=sweeper, ignored=ignored
        )
        self._file_acts = FileActs(Placer(guard, Trash.of_account(environment), sweeper), pool)
        self._search = SearchService(guard, pool, Ripgrep(environment))
        self._watcher = FolderWatcher(guard, pool, ignored)
        self._git = GitService(git_runner, guard.resolve_directory, tasks=self._tasks, trash=self._to_trash)
        self._projects = ProjectsService(
            roots=guard.roots,
            session_folders=self._session_folders,
            pinned=store.pinned,
            resolve_directory=guard.resolve_directory,
            tasks=self._tasks,
            is_allowed=guard.allows,
        )

    @classmethod
    async def make(cls, config: NodeConfig, store: Store, environment: Mapping[str, str]) -> "Assembly":
        """Resolves the roots, which blocks, in a thread."""
        pool = FilePool()
        guard = await asyncio.to_thread(
            PathGuard.for_node,
            config.filesystem.roots,
            pool,
            database=config.database.path,
            data_folder=DATA_FOLDER.expanduser(),
            configuration=_configuration(config),
        )
        return cls(config, store, guard, pool, environment)

    async def start(self, supervisor: Supervisor, dial: Dial) -> Dispatcher:
        """Take over what an earlier node left, and answer calls. The node may come online when this returns."""
        supervisor.started("files", self._close_pool)
        supervisor.started("tasks", self._tasks.close)
        supervisor.started("agents", self.catalog.close)
        streams = StreamServer(self.terminals, dial)
        transfers = TransferServer(
            self._guard,
            self._pool,
            dial,
            max_read_bytes=self._config.filesystem.max_read_bytes,
            commit_lock=self._files.commit_lock,
            sweeper=self._sweeper,
        )
        supervisor.started("transfers", transfers.close)

        async def stop() -> None:
            # Side by side: an agent and a terminal may each need seconds to end.
            async with asyncio.TaskGroup() as group:
                _ = group.create_task(self.sessions.stop(), name="stop sessions")
                _ = group.create_task(self._stop_terminals(streams, supervisor), name="stop terminals")

        supervisor.started("sessions and terminals", stop)
        await self.sessions.start()
        await self.terminals.adopt()
        return Dispatcher(NodeId(self._config.node.id), self._handlers(streams, transfers), self._policy, self._tasks)

    def about(self, facts: SystemFacts) -> About:
        """What Main is told of this node."""
        config, policy = self._config, self._policy
        has_terminal = config.terminal.enabled and policy.offers("terminal")
        offered = capabilities(facts, has_terminal=has_terminal, providers=self.catalog.ids)
        return About(
            id=NodeId(config.node.id),
            name=config.node.name,
            platform=facts.platform,
            labels=dict(config.node.labels),
            capabilities=msgspec.structs.replace(
                offered,
                providers=offered.providers if policy.offers("sessions") else [],
                features=[feature for feature in offered.features if policy.offers(feature)],
            ),
            home=facts.home,
        )

    def _handlers(self, streams: StreamServer, transfers: TransferServer) -> Sequence[HandlerMap]:
        terminals = dict(terminal_handlers(self.terminals, streams))
        terminals["link.stream"] = self._policy.guard_stream(terminals["link.stream"])
        return [
            link_handlers(lambda: self._database.size_bytes),
            session_handlers(self.sessions),
            terminals,
            files_handlers(self._files, self._file_acts, self._search, self._watcher),
            transfer_handlers(transfers, self._policy),
            git_handlers(self._git),
            projects_handlers(self._projects),
        ]

    async def _stop_terminals(self, streams: StreamServer, supervisor: Supervisor) -> None:
        await streams.close()
        await self.terminals.close(end_terminals=supervisor.ends_terminals)

    async def _session_folders(self) -> list[SessionFolder]:
        return [
            SessionFolder(path=each.path, sessions=each.sessions, last_used=each.last_used)
            for each in self.sessions.folders()
        ]

    async def _to_trash(self, path: Path) -> str:
        """What Git discards that it does not know goes where deleted files go."""
        deleted = await self._file_acts.delete(
            FilesDeleteParams(node=self._config.node.id, path_bytes=os.fsencode(path))
        )
        return deleted.trash or ""

    async def _close_pool(self) -> None:
        self._watcher.close()
        self._pool.close()


def _configuration(config: NodeConfig) -> list[Path]:
    """Files with the tokens of this node, and of a Main that runs from the same folder."""
    own = [PROGRAM_FOLDER / "configs" / name for name in ("main.toml", "node.toml")]
    return own if config.file is None else [*own, config.file]


def _catalog(config: NodeConfig, environment: Mapping[str, str], tasks: TaskOwner) -> ProviderCatalog:
    claude, codex, scripted = config.providers.claude, config.providers.codex, config.providers.scripted
    tools = PROGRAM_FOLDER / ".tools"
    settings = CatalogSettings(
        claude=ClaudeSettings(command=claude.command, env=claude.env) if claude.enabled else None,
        codex=CodexSettings(command=codex.command, env=codex.env, tools=tools) if codex.enabled else None,
        acp=_acp(config),
        scripted=ScriptedSettings(file=scripted.script) if scripted.enabled else None,
    )
    return build_catalog(settings, environment=environment, start_task=tasks.start)


def _acp(config: NodeConfig) -> Mapping[str, AcpSettings]:
    tools = PROGRAM_FOLDER / ".tools"
    return {
        name: AcpSettings(command=each.command, env=each.env, tools=tools)
        for name, each in config.providers.acp.items()
        if each.enabled
    }


def _patience(config: NodeConfig) -> Mapping[str, Patience]:
    providers = {"claude": config.providers.claude, "codex": config.providers.codex}
    providers |= {id_of(name): each for name, each in config.providers.acp.items()}
    return {name: Patience(each.approval_timeout_s, each.idle_timeout_s) for name, each in providers.items()}
