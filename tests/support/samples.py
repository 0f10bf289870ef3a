"""For every op params that decode, made from its types alone: an op that is added tomorrow has some too."""

import re
from typing import Any

import msgspec
from msgspec import inspect

from ws.protocol.ops import Op

WORDS = ("x1", "/x1", "x1x1x1x1x1x1", "0" * 40, "A" * 24, "n1/x1")
"""Tried in this order where a text has a form."""


def sample(op: Op, **given: Any) -> dict[str, Any]:
    """Params of `op` with what it requires and the node, with the values that are `given`."""
    made = _value(inspect.type_info(op.params))
    names = {field.encode_name for field in inspect.type_info(op.params).fields}  # type: ignore[attr-defined]
    if "path" in names:
        made.setdefault("path", "/x1")
    if "to" in names:
        made.setdefault("to", "/x2")
    made |= {name: value for name, value in given.items() if name in made or (name == "node" and name in names)}
    msgspec.convert(made, op.params)
    return dict(made)


def _value(kind: inspect.Type) -> Any:  # noqa: PLR0911  one line for each kind of type
    match kind:
        case inspect.Metadata(type=inner):
            return _value(inner)
        case inspect.StructType(fields=fields):
            return {field.encode_name: _value(field.type) for field in fields if field.required}
        case inspect.StrType(pattern=pattern, min_length=least):
            return next(word for word in WORDS if len(word) >= (least or 0) and re.search(pattern or "", word))
        case inspect.LiteralType(values=values):
            return values[0]
        case inspect.IntType(ge=least):
            return max(least or 0, 1)
        case inspect.FloatType():
            return 1.0
        case inspect.BoolType():
            return False
        case inspect.ListType(item_type=item, min_length=least):
            return [_value(item)] * (least or 0)
        case inspect.DictType():
            return {}
        case inspect.UnionType(types=types):
            return _value(types[0])
        case _:
            return None
