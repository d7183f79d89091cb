"""The tables of the outbox's file, and the migration of files of earlier versions."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import cache
from pathlib import Path

VERSION = 3
_SCRIPTS = {0: ("new",), 1: ("from_version_1", "from_version_2"), 2: ("from_version_2",)}


@cache
def _script(name: str) -> str:
    return (Path(__file__).parent / "tables" / f"{name}.sql").read_text("utf-8")


def set_up(connection: sqlite3.Connection) -> bool:
    """Create the tables, or migrate those of an earlier version, in the caller's transaction.

    Returns:
        Whether there may be messages of an earlier version, whose age is not stored.

    Raises:
        sqlite3.OperationalError: a newer version of the program has written it.
        sqlite3.DatabaseError: these are not the tables of an outbox.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    ours = "messages" in tables if version else not tables
    if ours and version > VERSION:
        raise sqlite3.OperationalError("it was written by a newer version of the program")
    if ours and version in _SCRIPTS:
        for script in _SCRIPTS[version]:
            for statement in _statements(_script(script)):
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {VERSION}")
    if not ours or not _is_whole(connection):
        raise sqlite3.DatabaseError("it has not the tables of an outbox")
    return version in (1, 2)


def _is_whole(connection: sqlite3.Connection) -> bool:
    """Whether all tables, indexes and triggers of this version exist."""
    with closing(sqlite3.connect(":memory:")) as model:
        model.executescript(_script("new"))
        rows = connection.execute(
            "SELECT (SELECT count(typeof(events) || typeof(bytes) = 'integerinteger' OR NULL) FROM total),"
            " (SELECT count(typeof(base_s + ticks_s) = 'real' OR NULL) FROM clock)"
        ).fetchone()
        return rows == (1, 1) and all(_shape(connection, name) >= shape for name, shape in _shapes(model))


def _shapes(model: sqlite3.Connection) -> Iterator[tuple[str, set[str]]]:
    for (name,) in model.execute("SELECT name FROM sqlite_master WHERE name NOT LIKE 'sqlite%'").fetchall():
        yield name, _shape(model, name)


def _shape(connection: sqlite3.Connection, name: str) -> set[str]:
    """The type and the columns of a table, an index or a trigger."""
    query = "SELECT type FROM sqlite_master WHERE name = ? UNION ALL SELECT name FROM pragma_table_info(?)"
    return {part for (part,) in connection.execute(query, (name, name))}


def _statements(script: str) -> Iterator[str]:
    """The statements one by one, because `executescript` would commit first."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
