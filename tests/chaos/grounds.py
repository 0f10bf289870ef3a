"""What chaos is made in: Main, a node that reaches it through a bad network, and a scripted model for the real CLI."""

import asyncio
import contextlib
import datetime as dt
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.contract.codex_harness import codex_environment
from tests.support.client import Client
from tests.support.faulty import FaultyProxy, faulty_proxy
from tests.support.installation import scripted
from tests.support.model_server import ModelServer
from tests.support.processes import Program, free_port, main_settings, start_program

NODE = "laptop"
TOKEN = "a-register-token-of-the-tests"
ACP = "heron"
ACP_AGENT = Path(__file__).parents[1] / "support" / "acp_agent.py"
RUN_MARK = "CHAOS_RUN"
CLI_MARKS = (b"--input-format", b"app-server", b"acp_agent.py")
"""What the command lines of agents hold, and those of what they start do not."""

HOLDER_MARK = b"node.terminal.holder"


@dataclass
class Grounds:
    """`client` calls Main directly; node and watchers go through `proxy`, which can cut them."""

    folder: Path
    client: Client
    proxy: FaultyProxy
    model: ModelServer
    main_settings: dict[str, Any]
    node_settings: dict[str, Any]
    environ: dict[str, str]
    """The node's."""
    main_environ: dict[str, str]
    main: Program
    node: Program
    diary: list[str] = field(default_factory=list)
    """What was done and what was met, a line each with the time of day."""
    ended: list[Program] = field(default_factory=list)
    """Mains and nodes that were killed."""

    kills: list[dt.datetime] = field(default_factory=list)
    """When an agent's program was killed."""

    @property
    def programs(self) -> list[Program]:
        """All that have run, the killed ones too."""
        return [*self.ended, self.main, self.node]

    def note(self, line: str) -> None:
        """Into the diary."""
        self.diary.append(f"{dt.datetime.now(dt.UTC).isoformat(timespec='milliseconds')} {line}\n")

    def keep_logs(self) -> Path:
        """Write the diary and what every program has said, whole; where to."""
        logs = self.folder / "logs"
        logs.mkdir(exist_ok=True)
        (logs / "diary.txt").write_text("".join(self.diary))
        for number, program in enumerate(self.programs):
            (logs / f"{number:02}-{program.name}.txt").write_text(program.text)
        return logs

    @property
    def work(self) -> Path:
        return self.folder / "node" / "work"

    @property
    def folds(self) -> Path:
        """Where journals are left for the page's reducer."""
        return self.folder / "folds"

    @property
    def network_url(self) -> str:
        """Main as watchers reach it."""
        return f"http://127.0.0.1:{self.proxy.port}"

    async def op(self, name: str, /, **params: Any) -> dict[str, Any]:
        return await self.client.op(name, node=NODE, **params)

    async def kill_main(self) -> None:
        """``kill -9``, and start it again at once."""
        await self._end(self.main)
        self.main = await start_program("main_server.py", self.folder / "main", self.main_settings, self.main_environ)
        await self.main.healthy()

    async def kill_node(self, meanwhile: Callable[[], Awaitable[None]] | None = None) -> None:
        """``kill -9`` of the node alone, its agents left to themselves, and start it again."""
        await self._end(self.node)
        if meanwhile is not None:
            await meanwhile()
        self.node = await start_program("app.py", self.folder / "node", self.node_settings, self.environ)
        await self.node.healthy()

    async def _end(self, program: Program) -> None:
        assert program.process.returncode is None, f"{program.name} has ended by itself:\n{program.text[-4000:]}"
        self.note(f"kill {program.name}")
        await program.kill()
        self.ended.append(program)

    async def holders(self) -> list[int]:
        """The holders of terminals of this run: one, or none."""
        return [pid for pid, command in await self.children() if HOLDER_MARK in command]

    @property
    def database(self) -> Path:
        """The node's."""
        return self.folder / "node" / ".switchyard" / "node.db"

    async def agents(self) -> list[int]:
        """The CLIs of this run that are alive."""
        return [pid for pid, command in await self.children() if any(mark in command for mark in CLI_MARKS)]

    async def children(self) -> list[tuple[int, bytes]]:
        """Every process of this run but the node itself, by a mark in the environment, with its command."""
        mark = f"{RUN_MARK}={self.environ[RUN_MARK]}".encode()

        def look() -> list[tuple[int, bytes]]:
            found = []
            for entry in Path("/proc").iterdir():
                with contextlib.suppress(OSError):
                    if entry.name.isdigit() and mark in (entry / "environ").read_bytes().split(b"\0"):
                        command = (entry / "cmdline").read_bytes()
                        if b"app.py" not in command:
                            found.append((int(entry.name), command))
            return found

        return await asyncio.to_thread(look)


@contextlib.asynccontextmanager
async def grounds(folder: Path, more: Mapping[str, str] | None = None) -> AsyncIterator[Grounds]:
    """All up, a user signed in, the node online; stopped at the end. `more` is environment of both programs."""
    of_both = dict(more or {})
    of_main = main_settings(**{"main.local_node": False, "main.node_register_tokens": [TOKEN]})
    async with ModelServer() as model, faulty_proxy(of_main["server.port"]) as proxy:
        of_node = {
            "server.port": free_port(),
            "node.main_server_url": f"http://127.0.0.1:{proxy.port}",
            "node.register_token": TOKEN,
            "node.id": NODE,
            **scripted(folder / "node"),
            "providers.claude.enabled": "true",
            "providers.codex.enabled": "true",
        }
        of_codex = await asyncio.to_thread(codex_environment, model, folder / "node")
        of_acp = folder / "acp"
        of_acp.mkdir()
        environ = {
            "CODEX_HOME": of_codex["CODEX_HOME"],
            "SCRIPTED_KEY": of_codex["SCRIPTED_KEY"],
            "ANTHROPIC_BASE_URL": model.url,
            "ANTHROPIC_API_KEY": "sk-ant-scripted",
            "CLAUDE_CONFIG_DIR": str(folder / "node" / ".claude"),
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "CLAUDE_CODE_MAX_RETRIES": "1",
            "SWITCHYARD_PROVIDERS_ACP_HERON_COMMAND": json.dumps([sys.executable, "-S", str(ACP_AGENT), str(of_acp)]),
            RUN_MARK: str(folder),
            **of_both,
        }
        main = await start_program("main_server.py", folder / "main", of_main, of_both)
        node = await start_program("app.py", folder / "node", of_node, environ)
        async with Client(main.url) as client:
            made = Grounds(folder, client, proxy, model, of_main, of_node, environ, of_both, main, node)
            made.work.mkdir(parents=True)
            made.folds.mkdir()
            try:
                await main.healthy()
                await client.register()
                await client.online_node(NODE, deadline_s=30)
                yield made
            finally:
                await made.node.stop()
                await made.main.stop()
