"""What another machine needs to join."""

import socket
from pathlib import Path

from ws.certificates import own_root
from ws.protocol.nodes import JoinInfo

# TEST-NET-1 (RFC 5737): connecting a datagram socket there sends nothing, but makes the system choose the interface.
_ELSEWHERE = ("192.0.2.1", 9)


def lan_address() -> str | None:
    """The address of this machine that others are likely to reach; None without a network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(_ELSEWHERE)
            address = str(probe.getsockname()[0])
        except OSError:
            return None
    return None if address.startswith("127.") else address


CA_FILE = "configs/main-ca.pem"
"""Where the CA lies on the other machine, below the clone."""


def join_info(token: str, main_server_url: str, certificate: Path | None) -> JoinInfo:
    """The lines for the other machine. `certificate` is what Main serves: its root, if a private one, goes with them.

    Blocking: reads the certificate.
    """
    is_own_tls = certificate is not None and main_server_url.startswith("https:")
    root = own_root(certificate) if certificate is not None and is_own_tls else None
    config = f'[node]\nmain_server_url = "{main_server_url}"\nregister_token = "{token}"\n'
    commands = [f"make join ARGS={main_server_url}", "make run-node"]
    if root is not None:
        config += f'tls_ca = "{Path(CA_FILE).name}"\n'
        commands[0] = f"make join ARGS='{main_server_url} --ca {CA_FILE}'"
        commands.insert(0, f"cat > {CA_FILE} <<'END'\n{root.strip()}\nEND")
    return JoinInfo(register_token=token, main_server_url=main_server_url, config=config, commands=commands, ca=root)
