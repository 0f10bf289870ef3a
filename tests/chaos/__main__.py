"""Longer than in continuous integration: ``make chaos ARGS="--minutes 30 --seed 100 --acts 200"``.

One run after another with the next seed until the time is over; the first broken promise ends it and names its seed.
"""

import argparse
import asyncio
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.chaos.driver import Plan
from tests.chaos.oracle import judge_page
from tests.chaos.run import run


async def chaos(minutes: float, seed: int, plan: Plan) -> None:
    """Runs for so long, at least one; prints what was done."""
    end = time.monotonic() + minutes * 60
    done: Counter[str] = Counter()
    runs = events = prompts = lagged = 0
    while not runs or time.monotonic() < end:
        print(f"seed {seed + runs} …", flush=True)
        with tempfile.TemporaryDirectory(prefix="switchyard-chaos-") as folder:
            outcome = await run(Path(folder), plan, seed + runs)
            await judge_page(outcome.folds)
        for act, times in outcome.told.done.items():
            done.update(dict.fromkeys(act.split("+"), times))
        runs += 1
        events += outcome.events
        prompts += len(outcome.told.accepted)
        lagged += outcome.lagged
    print(f"{runs} runs, {prompts} prompts, {events} events in the journals, {lagged} readers told that they lag")
    for name, times in sorted(done.items()):
        print(f"{times:6} {name}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1, help="of the first run")
    parser.add_argument("--acts", type=int, default=100, help="in a run, beside the breaks")
    parser.add_argument("--each", type=int, default=2, help="how often a run has each kind of break")
    given = parser.parse_args()
    asyncio.run(chaos(given.minutes, given.seed, Plan(acts=given.acts, each=given.each)))
