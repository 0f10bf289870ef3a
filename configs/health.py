"""The health check of a container: ``python -m configs.health [PID]`` asks the program that runs as PID (1).

Role and flags are those of that process, so the check follows the configuration. It ends with 0 when /health answers.
"""

import http.client
import os
import ssl
import sys
from collections.abc import Callable
from pathlib import Path

from config import ConfigError, MainConfig, NodeConfig, load_main, load_node

DEADLINE_S = 5.0
"""Below the 10 s that the image gives the check."""
PROGRAMS: dict[str, Callable[[list[str]], MainConfig | NodeConfig]] = {"main_server.py": load_main, "app.py": load_node}


def check(pid: int) -> str | None:
    """Return None when the program is well, else one sentence."""
    try:
        arguments = [os.fsdecode(each) for each in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[:-1]]
    except OSError as error:
        return f"process {pid} cannot be looked at: {error.strerror}"
    start = next((index for index, each in enumerate(arguments) if Path(each).name in PROGRAMS), None)
    if start is None:
        return f"process {pid} is neither Main nor a node"
    try:
        config = PROGRAMS[Path(arguments[start]).name](arguments[start + 1 :])
    except ConfigError as error:
        return str(error)
    if isinstance(config, NodeConfig) and not config.opens_port:
        return None
    return _ask(config)


def _ask(config: MainConfig | NodeConfig) -> str | None:
    host = config.listen_host if isinstance(config, NodeConfig) else config.server.host
    host = "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # noqa: S104  only compared
    path = config.server.base_path if isinstance(config, MainConfig) else ""
    try:
        connection = _connection(host, config.server.port, is_tls=config.server.tls_cert is not None)
        connection.request("GET", f"{path}/health")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return f"{host}:{config.server.port} does not answer: {error}"
    return None if status == http.client.OK else f"/health answered {status}"


def _connection(host: str, port: int, *, is_tls: bool) -> http.client.HTTPConnection:
    """A connection to this very machine, so the name in the certificate says nothing and is not compared."""
    if not is_tls:
        return http.client.HTTPConnection(host, port, timeout=DEADLINE_S)
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return http.client.HTTPSConnection(host, port, timeout=DEADLINE_S, context=context)


if __name__ == "__main__":
    sys.exit(check(int(sys.argv[1]) if len(sys.argv) > 1 else 1))
