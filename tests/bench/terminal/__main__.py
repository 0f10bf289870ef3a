"""The whole comparison in one go: rounds interleaved, medians of ratios of one round. Prints Markdown.

``python -m tests.bench.terminal`` takes about six minutes; ``--rounds 2`` is a look.
"""

import argparse
import contextlib
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.bench.terminal import measures
from tests.bench.terminal.ends import End
from tests.bench.terminal.measures import ECHO, ENDLESS, FAST_FOR_S, FLOOD, SLOW_BYTES_S, SLOW_FOR_S, opened
from tests.bench.terminal.sheet import Sheet, machine
from tests.bench.terminal.systems import DirectSystem, OurSystem, System, framed, sshd, switchyard, terminado, ttyd

FEW_ROUNDS = 3
"""Of what takes long."""
STALLED_ROUNDS = 2
"""Each takes 20 s and more."""
TERMINALS = 50
WARMING = 3
"""Terminals before these are measured: what the first one imports and opens is not for each."""
NOBODY_TYPES_S = 0.5
"""After this the node gives a flood everything that it has (node/terminal/pace.py)."""


class Comparison:
    """All rows of one run. The direct PTY takes part where the question is not about a connection."""

    def __init__(self, references: list[System], framed_link: System, ours: OurSystem, rounds: int) -> None:
        self.sheet = Sheet(references, framed_link, ours, rounds)
        self._ours = ours
        self._all: list[System] = [*references, ours]
        self._served = [system for system in self._all if not isinstance(system, DirectSystem)]

    def run(self) -> None:
        parts = [self._many, self._echoes, self._echo_for_two, self._floods, self._floods_beside_typing, self._ctrl_c]
        parts += [self._beside_a_flood, self._beside_a_stalled_reader, self._stalled, self._paste]
        for part in parts:
            began = time.monotonic()
            part()
            sys.stderr.write(f"{part.__name__.strip('_').replace('_', ' ')}: {time.monotonic() - began:.0f} s\n")

    def _echoes(self) -> None:
        with _terminals([*self._all, self.sheet.framed], ECHO) as quiet:
            for end in quiet.values():
                measures.echo(end)

            def measure(system: System) -> None:
                p50, p99 = measures.echo(quiet[system.name])
                self.sheet.note("echo p50, ms", system, p50)
                self.sheet.note("echo p99, ms", system, p99)

            self.sheet.each_round(measure, [*self._all, self.sheet.framed])

    def _echo_for_two(self) -> None:
        """Only of ours: the others have one reader a terminal, or are not asked for a second."""
        end = self._ours.open(ECHO)
        measures.until(end, b"ready")
        with contextlib.closing(end), contextlib.closing(end.beside()) as other:
            measures.until(other, b"ready")

            def measure(system: System) -> None:
                self.sheet.note("echo p50 with a second reader, ms", system, measures.echo_for_two(end, other))

            self.sheet.each_round(measure, [self._ours])

    def _floods(self) -> None:
        with _terminals([*self._all, self.sheet.framed], FLOOD) as loud:
            time.sleep(NOBODY_TYPES_S)  # noqa: TID251 - a process without a loop

            def measure(system: System) -> None:
                mb_s, cpu_s = measures.flood(system, loud[system.name])
                self.sheet.note("flood, MB/s", system, mb_s)
                self.sheet.note("processor for 100 MB, s", system, cpu_s)

            self.sheet.each_round(measure, [*self._all, self.sheet.framed])

    def _floods_beside_typing(self) -> None:
        with _terminals(self._all, FLOOD) as loud, _terminals(self._all, ECHO) as quiet:

            def measure(system: System) -> None:
                mb_s = measures.flood_beside_typing(loud[system.name], quiet[system.name])
                self.sheet.note("flood while somebody types in another terminal, MB/s", system, mb_s)

            self.sheet.each_round(measure, self._all, FEW_ROUNDS)

    def _ctrl_c(self) -> None:
        with _terminals(self._all, ENDLESS) as ends:

            def fast(system: System) -> None:
                took = measures.ctrl_c(ends[system.name], FAST_FOR_S, None)
                self.sheet.note("Ctrl-C to prompt, fast reader, ms", system, took)

            def slow(system: System) -> None:
                took = measures.ctrl_c(ends[system.name], SLOW_FOR_S, SLOW_BYTES_S)
                self.sheet.note("Ctrl-C to prompt, reader at 1 MB/s, ms", system, took)

            self.sheet.each_round(fast, self._all)
            self.sheet.each_round(slow, self._all, FEW_ROUNDS)

    def _beside_a_flood(self) -> None:
        with _terminals(self._all, ECHO) as quiet:

            def measure(system: System) -> None:
                with measures.flooding(system):
                    p50, p99 = measures.echo(quiet[system.name])
                self.sheet.note("echo p50 beside a flood, ms", system, p50)
                self.sheet.note("echo p99 beside a flood, ms", system, p99)

            self.sheet.each_round(measure, self._all)

    def _beside_a_stalled_reader(self) -> None:
        with _terminals(self._all, ECHO) as quiet:

            def measure(system: System) -> None:
                with contextlib.closing(opened(system, ENDLESS)) as stalled:
                    stalled.type(b"\n")
                    self.sheet.note(
                        "echo p50 beside a stalled reader, ms", system, measures.echo(quiet[system.name])[0]
                    )

            self.sheet.each_round(measure, self._all)

    def _paste(self) -> None:
        """Last of all, and in new terminals each time: one thread of terminado writes for all, and stays blocked.

        Not the direct PTY: a write into a full one never returns.
        """
        for number in range(min(FEW_ROUNDS, self.sheet.rounds)):
            for system in [*self._served[number:], *self._served[:number]]:
                with (
                    contextlib.closing(opened(system, ECHO)) as quiet,
                    contextlib.closing(opened(system, measures.DEAF)) as deaf,
                ):
                    took = measures.pasted(deaf, quiet)
                self.sheet.note("echo p50 during a paste of 1 MB that nobody reads, ms", system, took)

    def _stalled(self) -> None:
        for _ in range(min(STALLED_ROUNDS, self.sheet.rounds)):
            found = measures.stalled(self._served)
            for system in self._served:
                grown_mb, took = found[system.name]
                self.sheet.note("Ctrl-C to prompt, reader back after 20 s, ms", system, took)
                self.sheet.note("resident more at its peak meanwhile, MB", system, grown_mb)

    def _many(self) -> None:
        """First of all: a process that has worked has room to reuse."""
        idle: list[End] = []
        for system in self._served:
            self.sheet.note("resident before the first terminal, MB", system, measures.resident_mb(system))
            with measures.within(measures.LIMIT_S):
                _, warming = measures.per_terminal_kb(system, WARMING)
                _closed(warming)
                kb, ends = measures.per_terminal_kb(system, TERMINALS)
            idle += ends
            self.sheet.note(f"own memory for each of {TERMINALS} terminals, KB", system, kb)
        with _terminals(self._served, ECHO) as quiet:

            def measure(system: System) -> None:
                took = measures.echo(quiet[system.name])[0]
                self.sheet.note(f"echo p50 beside {TERMINALS} idle terminals, ms", system, took)

            self.sheet.each_round(measure, self._served)
        _closed(idle)


@contextlib.contextmanager
def _terminals(systems: Sequence[System], script: str) -> Iterator[dict[str, End]]:
    """One of each that runs `script`, by the system's name."""
    ends = {system.name: opened(system, script) for system in systems}
    yield ends
    _closed(list(ends.values()))


def _closed(ends: Sequence[End]) -> None:
    for end in ends:
        end.close()


def run(rounds: int) -> None:
    began = time.monotonic()
    described = machine()
    with tempfile.TemporaryDirectory(prefix="switchyard-sshd-") as folder, contextlib.ExitStack() as stack:
        ours, framed_link = stack.enter_context(switchyard()), stack.enter_context(framed())
        found = {"sshd": stack.enter_context(sshd(Path(folder))), "ttyd": stack.enter_context(ttyd())}
        installed: list[System] = [each for each in found.values() if each is not None]
        references: list[System] = [DirectSystem(), *installed, stack.enter_context(terminado())]
        comparison = Comparison(references, framed_link, ours, rounds)
        comparison.run()
    print(f"{rounds} rounds on {described}; took {time.monotonic() - began:.0f} s.")
    for name in [name for name, each in found.items() if each is None]:
        print(f"{name}: not installed.")
    print(f"\n{comparison.sheet.markdown()}")


def main() -> None:
    """Print it."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.terminal")
    parser.add_argument("--rounds", type=int, default=10)
    run(parser.parse_args().rounds)


if __name__ == "__main__":
    main()
