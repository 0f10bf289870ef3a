"""``python -m tests.bench.scale [--nodes 200] [--pages 2000]``: how Main's cost grows, as tables in Markdown."""

import argparse
import asyncio

from tests.bench.scale.phases import Plan, Table
from tests.bench.scale.run import measure


def _rising(most: int) -> tuple[int, ...]:
    return tuple(dict.fromkeys(max(1, most // part) for part in (8, 4, 2, 1)))


def _markdown(table: Table) -> str:
    title, heads, rows = table
    lines = [f"### {title}", "", f"| {' | '.join(heads)} |", f"|{' ---: |' * len(heads)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows), ""])


async def _print(plan: Plan) -> None:
    async for table in measure(plan):
        print(_markdown(table), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Main with many nodes and many pages")
    parser.add_argument("--nodes", type=int, default=200)
    parser.add_argument("--pages", type=int, default=2000)
    given = parser.parse_args()
    asyncio.run(_print(Plan(nodes=_rising(given.nodes), pages=_rising(given.pages))))


if __name__ == "__main__":
    main()
