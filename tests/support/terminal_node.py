"""``python -m tests.support.terminal_node DATABASE MAIN CONFIG``: a node that has terminals and nothing else.

Calls come as JSON lines ``{"op", "params"}`` on standard input, answers go to standard output as JSON lines; the first
line names the holder. CONFIG is the section `terminal` as JSON. The end of standard input ends the node and leaves the
terminals.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

import msgspec
import uvloop

from config import Terminal as TerminalConfig
from config import child_environment
from node.context import Subscribed
from node.terminal.handlers import handlers
from node.terminal.service import TerminalService
from node.terminal.stream import StreamServer
from tests.support.terminal_link import CALLER
from ws.protocol.errors import WireError
from ws.protocol.ops import OPS
from ws.streams import RawSocket, dial_raw


class _Line(msgspec.Struct):
    op: str
    params: msgspec.Raw


def say(line: bytes) -> None:
    os.write(sys.stdout.fileno(), line + b"\n")


async def serve(database: Path, main: str, config: TerminalConfig) -> None:
    service = TerminalService(config, database, child_environment())
    await service.adopt()

    async def dial(key: str) -> RawSocket:
        return await dial_raw(f"{main}/ws/stream", {"Authorization": f"Bearer {key}"})

    streams = StreamServer(service, dial)
    table = handlers(service, streams)
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    say(msgspec.json.encode({"holder": service.holder_pid}))
    async for raw in lines:
        line = msgspec.json.decode(raw, type=_Line)
        params = msgspec.json.decode(line.params, type=OPS[line.op].params)
        try:
            result: Any = await table[line.op](CALLER, params)
            assert not isinstance(result, Subscribed)
        except WireError as error:
            result = error.data
        say(msgspec.json.encode(result))
    await streams.close()
    await service.close(end_terminals=False)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # as a shell without job control starts what runs in the background
    settings = msgspec.json.decode(sys.argv[3], type=TerminalConfig)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(Path(sys.argv[1]), sys.argv[2], settings))
