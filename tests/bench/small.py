"""Each measurement in small: its figures mean nothing, but it comes to its end. ``python -m tests.bench.small NAME``.

`SMALL` says which constants of which modules are set how; `LONG` takes too long even so, or a browser.
"""

import importlib
import sys
from collections.abc import Mapping
from pathlib import Path

SMALL: Mapping[str, Mapping[str, Mapping[str, object]]] = {
    "agent_events": {"agent_events": {"PER_SECOND": 50, "SECONDS": 1, "BURST": 200}},
    "browser_sockets": {"browser_sockets": {"WATCHERS": 3, "EVENTS": 3, "IDLE": 10}},
    "choices": {
        "choices": {
            "ROUNDS": 1, "ECHOES": 5, "SLOW_FOR_S": 0.02, "SLOW_BYTES_S": 1e9, "NOBODY_TYPES_S": 0.0, "FAR_S": 0.001,
            "FAR_BYTES": 100_000,
        },
        "terminal.measures": {"FLOOD_BYTES": 300_000, "UNDER_WAY_S": 0.0},
    },
    "files_list": {"files_list": {"ROUNDS": 1, "SIZES": ((50, 15),)}},
    "git_log": {"files_list": {"ROUNDS": 1}, "git_log": {"COMMITS": 200, "BRANCHES": 5, "FAR": 100}},
    "git_status": {"files_list": {"ROUNDS": 1}, "git_status": {"SIZES": (20,)}},
    "journal_appends": {"journal_appends": {"EVENTS": 800}},
    "journal_open": {"journal_open": {"LONG": 600, "SESSIONS": 2, "EACH": 200, "ROUNDS": 1}},
    "native_index": {"native_index": {"TRANSCRIPTS": 4, "FOLDERS": 2, "ROUNDS": 1}},
    "op_latency": {"op_latency": {"ROUNDS": 1, "CALLS": 5}},
    "search": {"files_list": {"ROUNDS": 1}, "search": {"FILES": 1000}},
    "session_fanout": {
        "session_fanout": {"SESSIONS": 2, "BROWSERS": 2, "OPEN_EACH": 1, "PER_SECOND": 20, "SECONDS": 1}
    },
    "splice_echo": {"splice_echo": {"ROUNDS": 1, "ECHOES": 20}},
    "terminal": {
        "terminal.__main__": {
            "FAST_FOR_S": 0.02, "SLOW_FOR_S": 0.02, "TERMINALS": 2, "WARMING": 1, "NOBODY_TYPES_S": 0.0,
        },
        "terminal.systems": {"_PATH": ""},  # no sshd: its hundred connections take longest
        "terminal.measures": {
            "ECHOES": 10, "FLOOD_BYTES": 300_000, "PASTE_LIMIT_S": 1, "STALLED_FOR_S": 0.1, "UNDER_WAY_S": 0.0,
            "RETURN_LIMIT_S": 5,
        },
    },
    "transfer": {"transfer": {"SIZE_BYTES": 1 << 20, "HUGE_BYTES": 1 << 21, "ROUNDS": 1}},
}  # fmt: skip
LONG = frozenset({"memory", "page", "page_log", "start", "turn_overhead"})
ELSEWHERE = frozenset({"scale"})
"""Has a test of its own (tests/system/test_bench_scale.py)."""


def names() -> set[str]:
    """All measurements that there are."""
    here = Path(__file__).parent
    files = {path.stem for path in here.glob("*.py") if "\ndef main" in path.read_text() and path.stem != "small"}
    return files | {path.parent.name for path in here.glob("*/__main__.py")}


def run(name: str) -> None:
    """The measurement `name` with small constants; of the long ones only that they can be loaded."""
    for module, constants in SMALL.get(name, {}).items():
        loaded = importlib.import_module(f"tests.bench.{module}")
        for constant, value in constants.items():
            assert hasattr(loaded, constant), f"{module} has no {constant}"
            setattr(loaded, constant, value)
    is_package = (Path(__file__).parent / name).is_dir()
    measurement = importlib.import_module(f"tests.bench.{name}{'.__main__' if is_package else ''}")
    sys.argv = [name, *(["--rounds", "1"] if is_package else [])]
    if name not in LONG:
        measurement.main()


if __name__ == "__main__":
    run(sys.argv[1])
