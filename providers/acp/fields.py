"""Reading what an agent sent: fields of the right type or nothing, so that one odd field spoils no message."""

from collections.abc import Mapping
from typing import Any


def text(values: Mapping[str, Any], name: str) -> str:
    """The text, "" when there is none."""
    value = values.get(name)
    return value if isinstance(value, str) else ""


def table(values: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = values.get(name)
    return value if isinstance(value, dict) else {}


def tables(values: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """The tables of a list, without what is none."""
    value = values.get(name)
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def number(values: Mapping[str, Any], name: str) -> int:
    """A count, 0 when there is none."""
    value = values.get(name)
    return int(value) if isinstance(value, int | float) and value >= 0 else 0
