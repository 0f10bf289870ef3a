"""The schema in numbered steps, and the marks that tell whose a database file is and how new.

The role is SQLite's `application_id`, the schema its `user_version`: both are in the file's header, so a wrong file is
recognised before anything in it is read.
"""

import sqlite3
from pathlib import Path

from node.store.failures import StoreError, damaged, unusable

NODE_MARK = 0x53574E4F
"""`SWNO`."""
MAIN_MARK = 0x53574D41
"""`SWMA`: the file is Main's."""

FOLDER = Path(__file__).parent / "migrations"


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Bring the database to the newest schema, each step in a transaction of its own. Blocking; raises StoreError."""
    try:
        mark, version = _number(connection, "application_id"), _number(connection, "user_version")
        is_new = mark == 0 and connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
        problem = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.Error as error:
        raise unusable(path, error) from error
    if problem != "ok":
        raise damaged(path, problem)
    scripts = _scripts()
    if not is_new:
        _check_marks(path, mark, version, len(scripts))
    for number, script in enumerate(scripts[version:], version + 1):
        connection.executescript(
            f"BEGIN IMMEDIATE;\nPRAGMA application_id = {NODE_MARK};\n{script}\n"
            f"PRAGMA user_version = {number};\nCOMMIT;"
        )


def _scripts() -> list[str]:
    files = sorted(FOLDER.glob("[0-9]*.sql"))
    assert [int(file.name[:4]) for file in files] == list(range(1, len(files) + 1)), "migrations are numbered from 1"
    return [file.read_text("utf-8") for file in files]


def _check_marks(path: Path, mark: int, version: int, newest: int) -> None:
    if mark == MAIN_MARK:
        raise StoreError(
            f"The database {path} belongs to a Switchyard Main, not to a node: set database.path to another file."
        )
    if mark != NODE_MARK:
        raise damaged(path, "it belongs to another program")
    if version > newest:
        raise StoreError(
            f"The database {path} was written by a newer Switchyard (schema {version}, this one knows {newest}):"
            " update this installation."
        )


def _number(connection: sqlite3.Connection, pragma: str) -> int:
    return int(connection.execute(f"PRAGMA {pragma}").fetchone()[0])
