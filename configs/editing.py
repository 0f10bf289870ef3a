"""Setting keys in a configuration file for its user: comments, order and everything else in it stay as they are."""

import contextlib
import os
import re
import secrets
import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from configs.table import ConfigError

PRIVATE_FILE, PRIVATE_FOLDER = 0o600, 0o700


def edited(text: str, values: Mapping[str, str | None]) -> str:
    """`text` of a TOML file with each ``section.key`` set, or taken out where the value is None.

    A key that stands there as a comment (as in the examples) is set in that place. Raises ValueError when the file is
    not TOML, or has something else where the section should be.
    """
    before = tomllib.loads(text)
    wanted = _merged(before, values)
    uncommented = _uncommented(text, values)
    for start in (uncommented, text):
        try:
            made = _set(start, values)
            if tomllib.loads(made) == wanted:
                return made
        except (TOMLKitError, tomllib.TOMLDecodeError):
            continue
    raise ValueError("its sections are written in a way that cannot be edited safely: set the keys by hand")


def edit_file(path: Path, values: Mapping[str, str | None], *, has_secrets: bool) -> None:
    """Set keys in the file at `path`, made (0600) when it is missing; it is replaced as a whole or not at all.

    One that `has_secrets` becomes readable for its owner alone; another keeps its mode. Raises ConfigError.
    """
    target = path.resolve()
    try:
        mode = PRIVATE_FILE if has_secrets or not target.exists() else stat.S_IMODE(target.stat().st_mode)
        text = target.read_text(encoding="utf-8") if target.exists() else ""
        replace_file(target, edited(text, values).encode(), mode)
    except (ValueError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be changed: {error}") from error
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from error


def read_values(path: Path) -> dict[str, Any]:
    """The content of the file by section; empty when it is missing. Raises ConfigError."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from error
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error


def replace_file(target: Path, content: bytes, mode: int) -> None:
    """Write a file beside `target` and put it in its place; whoever reads sees the old one or the new one."""
    target.parent.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)  # the umask has taken from it
            _ = file.write(content)
            file.flush()
            os.fsync(file.fileno())
            if target.exists() and (owner := target.stat()).st_uid != beside.stat().st_uid:
                with contextlib.suppress(PermissionError):
                    os.chown(file.fileno(), owner.st_uid, owner.st_gid)
        beside.replace(target)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def _set(text: str, values: Mapping[str, str | None]) -> str:
    document = tomlkit.parse(text)
    for key, value in values.items():
        section, _, name = key.partition(".")
        table = document.get(section)
        if value is None:
            if table is not None:
                table.pop(name, None)
            continue
        if table is None:
            table = tomlkit.table()
            if document.body and not text.endswith("\n\n"):
                document.add(tomlkit.nl())
            document.add(section, table)
            table = document[section]
        table[name] = value
    made = tomlkit.dumps(document)
    return made if made.endswith("\n") or not made else f"{made}\n"


def _merged(content: Mapping[str, Any], values: Mapping[str, str | None]) -> dict[str, Any]:
    merged = {name: dict(value) if isinstance(value, dict) else value for name, value in content.items()}
    for key, value in values.items():
        section, _, name = key.partition(".")
        table = merged.get(section, {})
        if not isinstance(table, dict):
            raise ValueError(f"{section} is no section there")  # noqa: TRY004  the file is wrong, not the program
        if value is not None:
            merged[section] = table | {name: value}
        else:
            table.pop(name, None)
    return merged


def _uncommented(text: str, values: Mapping[str, str | None]) -> str:
    """The comment ``#key = …`` of each key that is set becomes the key itself, in the section where it belongs."""
    section, lines, waiting = "", [], {key for key, value in values.items() if value is not None}
    for line in text.splitlines(keepends=True):
        header = re.match(r"\s*\[([A-Za-z0-9_.]+)\]", line)
        section = header[1] if header else section
        comment = re.match(r"#\s?([a-z_]+)\s*=", line)
        key = f"{section}.{comment[1]}" if comment else ""
        if comment and key in waiting:
            waiting.discard(key)
            lines.append(f'{comment[1]} = ""\n')
        else:
            lines.append(line)
    return "".join(lines)
