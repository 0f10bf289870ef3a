"""One way to print what a benchmark measured."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import structlog


@dataclass(frozen=True)
class Row:
    """`note` says what it is compared with: a reference of the same run, or a target."""

    what: str
    value: float
    unit: str
    note: str = ""


def table(title: str, rows: Sequence[Row]) -> str:
    """The rows in columns, widest first."""
    width = max((len(row.what) for row in rows), default=0)
    lines = [f"{row.what:<{width}}  {row.value:>10.3f} {row.unit:<7} {row.note}".rstrip() for row in rows]
    return "\n".join([f"## {title}", *lines, ""])


def quietly() -> None:
    """In a process that runs parts of ours: what they note for debugging is not printed among the figures."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.INFO))
