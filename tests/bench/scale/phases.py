"""The parts of the run: nodes join, pages open, sessions speak, all nodes drop and return. Each is rows of a table."""

import time
from dataclasses import dataclass

from tests.bench.scale.gauges import Gauges, Presence, Stretch
from tests.bench.scale.worker import Worker

STORM_S = 120.0
"""For all to be online again, at the worst."""


@dataclass(frozen=True)
class Plan:
    """How many of each, rising; `quiet_s` of each step are measured without news, `speak_s` with events."""

    nodes: tuple[int, ...] = (25, 50, 100, 200)
    pages: tuple[int, ...] = (250, 500, 1000, 2000)
    events_per_s: tuple[int, ...] = (10, 50, 200)
    users: int = 10
    quiet_s: float = 4.0
    speak_s: float = 5.0
    return_within_s: float = 10.0


@dataclass(frozen=True)
class Scene:
    """What the parts play with. `tokens` are the logins of the pages."""

    plan: Plan
    gauges: Gauges
    presence: Presence
    nodes: Worker
    pages: Worker
    tokens: list[str]

    @property
    def all_nodes(self) -> int:
        """With the one that ops go to."""
        return self.plan.nodes[-1] + 1


Table = tuple[str, list[str], list[list[str]]]
"""Title, heads, rows."""


def _shown(stretch: Stretch) -> list[str]:
    return [f"{stretch.cpu_s / stretch.seconds * 100:.0f} %", f"{stretch.op_ms(0.5):.1f}", f"{stretch.op_ms(0.99):.1f}"]


async def join(scene: Scene) -> Table:
    """More and more nodes, with one page that watches."""
    rows = []
    before_kb, known = scene.gauges.resident_kb(), 0
    for count in scene.plan.nodes:
        async with scene.gauges.stretch(has_ops=False) as joining:
            await scene.nodes.tell("join", until=count)
            await scene.presence.reach(count + 1, 0, STORM_S)
        async with scene.gauges.stretch(scene.plan.quiet_s) as quiet:
            pass
        now_kb = scene.gauges.resident_kb()
        each_kb = (now_kb - before_kb) / (count - known)
        each_ms = joining.cpu_s * 1000 / (count - known)
        rows.append([str(count), f"{now_kb / 1024:.0f}", f"{each_kb:.0f}", f"{each_ms:.1f}", *_shown(quiet)])
        before_kb, known = now_kb, count
    heads = ["nodes", "RSS MB", "KB per new node", "CPU ms to join one", "CPU, quiet", "op p50 ms", "op p99 ms"]
    return "Nodes, with one page", heads, rows


async def open_pages(scene: Scene) -> Table:
    """More and more pages, each with three watches, on all nodes."""
    rows = []
    before_kb, known = scene.gauges.resident_kb(), 0
    for count in scene.plan.pages:
        async with scene.gauges.stretch(has_ops=False) as opening:
            await scene.pages.tell("open", until=count, nodes=scene.plan.nodes[-1], tokens=scene.tokens)
        await scene.pages.tell("count")
        async with scene.gauges.stretch(scene.plan.quiet_s) as quiet:
            pass
        heard = await scene.pages.tell("count")
        now_kb = scene.gauges.resident_kb()
        each_kb, each_ms = (now_kb - before_kb) / (count - known), opening.cpu_s * 1000 / (count - known)
        frames = f"{heard['frames'] / quiet.seconds:.0f}"
        rows.append([str(count), f"{now_kb / 1024:.0f}", f"{each_kb:.0f}", f"{each_ms:.1f}", frames, *_shown(quiet)])
        before_kb, known = now_kb, count
    heads = ["pages", "RSS MB", "KB per new page", "CPU ms to open one", "events/s to all, quiet", "CPU, quiet"]
    return f"Pages, with {scene.plan.nodes[-1]} nodes", [*heads, "op p50 ms", "op p99 ms"], rows


async def speak(scene: Scene) -> Table:
    """More and more events of sessions, each for the pages that watch it."""
    rows = []
    for per_s in scene.plan.events_per_s:
        await scene.pages.tell("count")
        async with scene.gauges.stretch() as busy:
            said = await scene.nodes.tell("speak", per_s=per_s, for_s=scene.plan.speak_s)
        heard = await scene.pages.tell("count")
        rows.append(
            [
                f"{said['events'] / said['s']:.0f}",
                f"{heard['frames'] / busy.seconds:.0f}",
                f"{heard['p50_ms']:.1f}",
                f"{heard['p99_ms']:.1f}",
                *_shown(busy),
            ]
        )
    heads = ["events/s", "to all pages", "event p50 ms", "event p99 ms", "CPU", "op p50 ms", "op p99 ms"]
    return f"Events, with {scene.plan.nodes[-1]} nodes and {scene.plan.pages[-1]} pages", heads, rows


async def storm(scene: Scene, *, has_pages: bool) -> Table:
    """All nodes drop at once; they return at random moments, then all at once."""
    rows = []
    for within_s in (scene.plan.return_within_s, 0.0):
        if has_pages:
            await scene.pages.tell("count")
            await scene.pages.tell("expect_return")
        expected = scene.presence.arrivals + scene.plan.nodes[-1]
        begun = time.perf_counter()
        async with scene.gauges.stretch() as stormy:
            told = await scene.nodes.tell("storm", within_s=within_s)
            await scene.presence.reach(scene.all_nodes, expected, STORM_S)
            late_s = time.perf_counter() - begun - told["last_away_s"]
            if has_pages:
                await scene.pages.tell("returned")
            whole_s = time.perf_counter() - begun - told["last_away_s"]
        heard = await scene.pages.tell("count") if has_pages else dict.fromkeys(("median", "lagging", "closed"), 0)
        how = f"within {within_s:g} s" if within_s else "at once"
        rows.append(
            [
                how,
                f"{late_s:.2f}",
                f"{whole_s:.2f}",
                f"{heard['median']:.0f}",
                str(heard["lagging"]),
                str(heard["closed"]),
                f"{stormy.cpu_s:.1f}",
                f"{scene.gauges.resident_kb() / 1024:.0f}",
                f"{stormy.op_ms(0.5):.1f}",
                f"{stormy.op_ms(0.99):.1f}",
            ]
        )
    heads = [
        "nodes return",
        "s from the last dial to all online",
        "to all pages live",
        "events to a page",
        "lagging",
        "cut",
    ]
    pages = scene.plan.pages[-1] if has_pages else 1
    title = f"All {scene.plan.nodes[-1]} nodes drop, with {pages} page{'s' if pages > 1 else ''}"
    return title, [*heads, "CPU s", "RSS MB", "op p50 ms", "op p99 ms"], rows
