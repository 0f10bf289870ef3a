"""The settings of both roles, declared once.

The fields of `MainConfig` and `NodeConfig` are the table: key, type with its bounds, default, help, secret or not. The
configuration files, the environment, the flags, `--help`, configs/*.example and the table in README.md follow from it.

Precedence: defaults < file < environment (`SWITCHYARD_SECTION_KEY`) < flags (`--section.key`).
"""

import importlib
import os
import re
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypeVar, get_args

from msgspec import Meta

from configs.checks import check_acp, check_ca, check_proxies, check_tls, doubts, read_token
from configs.folders import DATA_FOLDER, make_data_folder
from configs.reader import Tables, parser, read_all
from configs.table import ENVIRONMENT_PREFIX, About, ConfigError, Section, Setting, build, settings_of
from ws.protocol import __version__
from ws.protocol.base import ID_PATTERN

__all__ = [
    "DATA_FOLDER",
    "ConfigError",
    "MainConfig",
    "NodeConfig",
    "child_environment",
    "load_main",
    "load_node",
    "local_node_environment",
    "make_data_folder",
    "or_exit",
]

Role = Literal["main", "node"]
PROGRAM_FOLDER = Path(__file__).resolve().parent

Port = Annotated[int, Meta(ge=0, le=65535)]
Seconds = Annotated[int, Meta(ge=1, le=30 * 86400)]
Text = Annotated[str, Meta(min_length=1)]
Origin = Annotated[str, Meta(pattern=r"^https?://[^/?#@\s]+\Z")]
Url = Annotated[str, Meta(pattern=r"^(https?|wss?)://[^?#@\s]+\Z")]
Feature = Literal["files", "git", "projects", "sessions", "terminal"]
FEATURES = ", ".join(get_args(Feature))
Host = Annotated[str, Meta(pattern=r"^[^/?#@\s]+\Z")]
ANY_ADDRESS = "0.0.0.0"  # noqa: S104  other machines are the point; every route is closed without credentials
AN_URL = "an address such as http://10.0.0.5:4457 (http, https, ws or wss)"


class Tls(Section, frozen=True, kw_only=True):
    """Part of the server section of both roles. Certificate and key are given together or not at all."""

    tls_cert: Annotated[Path | None, About("certificate chain (PEM); with `server.tls_key`: serve TLS")] = None
    tls_key: Annotated[Path | None, About("private key of the certificate (PEM)")] = None


class MainServer(Tls, frozen=True, kw_only=True):
    """Where Main listens, and under which names browsers may call it."""

    host: Annotated[Host, About("address to listen on; `0.0.0.0` means every IPv4 and IPv6 address")] = ANY_ADDRESS
    port: Annotated[Port, About("0 takes any free port")] = 4457
    public_url: Annotated[
        Origin | None,
        About("the origin as browsers see it, needed behind a proxy", allowed="an origin: http(s)://name[:port]"),
    ] = None
    allowed_hosts: Annotated[tuple[Host, ...], About("more names that browsers may use for Main")] = ()
    trusted_proxies: Annotated[
        tuple[Text, ...], About("addresses or networks of proxies whose forwarding headers count")
    ] = ()
    base_path: Annotated[
        Annotated[str, Meta(pattern=r"^(/[A-Za-z0-9._~-]+)*\Z")],
        About("serve the page below this path", allowed="a path such as /switchyard, without a slash at its end"),
    ] = ""


class NodeServer(Tls, frozen=True, kw_only=True):
    """The node's own port: /health and, when Main dials, the link."""

    host: Annotated[
        Host | None, About("address to listen on", default="`127.0.0.1` when it dials Main, else `0.0.0.0`")
    ] = None
    port: Annotated[Port, About("0 opens no port")] = 4456


class MainDatabase(Section, frozen=True, kw_only=True):
    """Main's own memory."""

    path: Annotated[Path, About("accounts, nodes, audit")] = DATA_FOLDER / "main.db"


class NodeDatabase(Section, frozen=True, kw_only=True):
    """The node's own memory."""

    path: Annotated[Path, About("sessions with their journals, identity; the local node keeps it beside Main's")] = (
        DATA_FOLDER / "node.db"
    )


class Auth(Section, frozen=True, kw_only=True):
    """Signing in."""

    jwt_secret: Annotated[
        Annotated[str, Meta(min_length=32)] | None,
        About(
            "signs logins; absent: made once and kept in the database",
            allowed="at least 32 random characters",
            is_secret=True,
        ),
    ] = None


class MainSection(Section, frozen=True, kw_only=True):
    """The nodes that Main works with."""

    node_register_tokens: Annotated[
        tuple[Text, ...],
        About("tokens for a node's first contact, besides the one shown under Machines", is_secret=True),
    ] = ()
    node_addresses: Annotated[tuple[Url, ...], About("nodes that Main dials", allowed=f"a list, each {AN_URL}")] = ()
    callback_hosts: Annotated[
        tuple[Host, ...], About("where nodes that register may be called back", default="the registrant's own address")
    ] = ()
    tls_ca: Annotated[
        Path | None, About("CA (PEM) whose certificates nodes that Main dials may have, besides the system's own")
    ] = None
    local_node: Annotated[bool, About("also run a node for this machine")] = True


class NodeSection(Section, frozen=True, kw_only=True):
    """Who this node is and how it is linked with Main."""

    main_server_url: Annotated[Url | None, About("dial this Main and open no other way", allowed=AN_URL)] = None
    main_register_url: Annotated[
        Url | None, About("register with this Main and be called back at `server.port`", allowed=AN_URL)
    ] = None
    tls_ca: Annotated[
        Path | None, About("CA (PEM) whose certificate Main may have, besides the system's own; `ca.pem` of `tls init`")
    ] = None
    id: Annotated[
        Annotated[str, Meta(pattern=ID_PATTERN)],
        About("identity at Main, never reused", allowed="1 to 64 letters, digits, _ or -", default="the hostname"),
    ] = ""
    name: Annotated[
        Annotated[str, Meta(min_length=1, max_length=64)], About("shown in the page", default="the hostname")
    ] = ""
    register_token: Annotated[Text | None, About("for the first contact with Main", is_secret=True)] = None
    labels: Annotated[Mapping[str, str], About("a table of texts shown in the page")] = {}
    capabilities: Annotated[
        tuple[Feature, ...], About(f"offer only these: {FEATURES}", allowed=f"a list of {FEATURES}", default="all")
    ] = ()
    advertise_host: Annotated[
        Host | None, About("where Main calls back; Main must list it", default="the address that Main sees")
    ] = None
    advertise_port: Annotated[Port | None, About("port where Main calls back", default="`server.port`")] = None


class Filesystem(Section, frozen=True, kw_only=True):
    """The fence of file operations; it does not hold whoever has a terminal."""

    roots: Annotated[tuple[Path, ...], About('folders that file operations may reach; `["/"]` opens all')] = (
        Path("~"),
    )
    max_read_bytes: Annotated[
        Annotated[int, Meta(ge=1024, le=4 << 20)], About("longer files are cut when read as text")
    ] = 2 << 20


class Terminal(Section, frozen=True, kw_only=True):
    """Terminals of this node."""

    enabled: Annotated[bool, About("offer terminals")] = True
    default_shell: Annotated[Text | None, About("program of a new terminal", default="the login shell")] = None
    scrollback_bytes: Annotated[
        Annotated[int, Meta(ge=64 << 10, le=64 << 20)], About("output kept for each terminal")
    ] = 1 << 20
    keep: Annotated[
        Literal["process", "node"], About("`process`: terminals survive the node; `node`: they end with it")
    ] = "process"


class Policy(Section, frozen=True, kw_only=True):
    """What this node allows, whatever Main says."""

    max_mode: Annotated[
        Text | None,
        About(
            "most permissive mode of a session: `plan`, `ask`, `edit`, `auto`, `everything`, or an agent's name of one",
            default="any mode",
        ),
    ] = None
    outbound_only: Annotated[bool, About("open no port, whatever `server.port` says")] = False
    viewer_only: Annotated[bool, About("show, but change and run nothing")] = False


class Provider(Section, frozen=True, kw_only=True):
    """One kind of agent. Durations in seconds."""

    enabled: Annotated[bool, About("offer this agent")] = True
    command: Annotated[
        tuple[Text, ...], About("program and arguments that start it", default="found on the machine")
    ] = ()
    env: Annotated[Mapping[str, str], About("added to its environment", is_secret=True)] = {}
    approval_timeout_s: Annotated[Seconds, About("an approval nobody gives is denied after this")] = 86400
    idle_timeout_s: Annotated[Seconds, About("an idle agent process is ended after this; the session stays")] = 900


class Scripted(Section, frozen=True, kw_only=True):
    """An agent that plays a written conversation."""

    enabled: Annotated[bool, About("offer the agent that plays a written conversation")] = False
    script: Annotated[Path | None, About("its conversation (JSON)", default="a short demonstration")] = None


class Providers(Section, frozen=True, kw_only=True):
    """The agents of this node."""

    claude: Provider = Provider()
    codex: Provider = Provider()
    scripted: Scripted = Scripted()
    acp: Mapping[str, Provider] = {}


class Log(Section, frozen=True, kw_only=True):
    """The log holds event names, never content or secrets."""

    level: Annotated[Literal["debug", "info", "warning", "error"], About("least level that is written")] = "info"
    format: Annotated[Literal["text", "json"], About("`text` for people, `json` for machines")] = "text"
    file: Annotated[Path | None, About("write the log here (mode 0600)", default="standard error")] = None


class Metrics(Section, frozen=True, kw_only=True):
    """Figures for Prometheus."""

    token: Annotated[Text | None, About("opens /metrics to other machines", is_secret=True)] = None


class Config(Section, frozen=True, kw_only=True):
    """Common to both roles. `file` is None when no file was read; `warnings` are sentences for the log."""

    role: ClassVar[Role]
    file: Path | None = None
    warnings: tuple[str, ...] = ()


class MainConfig(Config, frozen=True, kw_only=True):
    """What Main runs with."""

    role: ClassVar[Role] = "main"
    server: MainServer = MainServer()
    database: MainDatabase = MainDatabase()
    auth: Auth = Auth()
    main: MainSection = MainSection()
    metrics: Metrics = Metrics()
    log: Log = Log()


class NodeConfig(Config, frozen=True, kw_only=True):
    """What a node runs with. `is_local` is true for the child of a Main on this machine."""

    role: ClassVar[Role] = "node"
    is_local: bool = False
    node: NodeSection = NodeSection()
    server: NodeServer = NodeServer()
    database: NodeDatabase = NodeDatabase()
    filesystem: Filesystem = Filesystem()
    terminal: Terminal = Terminal()
    policy: Policy = Policy()
    providers: Providers = Providers()
    log: Log = Log()

    @property
    def link_mode(self) -> Literal["direct", "callback", "dialed"]:
        """Who dials: the node (direct), Main after a registration (callback), or Main by its own list (dialed)."""
        if self.node.main_server_url:
            return "direct"
        return "callback" if self.node.main_register_url else "dialed"

    @property
    def listen_host(self) -> str:
        """The address to listen on, by the mode of the link unless configured."""
        return self.server.host or ("127.0.0.1" if self.link_mode == "direct" else ANY_ADDRESS)

    @property
    def opens_port(self) -> bool:
        """False: no listening socket at all."""
        return self.server.port != 0 and not self.policy.outbound_only


Loaded = TypeVar("Loaded")
MAIN_SETTINGS = tuple(settings_of(MainConfig))
NODE_SETTINGS = tuple(settings_of(NodeConfig))
LINK_KEYS = {"node.main_server_url", "node.main_register_url", "node.register_token"}
"""Main gives these to its local node itself."""


def load_main(argv: Sequence[str] | None = None, environ: Mapping[str, str] | None = None) -> MainConfig:
    """Read Main's configuration; arguments and environment are the process's own unless given.

    Raises ConfigError. ``--help``, ``--version`` and ``tls init`` do their work and raise SystemExit.
    """
    tables = Tables("main", MAIN_SETTINGS, NODE_SETTINGS)
    arguments = sys.argv[1:] if argv is None else argv
    if arguments[:1] == ["tls"]:
        # Loaded for the command alone: it brings libraries that no running program needs.
        importlib.import_module("configs.tls_init").run(arguments, tables, PROGRAM_FOLDER)
        raise SystemExit(0)
    values = _read(tables, arguments, environ)
    config = build(MainConfig, values)
    check_tls(config.server.tls_cert, config.server.tls_key)
    check_ca("main.tls_ca", config.main.tls_ca)
    check_proxies(config.server.trusted_proxies)
    return config


def load_node(argv: Sequence[str] | None = None, environ: Mapping[str, str] | None = None) -> NodeConfig:
    """Read the Node's configuration; as `load_main`.

    With ``--token-fd N`` the register token is read from that descriptor to its end: so Main starts its local node,
    whose database lies in ``--data-folder`` beside Main's own. ``join`` does its work and raises SystemExit.
    """
    arguments = sys.argv[1:] if argv is None else argv
    if arguments[:1] == ["join"]:
        importlib.import_module("configs.join").run(arguments, PROGRAM_FOLDER)
        raise SystemExit(0)
    values = _read(Tables("node", NODE_SETTINGS, MAIN_SETTINGS), arguments, environ)
    host_name = socket.gethostname() or "node"
    values.setdefault("node.id", re.sub("[^A-Za-z0-9_-]", "-", host_name)[:64])
    values.setdefault("node.name", host_name[:64])
    config = build(NodeConfig, values)
    check_tls(config.server.tls_cert, config.server.tls_key)
    check_ca("node.tls_ca", config.node.tls_ca)
    check_acp({name: provider.command for name, provider in config.providers.acp.items() if provider.enabled})
    if config.link_mode != "direct" and not config.opens_port:
        raise ConfigError(
            "this node can be reached by nobody: without node.main_server_url it needs a port"
            " (server.port above 0 and no policy.outbound_only)"
        )
    return config


def or_exit(load: Callable[[], Loaded]) -> Loaded:
    """Load, or print the one sentence that says what is wrong and end with code 2."""
    try:
        return load()
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)


def child_environment(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """What agents and terminals inherit: all but ``SWITCHYARD_*``."""
    source = os.environ if environ is None else environ
    return {name: value for name, value in source.items() if not name.startswith(ENVIRONMENT_PREFIX)}


def local_node_environment(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """What the local node inherits from Main: all but Main's settings and the link keys.

    A setting of both roles (a port, a database, a log) means Main's here, so it is not handed on either.
    """
    source = os.environ if environ is None else environ
    withheld = [each for each in NODE_SETTINGS if each.key in LINK_KEYS]
    theirs = [each for each in NODE_SETTINGS if each not in withheld and not _is_main_key(each.key)]
    handed_on = {name: value for name, value in source.items() if _names_any(name, theirs)}
    return child_environment(source) | handed_on


def _is_main_key(key: str) -> bool:
    return any(each.key == key for each in MAIN_SETTINGS)


def _names_any(name: str, settings: Sequence[Setting]) -> bool:
    return any(each.key_for_environment(name) for each in settings)


def _read(tables: Tables, argv: Sequence[str], environ: Mapping[str, str] | None) -> dict[str, Any]:
    command_line = parser(tables, __version__)
    if tables.role == "node":
        command_line.add_argument("--token-fd", type=int, metavar="N", help="descriptor with node.register_token")
        command_line.add_argument(
            "--data-folder", type=Path, metavar="PATH", help="where node.db lies unless database.path says"
        )
    given = vars(command_line.parse_args(argv))
    source = os.environ if environ is None else environ
    values = read_all(tables, given, source, PROGRAM_FOLDER / "configs" / f"{tables.role}.toml")
    if given.get("token_fd") is not None:
        values |= {"node.register_token": read_token(given["token_fd"]), "is_local": True}
    if given.get("data_folder") is not None:
        values.setdefault("database.path", given["data_folder"] / "node.db")
    values["warnings"] += tuple(doubts(values))
    return values
