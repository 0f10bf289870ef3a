"""From declared sections to a table of settings, and from values back to sections.

A section is a frozen struct; a field is another section, a mapping of sections (the user chooses the names), or a
setting: ``Annotated[type, About("help")] = default``.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

ENVIRONMENT_PREFIX = "SWITCHYARD_"
ANY_NAME = "NAME"
"""Stands in a key of the table for a name that the user chooses: providers.acp.NAME.command."""
NAME_PATTERN = "[a-z0-9-]{1,32}"


class ConfigError(Exception):
    """The configuration cannot be used. The text is one sentence that names source, key and what is allowed."""


@dataclass(frozen=True)
class About:
    """What the type of a setting does not say.

    `allowed` replaces the description of the type in error messages, `default` that of a default computed at start.
    """

    help: str
    _: KW_ONLY
    allowed: str = ""
    default: str = ""
    is_secret: bool = False


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """Base of a table of settings."""


SectionType = TypeVar("SectionType", bound=Section)


@dataclass(frozen=True)
class Setting:
    """One row of the table. `type` has its bounds as msgspec reads them."""

    key: str
    type: Any
    default: Any
    about: About

    @property
    def environment_name(self) -> str:
        """``SWITCHYARD_SECTION_KEY``; a chosen name stands in it as NAME."""
        return ENVIRONMENT_PREFIX + self.key.upper().replace(".", "_")

    @property
    def has_chosen_name(self) -> bool:
        """True for the settings below a name that the user chooses."""
        return ANY_NAME in self.key.split(".")

    @property
    def is_collection(self) -> bool:
        """True for lists and tables, which are JSON outside of a file."""
        return get_origin(plain(self.type)) in {tuple, Mapping}

    @property
    def default_text(self) -> str:
        """The default as it is written in a file, or in words when it is computed at the start; empty: none."""
        if self.about.default or self.default in (None, "", (), {}):
            return self.about.default
        return json.dumps(self.default, default=str)

    @property
    def allowed(self) -> str:
        """The values that are allowed, to follow "must be"."""
        return self.about.allowed or describe(self.type)

    def key_for(self, key: str) -> str | None:
        """Return `key` when it is this setting's, possibly with a chosen name in it."""
        parts = [NAME_PATTERN if part == ANY_NAME else re.escape(part) for part in self.key.split(".")]
        return key if re.fullmatch(r"\.".join(parts), key) else None

    def key_for_environment(self, name: str) -> str | None:
        """Return the key that the environment variable `name` gives, None when it is another setting's."""
        parts = ["([A-Z0-9_]{1,32})" if part == ANY_NAME else re.escape(part.upper()) for part in self.key.split(".")]
        match = re.fullmatch(ENVIRONMENT_PREFIX + "_".join(parts), name)
        if match is None:
            return None
        return self.key.replace(ANY_NAME, match[1].lower().replace("_", "-")) if match.groups() else self.key


def settings_of(section: type[Section], prefix: str = "") -> Iterator[Setting]:
    """All settings at and below `section`, in the order of declaration."""
    hints = get_type_hints(section, include_extras=True)
    for field in msgspec.structs.fields(section):
        hint, key = hints[field.name], prefix + field.name
        below = _section_below(hint)
        if below is not None:
            yield from settings_of(below, f"{key}.{ANY_NAME}." if _has_chosen_names(hint) else f"{key}.")
        elif (about := _about(hint)) is not None:
            yield Setting(key, hint, _default(field), about)


def build(section: type[SectionType], values: Mapping[str, Any], prefix: str = "") -> SectionType:
    """Make `section` of the values given by full key; what is absent has its default, `~` replaced."""
    hints = get_type_hints(section, include_extras=True)
    made: dict[str, Any] = {}
    for field in msgspec.structs.fields(section):
        hint, key = hints[field.name], prefix + field.name
        below = _section_below(hint)
        if below is None:
            made[field.name] = values[key] if key in values else _at_home(_default(field))
        elif _has_chosen_names(hint):
            names = sorted({rest.split(".")[0] for k in values if (rest := k.removeprefix(f"{key}.")) != k})
            made[field.name] = {name: build(below, values, f"{key}.{name}.") for name in names}
        else:
            made[field.name] = build(below, values, f"{key}.")
    return section(**made)


def plain(hint: Any) -> Any:
    """The type without its annotations and without None."""
    if get_origin(hint) is Annotated:
        return plain(get_args(hint)[0])
    if get_origin(hint) in {Union, UnionType}:
        return plain(next(each for each in get_args(hint) if each is not NoneType))
    return hint


def describe(hint: Any) -> str:
    """Say in words which values a type allows."""
    kind = plain(hint)
    if get_origin(kind) is Literal:
        return "one of " + ", ".join(str(each) for each in get_args(kind))
    if get_origin(kind) is tuple:
        return f"a list, each {describe(get_args(kind)[0])}"
    if get_origin(kind) is Mapping:
        return "a table of texts"
    if kind is int:
        bounds = [meta for meta in _metadata(hint) if isinstance(meta, msgspec.Meta)]
        return f"a whole number from {bounds[0].ge} to {bounds[0].le}"
    return {bool: "true or false", str: "a text that is not empty", Path: "a path"}[kind]


def _metadata(hint: Any) -> tuple[Any, ...]:
    if get_origin(hint) is Annotated:
        inner, *metadata = get_args(hint)
        return (*_metadata(inner), *metadata)
    if get_origin(hint) in {Union, UnionType}:
        return tuple(meta for each in get_args(hint) for meta in _metadata(each))
    return ()


def _about(hint: Any) -> About | None:
    return next((meta for meta in _metadata(hint) if isinstance(meta, About)), None)


def _section_below(hint: Any) -> type[Section] | None:
    kind = get_args(hint)[1] if get_origin(hint) is Mapping else hint
    return kind if isinstance(kind, type) and issubclass(kind, Section) else None


def _has_chosen_names(hint: Any) -> bool:
    return get_origin(hint) is Mapping


def _default(field: msgspec.structs.FieldInfo) -> Any:
    return field.default if field.default is not msgspec.NODEFAULT else field.default_factory()


def _at_home(value: Any) -> Any:
    if isinstance(value, Path):
        return value.expanduser()
    return tuple(_at_home(each) for each in value) if isinstance(value, tuple) else value
