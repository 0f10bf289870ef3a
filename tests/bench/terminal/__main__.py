"""The whole comparison in one go: rounds interleaved, medians of ratios of one round. Prints Markdown.

``python -m tests.bench.terminal`` takes about five minutes; ``--rounds 3`` is a look.
"""

import argparse
import contextlib
import platform
import statistics
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.bench.terminal import measures
from tests.bench.terminal.ends import End
from tests.bench.terminal.measures import ECHO, ENDLESS, FAST_FOR_S, FLOOD, SLOW_BYTES_S, SLOW_FOR_S, opened
from tests.bench.terminal.systems import DirectSystem, System, sshd, switchyard, ttyd

STALLED_ROUNDS = 3
"""Each takes 20 s."""
TERMINALS = 50
WARMING = 3
"""Terminals before these are measured: what the first one imports and opens is not for each."""


@dataclass
class Sheet:
    """`rows` by what was measured, then by system: one value a round."""

    systems: list[System]
    rounds: int
    rows: dict[str, dict[str, list[float]]] = field(default_factory=dict)

    def note(self, row: str, system: System, value: float) -> None:
        self.rows.setdefault(row, {}).setdefault(system.name, []).append(value)

    def each_round(self, measure: Callable[[System], None], rounds: int | None = None) -> None:
        """Every system in turn, another first in each round."""
        for number in range(rounds or self.rounds):
            turn = number % len(self.systems)
            for system in [*self.systems[turn:], *self.systems[:turn]]:
                measure(system)

    def markdown(self, ours: str) -> str:
        names = [system.name for system in self.systems]
        others = [name for name in names if name != ours]
        head = ["", *names, *(f"÷ {name}" for name in others)]
        lines = [_line(head), _line(["---", *["---:"] * (len(head) - 1)])]
        for row, values in self.rows.items():
            cells = [f"{statistics.median(values[name]):.3g}" if name in values else "–" for name in names]
            ratios = [
                f"{measures.paired(values[ours], values[other]):.2f}" if other in values else "–" for other in others
            ]
            lines.append(_line([row, *cells, *ratios]))
        return "\n".join(lines)


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


class Comparison:
    """All rows of one run. The direct PTY takes part where the question is not about a connection."""

    def __init__(self, systems: list[System], rounds: int) -> None:
        self.sheet = Sheet(systems, rounds)
        self._served = [system for system in systems if not isinstance(system, DirectSystem)]

    def run(self) -> None:
        self._memory()
        self._echoes_and_floods()
        self._ctrl_c()
        self._beside_a_flood()
        self._beside_a_stalled_reader()
        self._paste()
        self._stalled()

    def _open(self, script: str) -> dict[str, End]:
        return {system.name: opened(system, script) for system in self.sheet.systems}

    def _echoes_and_floods(self) -> None:
        quiet, loud = self._open(ECHO), self._open(FLOOD)
        for end in quiet.values():
            measures.echo(end)

        def measure(system: System) -> None:
            p50, p99 = measures.echo(quiet[system.name])
            self.sheet.note("echo p50, ms", system, p50)
            self.sheet.note("echo p99, ms", system, p99)
            mb_s, cpu_s = measures.flood(system, loud[system.name])
            self.sheet.note("flood, MB/s", system, mb_s)
            self.sheet.note("processor for 100 MB, s", system, cpu_s)

        self.sheet.each_round(measure)
        _close(quiet, loud)

    def _ctrl_c(self) -> None:
        fast, slow = self._open(ENDLESS), self._open(ENDLESS)

        def measure(system: System) -> None:
            took = measures.ctrl_c(fast[system.name], FAST_FOR_S, None)
            self.sheet.note("Ctrl-C to prompt, fast reader, ms", system, took)
            took = measures.ctrl_c(slow[system.name], SLOW_FOR_S, SLOW_BYTES_S)
            self.sheet.note("Ctrl-C to prompt, reader at 1 MB/s, ms", system, took)

        self.sheet.each_round(measure)
        _close(fast, slow)

    def _beside_a_flood(self) -> None:
        quiet = self._open(ECHO)

        def measure(system: System) -> None:
            with measures.flooding(system):
                p50, p99 = measures.echo(quiet[system.name])
            self.sheet.note("echo p50 beside a flood, ms", system, p50)
            self.sheet.note("echo p99 beside a flood, ms", system, p99)

        self.sheet.each_round(measure)
        _close(quiet)

    def _beside_a_stalled_reader(self) -> None:
        quiet = self._open(ECHO)

        def measure(system: System) -> None:
            stalled = opened(system, ENDLESS)
            stalled.type(b"\n")
            self.sheet.note("echo p50 beside a stalled reader, ms", system, measures.echo(quiet[system.name])[0])
            stalled.close()

        self.sheet.each_round(measure)
        _close(quiet)

    def _paste(self) -> None:
        quiet = self._open(ECHO)

        def measure(system: System) -> None:
            deaf = opened(system, measures.DEAF)
            took = measures.pasted(deaf, quiet[system.name])
            self.sheet.note("echo p50 during a paste of 1 MB that nobody reads, ms", system, took)
            deaf.close()

        self.sheet.systems, everything = self._served, self.sheet.systems  # a write into a full PTY never returns
        self.sheet.each_round(measure)
        self.sheet.systems = everything
        _close(quiet)

    def _stalled(self) -> None:
        for _ in range(min(STALLED_ROUNDS, self.sheet.rounds)):
            for name, (grown_mb, took) in measures.stalled(self._served).items():
                system = next(each for each in self._served if each.name == name)
                self.sheet.note("Ctrl-C to prompt, reader back after 20 s, ms", system, took)
                self.sheet.note("resident more at its peak meanwhile, MB", system, grown_mb)

    def _memory(self) -> None:
        """First of all: a process that has worked has room to reuse."""
        for system in self._served:
            self.sheet.note("resident before the first terminal, MB", system, measures.resident_mb(system))
            measures.per_terminal_kb(system, WARMING)
            kb = measures.per_terminal_kb(system, TERMINALS)
            self.sheet.note(f"own memory for each of {TERMINALS} terminals, KB", system, kb)


def _close(*opened_ends: dict[str, End]) -> None:
    for ends in opened_ends:
        for end in ends.values():
            end.close()


def _machine() -> str:
    gib = psutil.virtual_memory().total / 1024**3
    return (
        f"{psutil.cpu_count()} processors ({platform.machine()}), {gib:.0f} GiB, {platform.system()}"
        f" {platform.release().split('-')[0]}, Python {platform.python_version()}, loopback; load"
        f" {psutil.getloadavg()[0]:.1f} at the start"
    )


def run(rounds: int) -> None:
    machine = _machine()
    with tempfile.TemporaryDirectory(prefix="switchyard-sshd-") as folder, contextlib.ExitStack() as stack:
        ours = stack.enter_context(switchyard())
        found = [stack.enter_context(sshd(Path(folder))), stack.enter_context(ttyd())]
        systems: list[System] = [DirectSystem(), *(each for each in found if each is not None), ours]
        missing = [name for name, each in zip(("sshd", "ttyd"), found, strict=True) if each is None]
        comparison = Comparison(systems, rounds)
        comparison.run()
    print(f"{rounds} rounds on {machine}.")
    for name in missing:
        print(f"{name}: not installed.")
    print(f"\n{comparison.sheet.markdown(ours.name)}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.bench.terminal")
    parser.add_argument("--rounds", type=int, default=10)
    run(parser.parse_args().rounds)
