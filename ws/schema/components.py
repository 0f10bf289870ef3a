"""JSON Schema of every type that the table mentions, by name."""

from collections.abc import Iterable
from types import UnionType
from typing import Any, get_args

import msgspec

from ws.protocol import accounts, terminals
from ws.protocol.errors import ErrorData
from ws.protocol.ops import OPS

Schema = dict[str, Any]

HTTP_ONLY: tuple[type, ...] = (
    accounts.AuthStatus,
    accounts.RegisterBody,
    accounts.LoginBody,
    accounts.SignedIn,
    ErrorData,
)
"""Bodies of the sign-in routes and of errors; they are no ops."""


def members(kind: type | UnionType | None) -> tuple[type, ...]:
    """The structs of a union, or the one struct, in order."""
    if kind is None:
        return ()
    return get_args(kind) if isinstance(kind, UnionType) else (kind,)


def _wire_types() -> Iterable[type]:
    for op in OPS.values():
        yield op.params
        yield op.result
        yield from members(op.events)
    yield from HTTP_ONLY
    yield from members(terminals.ReaderFrame)
    yield from members(terminals.TerminalFrame)


def schema_components() -> dict[str, Schema]:
    """Schemas by struct name; references look like ``#/components/schemas/NAME``."""
    types = list(dict.fromkeys(_wire_types()))
    _, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    return dict(sorted(components.items()))


def reference_name(schema: Schema) -> str | None:
    """The name that a `$ref` points to."""
    reference = schema.get("$ref")
    return reference.rsplit("/", 1)[-1] if isinstance(reference, str) else None
