"""What was measured, and how it is said: medians, and medians of the ratios of one round."""

import math
import platform
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import psutil

from tests.bench.terminal.measures import LIMIT_S, within
from tests.bench.terminal.systems import System


@dataclass
class Sheet:
    """`rows` by what was measured, then by system: one value a round. `ours` is compared with each of `references`."""

    references: list[System]
    framed: System
    ours: System
    rounds: int
    rows: dict[str, dict[str, list[float]]] = field(default_factory=dict)

    def note(self, row: str, system: System, value: float) -> None:
        self.rows.setdefault(row, {}).setdefault(system.name, []).append(value)

    def each_round(
        self, measure: Callable[[System], None], systems: Sequence[System], rounds: int | None = None
    ) -> None:
        """Every system in turn, another first in each round; at most so many rounds."""
        for number in range(min(rounds or self.rounds, self.rounds)):
            turn = number % len(systems)
            for system in [*systems[turn:], *systems[:turn]]:
                with within(LIMIT_S):
                    measure(system)

    def markdown(self) -> str:
        names = [system.name for system in (*self.references, self.framed, self.ours)]
        others = [system.name for system in self.references]
        head = ["", *names, *(f"÷ {name}" for name in others)]
        lines = [_line(head), _line(["---", *["---:"] * (len(head) - 1)])]
        for row, values in self.rows.items():
            cells = [_cell(values[name]) if name in values else "–" for name in names]
            mine = values[self.ours.name]
            ratios = [_ratio(mine, values.get(name, [])) for name in others]
            lines.append(_line([row, *cells, *ratios]))
        return "\n".join(lines)


def machine() -> str:
    gib = psutil.virtual_memory().total / 1024**3
    return (
        f"{psutil.cpu_count()} processors ({platform.machine()}), {gib:.0f} GiB, {platform.system()}"
        f" {platform.release().split('-')[0]}, Python {platform.python_version()}, loopback; load"
        f" {psutil.getloadavg()[0]:.1f} at the start"
    )


def _cell(values: list[float]) -> str:
    value = statistics.median(values)
    if math.isinf(value):
        return "too late"
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def _ratio(ours: list[float], theirs: list[float]) -> str:
    """The median of the ratios of the same round, where there is one."""
    pairs = zip(ours, theirs, strict=False)
    ratios = [mine / other for mine, other in pairs if other and math.isfinite(mine)]
    return f"{statistics.median(ratios):.2f}" if ratios else "–"


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
