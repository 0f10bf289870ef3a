"""`python -m tests.support.model_server --port N`: the scripted model for demos."""

import argparse
import asyncio
import sys

from tests.support.model_server.server import ModelServer


async def serve(port: int) -> None:
    async with ModelServer(port) as server:
        sys.stdout.write(f"scripted model on {server.url}; start the node with ANTHROPIC_BASE_URL={server.url}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.support.model_server", description=__doc__)
    parser.add_argument("--port", type=int, default=8399, help="0 takes any free port")
    try:
        asyncio.run(serve(parser.parse_args().port))
    except KeyboardInterrupt:
        sys.stdout.write("stopped\n")


main()
