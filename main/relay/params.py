"""Params as the table has them, and nothing else: decoding is the validation, and an unknown field is an error.

The structs of `ws.protocol` are lenient, because versions of Main and node may differ. What comes from a browser is
held to the letter: each params type has a twin that forbids unknown fields, down to the innermost struct.
"""

import re
import types
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Annotated, Any, NoReturn, Union, get_args, get_origin

import msgspec

from ws.protocol.base import Struct
from ws.protocol.errors import ErrorCode, FieldError, WireError, invalid
from ws.protocol.ops import Op

_LOCATION = re.compile(r"^(?P<what>.*?)(?: - at `(?P<where>[^`]*)`)?\Z", re.DOTALL)
_NAMED_FIELD = re.compile(r"(?:unknown|required) field `(?P<name>[^`]*)`")
_PATTERN = re.compile(r" matching regex '.*'", re.DOTALL)
_INDEX = re.compile(r"\[(\d+|\.\.\.)\]")


@cache
def strict_type(kind: Any) -> Any:
    """`kind` with every struct in it replaced by a twin that forbids unknown fields."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return _twin(kind)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return Annotated[strict_type(arguments[0]), *arguments[1:]]
    if origin in (Union, types.UnionType):
        return Union[tuple(strict_type(each) for each in arguments)]  # noqa: UP007  made at run time
    if origin in (list, dict, tuple, set, frozenset):
        return origin[tuple(strict_type(each) if each is not ... else each for each in arguments)]
    return kind


def _twin(kind: type[msgspec.Struct]) -> type[msgspec.Struct]:
    config = kind.__struct_config__
    fields: list[tuple[str, Any, Any]] = []
    for field in msgspec.structs.fields(kind):
        default = msgspec.field(
            name=field.encode_name,
            **({} if field.default is msgspec.NODEFAULT else {"default": field.default}),
            **({} if field.default_factory is msgspec.NODEFAULT else {"default_factory": field.default_factory}),
        )
        fields.append((field.name, strict_type(field.type), default))
    check = getattr(kind, "__post_init__", None)
    return msgspec.defstruct(
        kind.__name__,
        fields,
        namespace=None if check is None else {"__post_init__": check},
        frozen=True,
        kw_only=True,
        omit_defaults=True,
        forbid_unknown_fields=True,
        tag=config.tag,
        tag_field=config.tag_field,
    )


@cache
def _decoder(kind: type[Struct]) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(strict_type(kind))


def decode(op: Op, params: bytes) -> Any:
    """The params of a call: attributes named as in `op.params`. Raises WireError `invalid` naming the field."""
    try:
        return _decoder(op.params).decode(params or b"{}")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        _refuse(error, op.name)


def from_query(op: Op, query: Mapping[str, Sequence[str]]) -> bytes:
    """A query string as encoded params: texts become the numbers and booleans that the table wants.

    A list is its name again and again, an object is JSON. Raises WireError `invalid` naming the field.
    """
    kinds = {field.encode_name: field.type for field in msgspec.structs.fields(op.params)}
    given = {name: _of_query(kinds.get(name), name[:64], values) for name, values in query.items()}
    try:
        return msgspec.json.encode(msgspec.convert(given, strict_type(op.params), strict=False))
    except msgspec.ValidationError as error:
        _refuse(error, op.name)


def _of_query(kind: Any, name: str, values: Sequence[str]) -> Any:
    if _may_be(kind, list):
        return list(values)
    if len(values) > 1:
        raise invalid(name, f"params.{name} is given more than once.")
    if not _may_be(kind, dict):
        return values[0]
    try:
        return msgspec.json.decode(values[0])
    except (msgspec.DecodeError, RecursionError) as error:
        raise invalid(
            name, f'params.{name} is an object: in a query it is written as JSON, such as {{"a":"b"}}.'
        ) from error


def _may_be(kind: Any, origin: type) -> bool:
    found = get_origin(kind)
    if found in (Annotated, Union, types.UnionType):
        return any(_may_be(each, origin) for each in get_args(kind))
    return bool(found is origin)


def decode_body(body: bytes, kind: type[msgspec.Struct]) -> Any:
    """The body of a request that is no op, as strictly."""
    try:
        return msgspec.json.decode(body, type=strict_type(kind))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        _refuse(error)


_FORMS = {
    "path": "an absolute path without NUL",
    "to": "an absolute path without NUL",
    "name": "the name of one file, without slash or NUL",
    "file": "a path without NUL",
    "files": "a path without NUL",
    **dict.fromkeys(("branch", "start", "ref", "base", "remote"), "a name without spaces, and without a dash in front"),
    "upload": "16 to 64 letters, digits, _ or -",
    "offset": "a number of bytes in up to 18 digits",
    "username": "a name without control characters and without spaces at its ends",
    "key": "`new`, or the ids of a machine and a session with a slash between them",
    "my.setting name": "a small letter and up to 63 more of them, digits, _ . or -",
}
"""What a text must be, by the name of its field, or of op and field; other texts with a form are ids."""


def _refuse(error: Exception, op: str = "") -> NoReturn:
    if not isinstance(error, msgspec.ValidationError):
        raise WireError(
            ErrorCode.INVALID,
            "The parameters are not a JSON object, or a text in them holds half a character (a lone surrogate).",
            errors=[FieldError(path="params", message="not JSON")],
        ) from error
    found = _LOCATION.match(str(error))
    what, where = (found["what"], found["where"] or "$") if found else (str(error), "$")
    named = _NAMED_FIELD.search(what)
    path = _INDEX.sub(r".\1", where.replace("[...]", ".*")).replace("$", "params", 1)
    if named is not None:
        path = f"{path}.{named['name'][:64]}"
    field = next(each for each in reversed(path.split(".")) if not each.isdigit())
    form = _FORMS.get(f"{op} {field}") or _FORMS.get(field, "1 to 64 letters, digits, _ or -")
    what = _PATTERN.sub(lambda _: f" that is {form}", what)
    raise WireError(
        ErrorCode.INVALID, f"{path}: {what[:300]}.", errors=[FieldError(path=path, message=what[:300])]
    ) from error
