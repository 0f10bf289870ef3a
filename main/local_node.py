"""The node of Main's own machine: a child that Main starts, keeps running and, after its own death, finds again."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec
import structlog

from main.process import is_alive, signal_group, signal_process, start_time
from main.store.settings import Settings
from ws.protocol.errors import WireError
from ws.tasks import TaskOwner

log = structlog.get_logger(__name__)

RECORD = "local_node"
STOP_DEADLINE_S = 4.0
"""Within the 5 s that Main has in all."""
LOOK_EVERY_S = 0.1
"""How often an adopted node, which is no child of this process, is looked at."""
FIRST_DELAY_S, MAX_DELAY_S, HEALTHY_S = 0.5, 30.0, 30.0
"""Between restarts: doubling, and from the beginning again after a node that ran for a while."""
SENTENCE_BYTES = 2048
"""Of what the node said last, shown when it could not start."""


class Record(msgspec.Struct, frozen=True):
    """The running node, so that the next Main recognises it. `url` is the Main that it dials."""

    pid: int
    started: str
    url: str


class LocalNode:
    """`make_token` gives a one-time register token; `environment` is the child's."""

    def __init__(
        self,
        settings: Settings,
        *,
        program: Path,
        url: str,
        environment: Mapping[str, str],
        log_file: Path,
        make_token: Callable[[], str],
    ) -> None:
        self._settings = settings
        self._program = program
        self._url = url
        self._environment = dict(environment)
        self._log_file = log_file
        self._make_token = make_token
        self._running: Record | None = None
        self._tasks = TaskOwner("local node")

    def start(self) -> None:
        """Adopt the living node or start one, and keep one running."""
        _ = self._tasks.start(self._keep(), name="keeper")

    async def stop(self, number: signal.Signals) -> None:
        """Pass the signal that stops Main on: SIGINT ends the node's terminals too. Killed when it takes too long."""
        await self._tasks.close(timeout_s=1.0)
        record = self._running
        if record is None:
            return
        signal_process(record.pid, number)
        try:
            async with asyncio.timeout(STOP_DEADLINE_S):
                await _ended(record)
        except TimeoutError:
            log.warning("local_node_killed", pid=record.pid)
            signal_group(record.pid, signal.SIGKILL)
        await self._settings.remove(RECORD)

    async def _keep(self) -> None:
        await self._adopt()
        delay_s = FIRST_DELAY_S
        clock = asyncio.get_running_loop().time
        while True:
            begun = clock()
            try:
                code = await self._run_once()
            except OSError as error:  # no room for a process or its log: later there may be
                log.error("local_node_not_started", reason=str(error), again_in_s=delay_s)  # noqa: TRY400
            else:
                if clock() - begun > HEALTHY_S:
                    delay_s = FIRST_DELAY_S
                said = await asyncio.to_thread(last_words, self._log_file, code)
                log.warning("local_node_ended", code=code, said=said, again_in_s=delay_s)
            await asyncio.sleep(delay_s)
            delay_s = min(2 * delay_s, MAX_DELAY_S)

    async def _adopt(self) -> None:
        """Wait for the end of the node that an earlier Main left; one that dials another address is stopped."""
        kept = await self._settings.get(RECORD)
        if kept is None:
            return
        record = msgspec.json.decode(kept, type=Record)
        if not await asyncio.to_thread(is_alive, record.pid, record.started):
            return
        self._running = record
        if record.url != self._url:
            log.info("local_node_moved", pid=record.pid)
            signal_process(record.pid, signal.SIGTERM)
        else:
            log.info("local_node_adopted", pid=record.pid)
        await _ended(record)
        self._running = None

    async def _run_once(self) -> int:
        """Start the node and return its exit code."""
        reading, writing = os.pipe()
        try:
            os.write(writing, self._make_token().encode())
            os.close(writing)
            output = await asyncio.to_thread(_open_private, self._log_file)
            try:
                process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    str(self._program),
                    f"--token-fd={reading}",
                    f"--node.main_server_url={self._url}",
                    f"--data-folder={self._log_file.parent}",
                    stdin=asyncio.subprocess.DEVNULL,
                    # Not Main's own output: the node outlives a Main that is killed, and must not hold its pipes.
                    stdout=output,
                    stderr=output,
                    env=self._environment,
                    pass_fds=(reading,),
                    start_new_session=True,
                )
            finally:
                os.close(output)
        finally:
            os.close(reading)
        started = await asyncio.to_thread(start_time, process.pid)
        if started is not None:
            self._running = Record(process.pid, started, self._url)
            log.info("local_node_started", pid=process.pid, output=str(self._log_file))
            try:
                await self._settings.put(RECORD, msgspec.json.encode(self._running).decode())
            except WireError as error:  # a full disk: only a Main that comes after a killed one would need it
                log.warning("local_node_not_recorded", reason=error.detail)
        code = await process.wait()
        self._running = None
        return code


async def _ended(record: Record) -> None:
    while await asyncio.to_thread(is_alive, record.pid, record.started):  # noqa: ASYNC110  perhaps no child of ours
        await asyncio.sleep(LOOK_EVERY_S)


def _open_private(file: Path) -> int:
    return os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o600)


def last_words(file: Path, code: int) -> str | None:
    """Why a process that wrote `file` ended with this exit code, in its own words: its last line. Blocking.

    None for one that did not fail by itself: whatever it wrote last is not about its end; and where the file has gone.
    """
    if code <= 0:
        return None
    try:
        with file.open("rb") as kept:
            kept.seek(max(0, file.stat().st_size - SENTENCE_BYTES))
            lines = kept.read().decode("utf-8", "replace").strip().splitlines()
    except OSError:
        return None
    return lines[-1] if lines else None
