"""What our adapter adds to a turn of Claude: the same prompts through the bare SDK and through the adapter, in turns.

`python -m tests.bench.turn_overhead [--rounds N]`. Both sides have their own live CLI on one scripted model. A round is
one turn on each side, and the sides change places from round to round. The first quartile is compared: what a turn
costs when little else wants the processor.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from claude_agent_sdk import ClaudeAgentOptions, ClaudeSDKClient, PermissionResultAllow, ToolPermissionContext

from providers.base import ProcessRecorder, Prompt, SessionSpec
from providers.claude.provider import ClaudeProvider, ClaudeSettings
from tests.contract.driver import Driver, ended
from tests.contract.harness import claude_environment
from tests.support.model_server import ModelServer
from ws.tasks import TaskOwner

MODEL = "claude-sonnet-4-5"
PROMPTS = {
    "one line": "say hello",
    "200 deltas": "chunks 200",
    "a tool": "run echo heron\nsay done",
    "1 MiB": "big 1024",
}

WARM_UP = 10
"""Rounds that are not counted: the CLI's first turns are slower."""

Turn = Callable[[str], Awaitable[None]]


@asynccontextmanager
async def bare_sdk(folder: Path, environment: dict[str, str]) -> AsyncIterator[Turn]:
    async def allow(_name: str, _input: dict[str, object], _context: ToolPermissionContext) -> PermissionResultAllow:
        return PermissionResultAllow()

    options = ClaudeAgentOptions(
        cwd=folder,
        model=MODEL,
        system_prompt={"type": "preset", "preset": "claude_code"},
        setting_sources=["user", "project", "local"],
        include_partial_messages=True,
        can_use_tool=allow,
        max_buffer_size=64 * 2**20,
        env=environment,
    )
    async with ClaudeSDKClient(options) as client:

        async def turn(prompt: str) -> None:
            await client.query(prompt)
            async for _message in client.receive_response():
                pass

        yield turn


@asynccontextmanager
async def adapter(folder: Path, environment: dict[str, str]) -> AsyncIterator[Turn]:
    owner = TaskOwner("bench")
    provider = ClaudeProvider(ClaudeSettings(), environment, owner.start)
    spec = SessionSpec(path=folder, model=MODEL, new_native_id=str(uuid.uuid4()))
    driver = Driver(await provider.open(spec, ProcessRecorder()))

    async def turn(prompt: str) -> None:
        await driver.agent.prompt(Prompt(message_id=str(uuid.uuid4()), text=prompt))
        ended(await driver.rest_of_turn())

    try:
        yield turn
    finally:
        await driver.agent.close()
        await owner.close()


async def measure(rounds: int) -> None:
    async with AsyncExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = await stack.enter_async_context(ModelServer())
        environment = claude_environment(server, scratch)
        sides = {
            "sdk": await stack.enter_async_context(bare_sdk(scratch, environment)),
            "adapter": await stack.enter_async_context(adapter(scratch, environment)),
        }
        print(f"{'prompt':12} {'bare SDK':>10} {'adapter':>10} {'ratio':>7}   first quartile of {rounds} rounds, ms")
        for name, prompt in PROMPTS.items():
            times_s: dict[str, list[float]] = {side: [] for side in sides}
            for number in range(WARM_UP + rounds):
                for side in sorted(sides, reverse=bool(number % 2)):
                    start_s = time.perf_counter()
                    await sides[side](prompt)
                    times_s[side].append(time.perf_counter() - start_s)
            cost_ms = {side: statistics.quantiles(taken[WARM_UP:])[0] * 1000 for side, taken in times_s.items()}
            ratio = cost_ms["adapter"] / cost_ms["sdk"]
            print(f"{name:12} {cost_ms['sdk']:10.1f} {cost_ms['adapter']:10.1f} {ratio:7.2f}")


def main() -> None:
    """Print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    asyncio.run(measure(parser.parse_args().rounds))


if __name__ == "__main__":
    main()
