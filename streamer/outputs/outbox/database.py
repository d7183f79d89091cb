"""The outbox's file: an sqlite database that several processes may use at once."""

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from streamer.outputs.outbox.message import Message

_SCHEMA_VERSION = 2
_SCHEMA = """
CREATE TABLE messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,  -- the order of sending
    owner TEXT NOT NULL,                   -- who sends it
    broker TEXT NOT NULL,
    topic TEXT NOT NULL,
    payload TEXT NOT NULL,
    retain INTEGER NOT NULL,
    event TEXT,
    at REAL NOT NULL,                      -- when it was put in: seconds since 1970
    bytes INTEGER NOT NULL,
    waits INTEGER NOT NULL DEFAULT 1,      -- to be sent; 0 while the broker has it, who may yet lose it
    confirmed INTEGER NOT NULL DEFAULT 0   -- how many times the broker has confirmed it
);
CREATE INDEX by_owner ON messages (owner, waits, id);
CREATE INDEX newest ON messages (broker, topic) WHERE retain;
CREATE TABLE total (events INTEGER NOT NULL, bytes INTEGER NOT NULL);
INSERT INTO total VALUES (0, 0);
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
DROP INDEX by_owner;
CREATE INDEX by_owner ON messages (owner, waits, id);
"""
_CONFIRMED_ENOUGH = 3
"""Of brokers that vanish again and again: otherwise the same messages would be sent for ever."""
_BUSY_S = 5.0

Orphaned = Callable[[str], AbstractContextManager[bool]]


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much may wait, by everyone together.

    Attributes:
        events: messages.
        bytes: of topics and payloads.
        age_s: seconds.
    """

    events: int
    bytes: int
    age_s: float


class Database:
    """Messages in the order in which they were put in, until they are settled.

    Each has an owner, who alone sends it. Until it is confirmed it waits; confirmed, it is kept until it is
    certain that the broker has lived to pass it on, or has been confirmed several times. A commit survives
    the death of the process; what survives the machine's is decided by `sync`.

    Args:
        path: the file; None keeps everything in memory.
        bounds: beyond them the oldest messages are shed.

    Raises:
        sqlite3.Error: from every method: it cannot be used (any more).
    """

    def __init__(self, path: Path | None, bounds: Bounds) -> None:
        self.path = path
        self._bounds = bounds
        self._unsynced = False
        if path is not None:  # what was said is nobody else's business
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        self._connection = sqlite3.connect(
            path or ":memory:", timeout=_BUSY_S, isolation_level=None, check_same_thread=False
        )
        try:
            self._set_up()
        except sqlite3.Error:
            self._connection.close()
            raise
        self.file = path and path.stat().st_ino

    def _set_up(self) -> None:
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        with self._transaction():
            version = self._one("PRAGMA user_version")
            if version > _SCHEMA_VERSION:
                raise sqlite3.OperationalError("it was written by a newer version of the program")
            if version < _SCHEMA_VERSION:
                for statement in _statements(_SCHEMA if version == 0 else _FROM_VERSION_1):
                    self._connection.execute(statement)
                self._connection.execute(f"PRAGMA user_version = {_SCHEMA_VERSION}")

    def put(self, owner: str, broker: str, messages: Sequence[Message], now_s: float) -> int:
        """Add messages at the end, all or none. A retained one takes the place of its topic's that is kept.

        Returns:
            How many messages were shed for it, retained and confirmed ones not counted.
        """
        with self._transaction():
            for message in messages:
                if message.retain:
                    self._forget(broker, message.topic)
                size = len(message.topic) + len(message.payload.encode())
                self._connection.execute(
                    "INSERT INTO messages (owner, broker, topic, payload, retain, event, at, bytes)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (owner, broker, message.topic, message.payload, message.retain, message.id, now_s, size),
                )
            return self._shed(now_s)

    def _shed(self, now_s: float) -> int:
        shed = 0
        while True:
            events, size = self._connection.execute("SELECT events, bytes FROM total").fetchone()
            oldest = self._connection.execute(
                "SELECT id, at, retain OR NOT waits FROM messages ORDER BY id LIMIT 1"
            ).fetchone()
            if oldest is None:
                return shed
            message_id, at_s, no_loss = oldest
            too_many = events > self._bounds.events or size > self._bounds.bytes
            if not too_many and now_s - at_s <= self._bounds.age_s:
                return shed
            self._connection.execute("DELETE FROM messages WHERE id = ?", (message_id,))
            shed += not no_loss

    def shed_old(self, now_s: float) -> int:
        """Shed what has waited too long; returns how many messages that were."""
        with self._transaction():
            return self._shed(now_s)

    def peek(self, owner: str, count: int) -> list[tuple[int, Message]]:
        """The oldest `count` messages of an owner that wait, with their ids."""
        rows = self._connection.execute(
            "SELECT id, topic, payload, retain, event FROM messages WHERE owner = ? AND waits = 1"
            " ORDER BY id LIMIT ?",
            (owner, count),
        )
        return [
            (message_id, Message(topic, payload, 1, bool(retain), event))
            for message_id, topic, payload, retain, event in rows
        ]

    def confirm(self, ids: Sequence[int]) -> None:
        """Note that the broker has messages (which may have been shed or replaced meanwhile).

        Those that it has been sent often enough are forgotten (see `_CONFIRMED_ENOUGH`).
        """
        with self._transaction():
            self._connection.executemany(
                "UPDATE messages SET waits = 0, confirmed = confirmed + 1 WHERE id = ?",
                [(one,) for one in ids],
            )
            self._connection.executemany(
                "DELETE FROM messages WHERE id = ? AND confirmed = ?",
                [(one, _CONFIRMED_ENOUGH) for one in ids],
            )

    def settle(self, ids: Sequence[int]) -> None:
        """Forget messages that have certainly been passed on."""
        with self._transaction():
            self._connection.executemany("DELETE FROM messages WHERE id = ?", [(one,) for one in ids])

    def doubt(self, owner: str) -> None:
        """Let an owner's confirmed messages wait again, in their old places: they may have been lost."""
        with self._transaction():
            self._connection.execute("UPDATE messages SET waits = 1 WHERE owner = ? AND waits = 0", (owner,))

    def waiting(self, owner: str) -> int:
        """How many messages of an owner wait."""
        return self._one("SELECT count(*) FROM messages WHERE owner = ? AND waits = 1", owner)

    def waiting_for(self, broker: str) -> int:
        """How many messages for a broker wait."""
        return self._one("SELECT count(*) FROM messages WHERE broker = ? AND waits = 1", broker)

    def adopt(self, owner: str, broker: str, orphaned: Orphaned) -> None:
        """Take over what owners left behind who are no more; what was confirmed to them waits again.

        Args:
            owner: who takes it.
            broker: for which.
            orphaned: keeps others from deciding about an owner meanwhile, and says whether it is no more.
        """
        for other in self._orphans(owner, broker, orphaned):
            self._connection.execute(
                "UPDATE messages SET owner = ?, waits = 1 WHERE owner = ? AND broker = ?",
                (owner, other, broker),
            )

    def left_behind(self, owner: str, broker: str, orphaned: Orphaned) -> int:
        """How many messages `adopt` would take over."""
        count = "SELECT count(*) FROM messages WHERE owner = ? AND broker = ?"
        return sum(self._one(count, other, broker) for other in self._orphans(owner, broker, orphaned))

    def _orphans(self, owner: str, broker: str, orphaned: Orphaned) -> Iterator[str]:
        others = self._connection.execute(
            "SELECT DISTINCT owner FROM messages WHERE broker = ? AND owner != ?", (broker, owner)
        ).fetchall()
        for (other,) in others:
            with orphaned(other) as is_orphaned:
                if is_orphaned:
                    yield other

    def forget(self, broker: str, topic: str) -> int:
        """Drop the retained message of a topic that is kept; returns how many there were: 0 or 1."""
        with self._transaction():
            return self._forget(broker, topic)

    def _forget(self, broker: str, topic: str) -> int:
        return self._connection.execute(
            "DELETE FROM messages WHERE broker = ? AND topic = ? AND retain", (broker, topic)
        ).rowcount

    def sync(self) -> None:
        """See that what was put in outlives a power cut too; cheap where nothing has been."""
        if self._unsynced:
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
            self._unsynced = False

    def rescue(self, other: "Database") -> None:
        """Copy from another database what can still be read of it; all of it waits here."""
        columns = "owner, broker, topic, payload, retain, event, at, bytes"
        rows = other._connection.execute(f"SELECT {columns} FROM messages ORDER BY id")
        with self._transaction():
            for row in rows:
                self._connection.execute(f"INSERT INTO messages ({columns}) VALUES (?,?,?,?,?,?,?,?)", row)

    def close(self) -> None:
        """Release the file."""
        self._connection.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
        self._unsynced = True

    def _one(self, query: str, *values: object) -> int:
        (value,) = self._connection.execute(query, values).fetchone()
        assert isinstance(value, int)
        return value


def _statements(script: str) -> Iterator[str]:
    """One by one, as `executescript` would commit before it begins."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
