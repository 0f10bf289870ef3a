"""A holder as a test ends it, and asks whether it lives."""

from contextlib import suppress
from pathlib import Path

from node.terminal.holder import channel, place
from node.terminal.holder.messages import EndAll, Hello


def end_holder(database: Path) -> None:
    """End the holder of the node with this database, and what it holds. Blocks."""
    for address in place.addresses(database, None):
        with channel.new_socket() as connection:
            connection.settimeout(10)
            if connection.connect_ex(str(address)):
                continue
            with suppress(ConnectionError):  # it has just ended by itself
                channel.send(connection, Hello(versions=[1], keep="process"))
                channel.send(connection, EndAll())
                while connection.recv(65536):
                    pass


def is_running(pid: int) -> bool:
    """False for a zombie too."""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
