"""Main and its nodes as processes, linked in each of the three ways."""

import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from tests.support.client import Client
from tests.support.network import Machine
from tests.support.processes import Program, free_port, main_settings, start_program
from tests.support.reader import reading
from tests.support.waiting import eventually

Mode = Literal["direct", "callback", "dialed"]
MODES: list[Mode] = ["direct", "callback", "dialed"]
TOKEN = "a-register-token-of-the-tests"


@dataclass
class MeshNode:
    """`settings` start it again as it was, on its `machine` if it has one."""

    id: str
    mode: Mode
    home: Path
    settings: dict[str, Any]
    program: Program
    machine: Machine | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.settings['server.port']}"

    async def restart(self, **more: Any) -> None:
        """Start it again, with other settings if need be; it has ended."""
        self.settings.update(more)
        self.program = await start_program("app.py", self.home, self.settings, machine=self.machine)

    async def link(self) -> tuple[str, str]:
        """What its /health says: the phase, and the sentence."""
        health = await self.program.healthy()
        return str(health["link"]), str(health.get("link_detail", ""))

    async def says(self, *words: str, phase: str | None = None) -> str:
        """The sentence of its /health, once it has these words."""

        async def told() -> str | None:
            now, detail = await self.link()
            return detail if all(word in detail for word in words) and phase in (None, now) else None

        return await eventually(told, what=f"{self.id} to say {words}", deadline_s=30)


@dataclass
class Mesh:
    """`settings` are Main's; `config` is its file, which holds `main.*` and is read again on SIGHUP."""

    home: Path
    settings: dict[str, Any]
    main: Program
    client: Client
    machine: Machine | None = None
    nodes: list[MeshNode] = field(default_factory=list)

    @property
    def config(self) -> Path:
        return self.home / "main.toml"

    def configure(self, **main: list[str] | str) -> None:
        """Write Main's file anew: the keys of [main], beside the register token."""
        given = {"node_register_tokens": [TOKEN], "local_node": False, **main}
        lines = [f"{key} = {json.dumps(value)}" for key, value in given.items()]
        self.config.write_text("[main]\n" + "\n".join(lines) + "\n")
        self.config.chmod(0o600)

    async def start_main(self) -> None:
        """Start Main (again)."""
        self.main = await start_program(
            "main_server.py", self.home, self.settings, arguments=["--config", str(self.config)], machine=self.machine
        )
        await self.main.healthy()

    async def add(self, node: str, mode: Mode, machine: Machine | None = None, /, **more: Any) -> MeshNode:
        """Start a node; a dialled one must be listed by `configure`, at the port that is given."""
        where = {
            "direct": {"node.main_server_url": self.main.url},
            "callback": {"node.main_register_url": self.main.url},
            "dialed": {},
        }[mode]
        settings = {
            "server.port": free_port(),
            "server.host": "127.0.0.1",
            "node.id": node,
            "node.register_token": TOKEN,
            "providers.claude.enabled": False,
            "providers.codex.enabled": False,
            **where,
            **more,
        }
        home = self.home / f"home-{node}"
        program = await start_program("app.py", home, settings, machine=machine)
        made = MeshNode(node, mode, home, settings, program, machine)
        self.nodes.append(made)
        return made

    async def shown(self, node: str) -> dict[str, Any]:
        """The node as nodes.list has it; empty when it is not there."""
        listed = (await self.client.op("nodes.list"))["nodes"]
        return next((dict(each) for each in listed if each["id"] == node), {})

    async def until_shown(self, node: str, **members: Any) -> dict[str, Any]:
        """The node, once it is shown with these members; a text is part of what is shown."""

        def fits(shown: dict[str, Any]) -> bool:
            return all(
                value in (shown.get(name) or "") if isinstance(value, str) else shown.get(name) == value
                for name, value in members.items()
            )

        async def look() -> dict[str, Any] | None:
            shown = await self.shown(node)
            return shown if shown and fits(shown) else None

        return await eventually(look, what=f"{node} to be shown with {members}", deadline_s=40)

    async def online(self, node: str) -> dict[str, Any]:
        return await self.until_shown(node, status="online")

    async def echo(self, node: str, text: str = "echo-of-a-terminal") -> None:
        """Open a terminal there, type, and read what comes back."""
        home = next(each.home for each in self.nodes if each.id == node)
        opened = await self.client.op("terminal.open", node=node, path=str(home), cols=80, rows=24, command=["cat"])
        async with reading(self.client, node, opened["terminal"]) as reader:
            await reader.type(f"{text}\n")
            await reader.until_text(text.encode(), times=2)
        await self.client.op("terminal.close", node=node, terminal=opened["terminal"])


@contextlib.asynccontextmanager
async def mesh(home: Path, machine: Machine | None = None, **main: list[str] | str) -> AsyncIterator[Mesh]:
    """A Main without a local node, an owner signed in; everything is stopped at the end.

    On a `machine` of its own Main listens to the network, and the client is there too.
    """
    home.mkdir(parents=True, exist_ok=True)
    settings = main_settings() if machine is None else main_settings(**{"server.host": "0.0.0.0"})
    async with Client(f"http://127.0.0.1:{settings['server.port']}", machine=machine) as client:
        made = Mesh(home, settings, None, client, machine)  # type: ignore[arg-type]  # started in the next lines
        made.configure(**main)
        await made.start_main()
        try:
            await client.register()
            yield made
        finally:
            for node in made.nodes:
                await node.program.stop()
            await made.main.stop()


def dialled_at(*ports: int) -> list[str]:
    """`main.node_addresses` for nodes on these ports."""
    return [f"http://127.0.0.1:{port}" for port in ports]
