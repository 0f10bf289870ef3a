"""A crowd in a process of its own: told in lines of JSON what to do, and answering each with one."""

import asyncio
import contextlib
import json
import resource
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

from tests.support.processes import ROOT

Answer = dict[str, Any]
ANSWER_S = 300.0


def raise_limit() -> None:
    """As many descriptors as this user may have: a crowd has thousands."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def obey(commands: Mapping[str, Callable[..., Awaitable[Answer]]]) -> None:
    """In the worker: do what standard input says until it ends."""
    raise_limit()
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        told = json.loads(line)
        answer = await commands[told.pop("do")](**told)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    transport.close()


class Worker:
    """The worker as its owner sees it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def tell(self, command: str, /, **arguments: Any) -> Answer:
        """Have something done; raises AssertionError when the worker has ended or does not answer in time."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None, "a pipe"
        assert stdout is not None, "a pipe"
        stdin.write(json.dumps({"do": command, **arguments}).encode() + b"\n")
        await stdin.drain()
        line = await asyncio.wait_for(stdout.readline(), ANSWER_S)
        assert line, f"the worker ended at {command}"
        return dict(json.loads(line))


@contextlib.asynccontextmanager
async def worker(module: str, *arguments: str) -> AsyncIterator[Worker]:
    """A worker that runs `module`; it ends with the block."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        *arguments,
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield Worker(process)
    finally:
        assert process.stdin is not None, "a pipe"
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), 15)
        except TimeoutError:
            process.kill()
            await process.wait()
