"""Values of settings out of a file, the environment and the flags.

Each source is read to ``{key: value}`` with every value already of its type; what cannot be used is a `ConfigError`.
"""

import argparse
import difflib
import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NoReturn

import msgspec

from configs.table import ANY_NAME, ENVIRONMENT_PREFIX, NAME_PATTERN, ConfigError, Setting
from configs.when import WHEN

MAX_FILE_BYTES = 1 << 20
"""A configuration is a few kilobytes; a larger file is some other file named by mistake."""


COMMANDS = {
    "main": "%(prog)s tls init [--host NAME …] [--force] [--config FILE]",
    "node": "%(prog)s join URL [--ca FILE] [--force] [--config FILE]",
}
"""What each program does besides running; their own --help says more."""


@dataclass(frozen=True)
class Tables:
    """The settings of the role that starts, and those of the other one, only to tell them apart from mistakes."""

    role: Literal["main", "node"]
    own: tuple[Setting, ...]
    other: tuple[Setting, ...]

    def find(self, key: str) -> Setting | None:
        """The own setting with this key."""
        return next((setting for setting in self.own if setting.key_for(key)), None)

    def first_below_name(self, prefix: str) -> Setting | None:
        """The first own setting whose key goes on after `prefix` (with its dot) with a name that the user chooses."""
        return next((setting for setting in self.own if setting.key.startswith(f"{prefix}{ANY_NAME}.")), None)

    def is_secret(self, key: str) -> bool:
        """True when the value of this key must not be shown."""
        setting = self.find(key)
        return setting is not None and setting.about.is_secret


def read_all(
    tables: Tables, given: Mapping[str, Any], environ: Mapping[str, str], default_file: Path
) -> dict[str, Any]:
    """Values by key of all sources, the later over the earlier, and beside them `file` and `warnings`.

    `given` is what `parser` took. `default_file` is read when it exists and the flags name no other.
    """
    file = given["config"] or default_file
    has_file = given["config"] is not None or file.exists()
    from_file = read_file(file, tables) if has_file else {}
    from_environment, warnings = read_environment(environ, tables)
    if has_file:
        warnings += _warn_of_readers(file, [key for key in from_file if tables.is_secret(key)])
    about = {"file": file if has_file else None, "warnings": tuple(warnings)}
    return from_file | from_environment | read_flags(given, tables) | about


def read_file(path: Path, tables: Tables) -> dict[str, Any]:
    """Read a TOML file. Relative paths in it count from its own folder."""
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ConfigError(f"{path} is longer than {MAX_FILE_BYTES} bytes: that is no configuration file")
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text (byte {error.start})") from error
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not valid TOML: {_with_place(str(error), text)}") from error
    values = {}
    for key, raw in _leaves(content, tables):
        setting = tables.find(key)
        if setting is None:
            raise ConfigError(f"{path}: {_unknown(key, tables)}")
        values[key] = _converted(setting, raw, f"{path}: {key}", path.parent.absolute(), is_strict=True)
    return values


def read_environment(environ: Mapping[str, str], tables: Tables) -> tuple[dict[str, Any], list[str]]:
    """Read the variables of the role's own settings. An empty one counts as absent.

    Returns the values, and a sentence for every variable that is a setting of neither role.
    """
    values, warnings = {}, []
    for name, raw in sorted(environ.items()):
        if not name.startswith(ENVIRONMENT_PREFIX) or not raw:
            continue
        for setting in tables.own:
            if (key := setting.key_for_environment(name)) is not None:
                values[key] = _from_text(setting, raw, name)
                break
        else:
            if not any(setting.key_for_environment(name) for setting in tables.other):
                close = _closest(name, [setting.environment_name for setting in tables.own])
                warnings.append(f"the environment variable {name} is no setting and was ignored{close}")
    return values, warnings


def read_flags(given: Mapping[str, Any], tables: Tables) -> dict[str, Any]:
    """Read flags that `parser` took: texts by key."""
    settings = {setting.key: setting for setting in tables.own}
    return {
        key: _from_text(settings[key], raw, f"--{key}")
        for key, raw in given.items()
        if key in settings and raw is not None
    }


class Parser(argparse.ArgumentParser):
    """Raises ConfigError where argparse would print its usage."""

    def error(self, message: str) -> NoReturn:
        """Raise the message as one sentence."""
        raise ConfigError(f"{message}; --help shows all flags")


def parser(tables: Tables, version: str) -> Parser:
    """The command line: a flag for every setting but secrets (flags show in process lists) and chosen names."""
    program = "main_server.py" if tables.role == "main" else "app.py"
    made = Parser(
        prog=program,
        usage=f"%(prog)s [--config FILE] [--SECTION.KEY VALUE …]\n       {COMMANDS[tables.role]}",
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--config", metavar="FILE", type=Path, help=f"TOML file (default: configs/{tables.role}.toml)")
    made.add_argument("--version", action="version", version=f"Switchyard {version}")
    group = made.add_argument_group(
        "settings", "each also as [section] key in the file and SWITCHYARD_SECTION_KEY in the environment"
    )
    withheld = []
    for setting in tables.own:
        default = f" (default: {setting.default_text})" if setting.default_text else ""
        when = f"; when: {WHEN[setting.key]}" if setting.key in WHEN else ""
        about = f"{setting.about.help}{default}{when}".replace("%", "%%")
        if setting.about.is_secret or setting.has_chosen_name:
            withheld.append(f"  {setting.key}\n      {about}")
        else:
            group.add_argument(f"--{setting.key}", dest=setting.key, metavar="VALUE", help=about)
    made.epilog = "only in the file or the environment:\n" + "\n".join(withheld)
    return made


def _leaves(content: Mapping[str, Any], tables: Tables, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Key and raw value of all that the file sets; a table that is itself a value is not entered.

    An empty table below a name that the user chooses sets the first of its settings to its default: it names a thing.
    """
    for name, value in content.items():
        key = prefix + name
        if value == {} and (first := tables.first_below_name(prefix)) is not None:
            yield f"{key}.{first.key.rpartition('.')[2]}", first.default
        elif isinstance(value, dict) and tables.find(key) is None:
            yield from _leaves(value, tables, f"{key}.")
        else:
            yield key, value


def _from_text(setting: Setting, raw: str, where: str) -> Any:
    """Convert a text of the environment or of a flag. Relative paths count from the working directory."""
    if not setting.is_collection:
        return _converted(setting, raw, where, Path.cwd(), is_strict=False)
    try:
        value = json.loads(raw)
    except ValueError as error:
        raise ConfigError(_refusal(setting, raw, where) + ", written as JSON") from error
    return _converted(setting, value, where, Path.cwd(), is_strict=True)


def _converted(setting: Setting, raw: Any, where: str, folder: Path, *, is_strict: bool) -> Any:
    def decode_path(kind: type, value: Any) -> Any:
        if kind is Path and isinstance(value, str) and value and "\0" not in value:
            return folder / Path(value).expanduser()
        raise TypeError(value)

    try:
        return msgspec.convert(raw, setting.type, strict=is_strict, dec_hook=decode_path)
    except (msgspec.ValidationError, RuntimeError) as error:  # RuntimeError: ~ without a home
        raise ConfigError(_refusal(setting, raw, where)) from error


def _refusal(setting: Setting, raw: Any, where: str) -> str:
    shown = "" if setting.about.is_secret else f", not {json.dumps(raw, default=str, ensure_ascii=False)[:80]}"
    return f"{where} must be {setting.allowed}{shown}"


def _unknown(key: str, tables: Tables) -> str:
    if any(setting.key_for(key) for setting in tables.other):
        other = "the Node" if tables.role == "main" else "Main"
        return f"{key} is a setting of {other} and belongs in its own file"
    section = key.rpartition(".")[0]
    named = [setting.key for setting in tables.own]
    siblings = [own.rpartition(".")[2] for own in named if own.rpartition(".")[0] == section]
    if siblings:
        allowed = f"[{section}] has {', '.join(siblings)}"
    elif key.startswith("providers.acp."):
        allowed = f"[providers.acp.NAME] has {', '.join(_below('providers.acp.NAME', named))}; NAME is {NAME_PATTERN}"
    else:
        allowed = f"the sections are {', '.join(dict.fromkeys(own.rpartition('.')[0] for own in named))}"
    return f"{key} is no setting{_closest(key, named)}; {allowed}"


def _below(section: str, keys: Sequence[str]) -> list[str]:
    return [key.removeprefix(f"{section}.") for key in keys if key.startswith(f"{section}.")]


def _closest(name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.75)
    return f", did you mean {close[0]}?" if close else ""


def _warn_of_readers(file: Path, secrets: Sequence[str]) -> list[str]:
    if secrets and file.stat().st_mode & 0o077:
        return [f"{file} holds secrets ({', '.join(secrets)}) and other accounts can read it: chmod 600 {file}"]
    return []


def _with_place(message: str, text: str) -> str:
    """Name line and column also where the parser only says that the document ended too early, and a likely cause."""
    if message.startswith("Invalid value"):
        message += '; texts stand in quotes, as in name = "here"'
    if "(at end of document)" not in message:
        return message
    lines = text.splitlines() or [""]
    return message.replace("at end of document", f"at line {len(lines)}, column {len(lines[-1]) + 1}, the end")
