"""What no type can check: settings that must fit each other, and files that must be there."""

import ipaddress
import os
import ssl
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from configs.table import ConfigError


def check_tls(certificate: Path | None, key: Path | None) -> None:
    """Certificate and key come together, and this account can read both."""
    if (certificate is None) != (key is None):
        raise ConfigError("server.tls_cert and server.tls_key must be given together")
    for name, path in (("server.tls_cert", certificate), ("server.tls_key", key)):
        if path is not None and not (path.is_file() and os.access(path, os.R_OK)):
            raise ConfigError(f"{name} must be a file that this account can read, not {path}")


def check_ca(name: str, ca: Path | None) -> None:
    """The file is there and holds certificates."""
    if ca is None:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=ca)
    except ssl.SSLError as error:
        raise ConfigError(f"{name} must be a file with certificates (PEM), which {ca} is not") from error
    except OSError as error:
        raise ConfigError(f"{name} must be a file that this account can read, not {ca}") from error


def check_proxies(proxies: Sequence[str]) -> None:
    """Each is an address or a network; a name could be answered by anybody's DNS."""
    for proxy in proxies:
        try:
            ipaddress.ip_network(proxy)
        except ValueError as error:
            raise ConfigError(
                f"server.trusted_proxies must be addresses or networks such as 10.0.0.0/8: {error}"
            ) from error


def read_token(descriptor: int) -> str:
    """Read the register token that Main writes to its local node, to the end, and close the descriptor."""
    try:
        with os.fdopen(descriptor, encoding="ascii") as pipe:
            token = pipe.read(1024).strip()
    except (OSError, ValueError) as error:
        raise ConfigError(f"--token-fd {descriptor} is no descriptor to read from") from error
    if not token:
        raise ConfigError(f"--token-fd {descriptor} gave no token")
    return token


KNOWN_ACP_AGENTS = ("copilot", "gemini", "goose", "opencode", "qwen")
"""Names of `[providers.acp.NAME]` that need no command; providers/acp/presets.py has it."""


def check_acp(commands: Mapping[str, Sequence[str]]) -> None:
    """Each agent that is switched on has a command, or is known by its name."""
    for name, command in commands.items():
        if not command and name not in KNOWN_ACP_AGENTS:
            raise ConfigError(
                f'providers.acp.{name}.command is missing: the program and its arguments, as ["{name}", "--acp"]'
                f" (only {', '.join(KNOWN_ACP_AGENTS)} need none)"
            )


MIN_TOKEN_CHARS = 16
"""A shorter register token may be guessed; it is warned about."""


def doubts(values: Mapping[str, Any]) -> Iterator[str]:
    """Sentences for the log: what is allowed, and hardly meant."""
    tokens = [*values.get("main.node_register_tokens", ()), values.get("node.register_token")]
    if any(token and len(token) < MIN_TOKEN_CHARS for token in tokens):
        yield f"a register token is shorter than {MIN_TOKEN_CHARS} characters and may be guessed"
    if values.get("node.main_server_url") and values.get("node.main_register_url"):
        yield "node.main_server_url and node.main_register_url are both set: this node dials, the second is not used"
