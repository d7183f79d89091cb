"""The tables of the outbox's file, and the migration of files of earlier versions."""

import sqlite3
from collections.abc import Iterator

VERSION = 3
_SCHEMA = """
CREATE TABLE messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,  -- the order of sending
    owner TEXT NOT NULL,                   -- who sends it; '' while it is set aside
    broker TEXT NOT NULL,
    topic TEXT NOT NULL,
    payload TEXT NOT NULL,
    retain INTEGER NOT NULL,
    event TEXT,
    at REAL NOT NULL,                      -- when it was put in, for people: wall clock, seconds since 1970
    bytes INTEGER NOT NULL,
    waits INTEGER NOT NULL DEFAULT 1,      -- to be sent; 0 while the broker has it, who may yet lose it
    confirmed INTEGER NOT NULL DEFAULT 0,  -- how many times the broker has confirmed it
    put_s REAL NOT NULL DEFAULT 0,         -- when it was put in, in the outbox's own time (see OutboxTime)
    refused INTEGER NOT NULL DEFAULT 0,    -- how many times the broker has refused it
    aside TEXT                             -- why it is set aside; null for all others
);
CREATE INDEX by_owner ON messages (owner, waits, refused, id);
CREATE INDEX newest ON messages (broker, topic) WHERE retain;
CREATE TABLE total (events INTEGER NOT NULL, bytes INTEGER NOT NULL);
INSERT INTO total VALUES (0, 0);
CREATE TABLE clock (boot TEXT NOT NULL, base_s REAL NOT NULL, ticks_s REAL NOT NULL);
INSERT INTO clock VALUES ('', 0, 0);
CREATE TRIGGER put AFTER INSERT ON messages BEGIN
    UPDATE total SET events = events + 1, bytes = bytes + new.bytes;
END;
CREATE TRIGGER gone AFTER DELETE ON messages BEGIN
    UPDATE total SET events = events - 1, bytes = bytes - old.bytes;
END;
"""
_FROM_VERSION_1 = """
ALTER TABLE messages ADD COLUMN waits INTEGER NOT NULL DEFAULT 1;
ALTER TABLE messages ADD COLUMN confirmed INTEGER NOT NULL DEFAULT 0;
"""
_FROM_VERSION_2 = """
ALTER TABLE messages ADD COLUMN put_s REAL NOT NULL DEFAULT 0;
ALTER TABLE messages ADD COLUMN refused INTEGER NOT NULL DEFAULT 0;
ALTER TABLE messages ADD COLUMN aside TEXT;
DROP INDEX IF EXISTS by_owner;
CREATE INDEX by_owner ON messages (owner, waits, refused, id);
CREATE TABLE clock (boot TEXT NOT NULL, base_s REAL NOT NULL, ticks_s REAL NOT NULL);
INSERT INTO clock VALUES ('', 0, 0);
"""
_SCRIPTS = {0: (_SCHEMA,), 1: (_FROM_VERSION_1, _FROM_VERSION_2), 2: (_FROM_VERSION_2,)}


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
            for statement in _statements(script):
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {VERSION}")
    if not ours or not _is_whole(connection):
        raise sqlite3.DatabaseError("it has not the tables of an outbox")
    return version in (1, 2)


def _is_whole(connection: sqlite3.Connection) -> bool:
    """Whether all tables, indexes and triggers of this version exist."""
    with sqlite3.connect(":memory:") as model:
        model.executescript(_SCHEMA)
        rows = connection.execute(
            "SELECT (SELECT count(typeof(events) || typeof(bytes) = 'integerinteger' OR NULL) FROM total),"
            " (SELECT count(typeof(base_s + ticks_s) = 'real' OR NULL) FROM clock)"
        ).fetchone()
        whole = rows == (1, 1) and all(_shape(connection, name) >= shape for name, shape in _shapes(model))
    model.close()
    return whole


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
