"""One op from the page through Main to the node and back, against one plain aiohttp hop: ``python -m
tests.bench.op_latency``. Target: p50 ≤ 0.8 ms.
"""

import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import uvloop

from tests.bench.reference_hop import reference
from tests.bench.report import Row, table
from tests.support.installation import installed

ROUNDS = 12
CALLS = 300

Call = Callable[[], Awaitable[object]]


async def _round(call: Call) -> list[float]:
    """Milliseconds of each call, one after the other."""
    taken = []
    for _ in range(CALLS):
        begun = time.perf_counter()
        await call()
        taken.append((time.perf_counter() - begun) * 1000)
    return taken


async def measure() -> list[Row]:
    """Rounds interleaved with the reference's; ratios are of one round."""
    with tempfile.TemporaryDirectory(prefix="switchyard-bench-") as folder:
        async with (
            installed(Path(folder)) as whole,
            reference() as (url, _),
            aiohttp.ClientSession() as http,
            http.ws_connect(f"{url}/echo") as plain,
            whole.client.socket() as socket,
        ):

            async def hop() -> None:
                await plain.send_str('{"jsonrpc":"2.0","id":1,"method":"terminal.list","params":{"node":"x"}}')
                await plain.receive_str()

            async def op() -> None:
                await socket.call("terminal.list", {"node": whole.node})

            rounds = [(await _round(hop), await _round(op)) for _ in range(ROUNDS)]
    ours = sorted(ms for _, each in rounds for ms in each)
    plain_ms = statistics.median(ms for each, _ in rounds for ms in each)
    ratio = statistics.median(statistics.median(ours) / statistics.median(hop) for hop, ours in rounds)
    return [
        Row("one aiohttp hop, echo, p50", plain_ms, "ms", "reference"),
        Row("op through Main to the node, p50", statistics.median(ours), "ms", f"{ratio:.1f}x the hop; target 0.8"),
        Row("op through Main to the node, p99", ours[len(ours) * 99 // 100], "ms"),
    ]


def main() -> None:
    """Print it."""
    print(table("One op", uvloop.run(measure())))


if __name__ == "__main__":
    main()
