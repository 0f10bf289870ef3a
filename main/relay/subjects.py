"""What an audit row says was acted on: ids, paths and names out of the params, never content."""

from typing import Any

_NAMED = ("terminal", "session", "path", "path_bytes", "trash", "login", "token", "user", "name")
"""The first of these that the params have."""

_ADDED = ("approval", "option", "mode", "to", "branch", "remote")
"""And after it those of these: what was agreed to, how far an agent may go on its own, where a thing went."""

_FLAGS = ("permanent", "replace", "force", "force_with_lease", "amend")
"""What makes an act one that is hard to undo; named when it is set."""


def subject_of(params: Any) -> str | None:
    """Such as `s1 mode bypassPermissions`; None where there is nothing to name."""
    named = next((_text(value) for value in (getattr(params, name, None) for name in _NAMED) if value), None)
    words = [] if named is None else [named]
    words += [f"{name} {value}" for name in _ADDED if isinstance(value := getattr(params, name, None), str) and value]
    words += [name for name in _FLAGS if getattr(params, name, None) is True]
    return " ".join(words) or None


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
