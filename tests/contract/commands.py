"""What the scripted model is told, in a prompt, to do: the lines that mean the same for every CLI."""

from collections.abc import Callable
from pathlib import Path
from typing import assert_never

from providers.scripted.conversation import (
    Ask,
    Background,
    Crash,
    Fail,
    Hold,
    Plan,
    Recall,
    Retry,
    Run,
    Say,
    Step,
    Think,
    Todo,
    Write,
)


def prompt_of(
    steps: tuple[Step, ...], folder: Path, *, background: Callable[[Background], str], todo: Callable[[Todo], str]
) -> str:
    """A line a step; `background` and `todo` give those in which the CLIs' tools differ."""

    def line(step: Step) -> str:
        match step:
            case Background():
                return background(step)
            case Todo():
                return todo(step)
            case _:
                return _line(step, folder)

    return "\n".join(line(step) for step in steps)


def _line(step: Say | Think | Recall | Retry | Fail | Hold | Crash | Run | Write | Ask | Plan, folder: Path) -> str:
    match step:
        case Say():
            return f"say {step.text}" if step.pieces == 1 else f"chunks {step.pieces}"
        case Think():
            return f"think {step.text}"
        case Recall():
            return "recall"
        case Retry():
            return "error 529 1"
        case Fail():
            return "error 401"
        case Hold() | Crash():
            return "hang"
        case Run():
            return "run python3 -c 'import time; time.sleep(60)'" if step.holds else f"run {step.command}"
        case Write():
            return f"write {folder / step.path} {step.text}"
        case Ask():
            return f"ask {step.question} {'|'.join(step.options)}"
        case Plan():
            return f"plan {step.text}"
        case _:
            assert_never(step)
