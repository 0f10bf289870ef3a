"""``app.py join URL``: make this machine a node of a Main. The token is asked for, never an argument."""

import argparse
import base64
import getpass
import http.client
import json
import secrets
import ssl
import sys
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from configs.checks import check_ca
from configs.editing import edit_file, read_values
from configs.reader import COMMANDS, Parser
from configs.table import ConfigError
from ws.protocol import PROTOCOL_VERSION, __version__
from ws.protocol.link import NODE_HEADER, PROTOCOL_HEADER
from ws.tls import calling_context, distrust

DEADLINE_S = 10.0
MAX_ANSWER_BYTES = 64 * 1024
MIN_TOKEN_CHARS, MAX_TOKEN_CHARS = 16, 1024
SCHEMES = {"http": "http", "ws": "http", "https": "https", "wss": "https"}


def run(argv: Sequence[str], program_folder: Path) -> None:
    """Do it and say what to run next. `argv` begins with ``join``. Raises ConfigError with one sentence."""
    given = _parser().parse_args(argv)
    config: Path = given.config or program_folder / "configs" / "node.toml"
    ca = None if given.ca is None else given.ca.expanduser().absolute()
    check_ca("--ca", ca)
    url = _read_url(given.url)
    _refuse_other_main(config, url, is_forced=given.force)
    version = _ask_main(url, ca)
    token = _ask_token()
    _try_token(url, ca, token)
    values = {
        "node.main_server_url": url.geturl(),
        "node.main_register_url": None,
        "node.register_token": token,
        "node.tls_ca": None if ca is None else str(ca),
    }
    edit_file(config, values, has_secrets=True)
    lines = [f"Main answers at {url.geturl()} (Switchyard {version}).", f"Wrote {config}: start the node with"]
    if version != __version__:
        lines.insert(1, f"This machine has Switchyard {__version__}: better have the same version on both.")
    if len(token) < MIN_TOKEN_CHARS:
        lines.insert(1, f"The token is shorter than {MIN_TOKEN_CHARS} characters and may be guessed.")
    flag = "" if given.config is None else f" ARGS='--config {config.absolute()}'"
    sys.stdout.write("\n".join([*lines, "", f"    make run-node{flag}", ""]))


def _parser() -> Parser:
    made = Parser(
        prog="app.py",
        usage=COMMANDS["node"],
        description="Make this machine a node of the Main at URL. The register token is read from the terminal, or from"
        " standard input when that is none; Main shows it under Machines.",
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("join", choices=["join"], help=argparse.SUPPRESS)
    made.add_argument("url", metavar="URL", help="the address of Main's page, with its sub-path if it has one")
    made.add_argument("--ca", metavar="FILE", type=Path, help="CA (PEM) behind Main's certificate (node.tls_ca)")
    made.add_argument("--force", action="store_true", help="leave another Main that this machine belongs to")
    made.add_argument("--config", metavar="FILE", type=Path, help="TOML file to set (default: configs/node.toml)")
    return made


def _read_url(text: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise ConfigError(f"{text[:200]!r} is no address: {error}") from error
    if parts.scheme not in SCHEMES or not host or not text.isascii() or any(each.isspace() for each in text):
        raise ConfigError(f"{text[:200]!r} is no address such as https://main.example:4457")
    if parts.username is not None or parts.query or parts.fragment:
        raise ConfigError("the address of Main has no user, query or fragment: the token is asked for")
    path = parts.path.rstrip("/").removesuffix("/ws/node")
    return parts._replace(scheme=SCHEMES[parts.scheme], path=path)


def _refuse_other_main(config: Path, url: SplitResult, *, is_forced: bool) -> None:
    node = read_values(config).get("node", {})
    for key in ("main_server_url", "main_register_url"):
        other = node.get(key) if isinstance(node, dict) else None
        if isinstance(other, str) and other.rstrip("/") != url.geturl() and not is_forced:
            raise ConfigError(f"this machine is a node of {other} ({config}, node.{key}): --force changes that")


def _ask_main(url: SplitResult, ca: Path | None) -> str:
    """The version of the Main that answers at `url`. Raises ConfigError when there is none."""
    where = url.geturl()
    connection = _connection(url, ca)
    try:
        connection.request("GET", f"{url.path}/health", headers={"Accept": "application/json"})
        answer = connection.getresponse()
        body = answer.read(MAX_ANSWER_BYTES)
    except ssl.SSLCertVerificationError as error:
        raise ConfigError(distrust(url.netloc, error).removesuffix(".") + _here(ca)) from error
    except ssl.SSLError as error:
        raise ConfigError(f"{where} does not speak TLS ({error.reason}): perhaps it is http://") from error
    except TimeoutError as error:
        raise ConfigError(f"{where} did not answer within {DEADLINE_S:g} s: check the address and firewalls") from error
    except http.client.HTTPException as error:
        hint = "perhaps it is https://" if url.scheme == "http" else "check the address"
        raise ConfigError(f"{where} does not speak HTTP: {hint}") from error
    except OSError as error:
        hint = "; perhaps it is https://" if isinstance(error, ConnectionResetError) and url.scheme == "http" else ""
        raise ConfigError(
            f"{where} cannot be reached ({error.strerror or error}): check the address, and that Main runs{hint}"
        ) from error
    finally:
        connection.close()
    if answer.status in {301, 302, 303, 307, 308}:
        raise ConfigError(f"{where} sends on to {(answer.getheader('Location') or '?')[:200]}: use that address")
    return _version(where, answer.status, body)


def _try_token(url: SplitResult, ca: Path | None, token: str) -> None:
    """Knock with the token as a node that nobody knows, and say no hello: nothing is made of it.

    Raises ConfigError when Main does not take it. What Main says of anything else the node will say.
    """
    connection = _connection(url, ca)
    headers = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(secrets.token_bytes(16)).decode(),
        "Authorization": f"Bearer {token}",
        NODE_HEADER: f"join-{secrets.token_hex(4)}",
        PROTOCOL_HEADER: str(PROTOCOL_VERSION),
    }
    try:
        connection.request("GET", f"{url.path}/ws/node", headers=headers)
        status = connection.getresponse().status
    except (http.client.HTTPException, OSError):
        return
    finally:
        connection.close()
    if status == HTTPStatus.UNAUTHORIZED:
        raise ConfigError(f"Main at {url.geturl()} does not know this register token: take the one under Machines")


def _version(where: str, status: int, body: bytes) -> str:
    try:
        told: Any = json.loads(body)
    except ValueError:
        told = None
    if not isinstance(told, dict) or told.get("role") not in {"main", "node"} or "version" not in told:
        raise ConfigError(
            f"{where} answers ({status}), but is no Switchyard: give the address of Main's page, with its sub-path"
        )
    if told["role"] == "node":
        raise ConfigError(f"{where} is the port of a node, not of Main (usually 4457)")
    return str(told["version"])[:32]


def _connection(url: SplitResult, ca: Path | None) -> http.client.HTTPConnection:
    assert url.hostname is not None
    if url.scheme == "http":
        return http.client.HTTPConnection(url.hostname, url.port, timeout=DEADLINE_S)
    context = calling_context(ca) or ssl.create_default_context()
    return http.client.HTTPSConnection(url.hostname, url.port, timeout=DEADLINE_S, context=context)


def _here(ca: Path | None) -> str:
    return ", or give it here with --ca" if ca is None else f" (--ca {ca} did not help)"


def _ask_token() -> str:
    try:
        text = getpass.getpass("Register token (Main shows it under Machines): ") if sys.stdin.isatty() else _line()
    except (EOFError, KeyboardInterrupt) as error:
        raise ConfigError("no token was given: Main shows it under Machines") from error
    token = text.strip()
    if not token:
        raise ConfigError("no token was given: Main shows it under Machines; type it, or write it to standard input")
    if len(token) > MAX_TOKEN_CHARS or not token.isascii() or not token.isprintable() or " " in token:
        raise ConfigError("this is no register token: take the one that Main shows under Machines")
    return token


def _line() -> str:
    return sys.stdin.readline(MAX_TOKEN_CHARS + 2)
