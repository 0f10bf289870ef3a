"""What another machine needs to join."""

import socket

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


def join_info(token: str, main_server_url: str) -> JoinInfo:
    """The lines for configs/node.toml of the other machine."""
    config = f'[node]\nmain_server_url = "{main_server_url}"\nregister_token = "{token}"\n'
    return JoinInfo(register_token=token, main_server_url=main_server_url, config=config)
