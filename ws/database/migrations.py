"""Numbered migrations and the marks that a database file carries: whose it is and how new.

The role is SQLite's `application_id`, the schema its `user_version`: both are in the file's header, so a wrong file is
recognised before anything in it is read.
"""

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from ws.database.failures import StoreError, damaged, unusable

ROLE_MARKS = {"main": 0x53574D41, "node": 0x53574E4F}
"""`SWMA` and `SWNO`."""

_NAMES = {"main": "Main", "node": "node"}


MAX_CHECKED_BYTES = 64 * 1024 * 1024
"""The check reads the whole file: a larger one would hold every start up."""


@dataclass(frozen=True)
class Migration:
    number: int
    script: str


def read_migrations(folder: Path) -> list[Migration]:
    """The files `NNNN_name.sql` of `folder` in order. Blocking."""
    found = [Migration(int(file.name[:4]), file.read_text("utf-8")) for file in sorted(folder.glob("[0-9]*.sql"))]
    assert [each.number for each in found] == list(range(1, len(found) + 1)), "migrations are numbered without gaps"
    return found


def migrate(connection: sqlite3.Connection, path: Path, role: str, migrations: list[Migration]) -> None:
    """Bring the database to the newest schema, each step in a transaction of its own. Blocking; raises StoreError."""
    try:
        mark, version = _number(connection, "application_id"), _number(connection, "user_version")
        tables = _number_of_tables(connection)
    except sqlite3.Error as error:
        raise unusable(path, error) from error
    _check_marks(path, role, mark, version, tables, len(migrations))
    if path.stat().st_size <= MAX_CHECKED_BYTES:
        _check_whole(connection, path)
    for step in migrations[version:]:
        connection.executescript(
            f"BEGIN IMMEDIATE;\nPRAGMA application_id = {ROLE_MARKS[role]};\n{step.script}\n"
            f"PRAGMA user_version = {step.number};\nCOMMIT;"
        )


def _check_whole(connection: sqlite3.Connection, path: Path) -> None:
    try:
        problem = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.Error as error:
        raise unusable(path, error) from error
    if problem != "ok":
        raise damaged(path, problem)


def _check_marks(path: Path, role: str, mark: int, version: int, tables: int, newest: int) -> None:
    if mark == 0 and tables == 0:
        return
    if mark != ROLE_MARKS[role]:
        other = next((name for name, value in ROLE_MARKS.items() if value == mark), None)
        if other is None:
            raise damaged(path, "it belongs to another program")
        raise StoreError(
            f"The database {path} belongs to a Switchyard {_NAMES[other]}, not to a {_NAMES[role]}:"
            " set database.path to another file."
        )
    if version > newest:
        raise StoreError(
            f"The database {path} was written by a newer Switchyard (schema {version}, this one knows {newest}):"
            " update this installation."
        )


def _number(connection: sqlite3.Connection, pragma: str) -> int:
    return int(connection.execute(f"PRAGMA {pragma}").fetchone()[0])


def _number_of_tables(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])
