"""Finding the holder of this node, or starting it."""

import asyncio
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import structlog

from node.terminal import leftovers
from node.terminal.holder import channel, place, record
from node.terminal.orphans import LeftBehind

log = structlog.get_logger(__name__)

START_DEADLINE_S = 10.0
RETRY_S = 0.05
PROGRAM_FOLDER = Path(__file__).resolve().parents[2]


class HolderUnavailable(Exception):
    """There is no holder to work with; one sentence with cause and remedy."""


@dataclass(frozen=True, slots=True)
class HolderPlace:
    """Where the holder belongs: `identity` is the node's database, `log` its own log file.

    `environment` is what the holder is started with; the terminals' own is sent for each.
    """

    identity: Path
    log: Path
    environment: Mapping[str, str]

    async def find(self) -> socket.socket | None:
        """A connection with a running holder of this user, None when there is none."""
        return await asyncio.to_thread(self._connect)

    async def find_or_start(self) -> socket.socket:
        """A connection with the holder, started if need be. Raises HolderUnavailable."""
        try:
            async with asyncio.timeout(START_DEADLINE_S):
                while True:
                    if (connection := await self.find()) is not None:
                        return connection
                    await self._start()
                    if (connection := await self.find()) is not None:
                        return connection
                    # One that is about to end still has the lock.
                    await asyncio.sleep(RETRY_S)
        except TimeoutError as error:
            raise HolderUnavailable(
                f"The holder of this machine's terminals did not start within {START_DEADLINE_S:g} s; {self.log} may"
                " tell why."
            ) from error

    async def left_behind(self) -> LeftBehind | None:
        """Programs of a holder that was killed, unless it lives though nobody reaches it. Those that may be others' are
        told.
        """
        return await asyncio.to_thread(self._left_behind)

    async def tidy(self) -> None:
        """Remove the sockets and locks of dead holders; never those of one that lives or just starts."""
        removed = await asyncio.to_thread(lambda: leftovers.remove(self.addresses()))
        if removed:
            log.info("terminal_holders_removed", sockets=[each.name for each in removed])

    def _left_behind(self) -> LeftBehind | None:
        written = leftovers.records(self.addresses())
        found = {session: is_sure for each in written.values() for session, is_sure in record.left_behind(each).items()}
        sure = {is_sure: sorted(each for each in found if found[each] is is_sure) for is_sure in (True, False)}
        if found:
            log.warning("terminals_left_behind", ended=sure[True], look_yourself=sure[False])
        left = LeftBehind(sure[True], written)
        if sure[True]:
            return left
        left.forget()
        return None

    def addresses(self) -> list[Path]:
        """Where the holder may be. Looks at folders."""
        return place.addresses(self.identity, self.environment.get("XDG_RUNTIME_DIR"))

    def _connect(self) -> socket.socket | None:
        for address in self.addresses():
            connection = _connect(address)
            if connection is not None:
                return connection
        return None

    async def _start(self) -> None:
        reasons = []
        for address in await asyncio.to_thread(self.addresses):
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "node.terminal.holder",
                str(address),
                str(self.log),
                cwd=PROGRAM_FOLDER,
                env=self.environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
                start_new_session=True,
            )
            try:
                _, said = await process.communicate()
            finally:
                if process.returncode is None:
                    process.kill()
            if process.returncode == 0:
                return
            reasons.append(said.decode("utf-8", "replace").strip().rpartition("\n")[2])
        raise HolderUnavailable(" ".join(reasons) or "No path is short enough for the terminals' socket.")


def _connect(address: Path) -> socket.socket | None:
    try:
        place.check(address)
    except place.PlaceRefused:
        return None
    connection = channel.new_socket()
    connection.setblocking(False)
    try:
        connection.connect(str(address))
        is_own = channel.is_own(connection)
    except OSError:
        connection.close()
        return None
    if not is_own:
        connection.close()
        return None
    return connection
