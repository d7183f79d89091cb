"""The outbox's file: an sqlite database that several processes may use at once."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from time import time
from typing import Any

from streamer.outputs.outbox.age import OutboxTime, Reading, read_clock
from streamer.outputs.outbox.message import Message
from streamer.outputs.outbox.private_file import claim
from streamer.outputs.outbox.schema import set_up

_CONFIRMED_ENOUGH = 3
"""Of brokers that vanish again and again: otherwise the same messages would be sent for ever."""
_BUSY_S = 5.0
_NOTE_CLOCK_S = 10.0
_NOBODY = ""
"""Owns what is set aside."""
_PREDECESSOR = "retried"
"""Owns what is to be tried again, until someone takes over what those have left who are no more."""

Orphaned = Callable[[str], AbstractContextManager[bool]]


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much may wait, by everyone together: messages, bytes of topics and payloads, and for how long."""

    events: int
    bytes: int
    age_s: float


@dataclass(frozen=True, slots=True)
class Aside:
    """A message that is set aside: `at_s` is when it was put in, by the wall clock, in seconds since 1970."""

    number: int
    broker: str
    topic: str
    bytes: int
    at_s: float
    why: str


class Database:
    """Messages in the order in which they were put in, until they are settled.

    Each has an owner, who alone sends it. Until it is confirmed it waits; confirmed, it is kept until it is
    certain that the broker has lived to pass it on, or has been confirmed several times. What can't be sent
    is set aside: nobody sends it, but it counts for the bounds as all do. A commit survives the death of the
    process; what survives the machine's is decided by `sync`.

    Args:
        path: the file; None keeps everything in memory.
        bounds: beyond them the oldest messages are shed.
        clock: what age is counted by.

    Raises:
        OSError: the file cannot be used (see `claim`).
        sqlite3.Error: from every method too: it cannot be used (any more).
    """

    def __init__(self, path: Path | None, bounds: Bounds, clock: Callable[[], Reading] = read_clock) -> None:
        self.path = path
        self._bounds = bounds
        self._clock = clock
        self._unsynced = False
        if path is not None:
            claim(path)
        self._connection = sqlite3.connect(
            path or ":memory:",
            timeout=_BUSY_S,
            isolation_level=None,
            check_same_thread=False,
            factory=_Connection,
        )
        try:
            self._set_up()
        except sqlite3.Error:
            self._connection.close()
            raise
        self.file = path and path.stat().st_ino

    def _set_up(self) -> None:
        self._connection.text_factory = _decode
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        with self._transaction():
            if set_up(self._connection):  # ages by the wall clock, which is no measure
                self._connection.execute("UPDATE messages SET put_s = ?", (self._now(),))

    def put(self, owner: str, broker: str, messages: Sequence[Message]) -> int:
        """Add messages at the end, all or none. A retained one takes the place of its topic's that is kept.

        Returns:
            How many messages were shed for it: of those that waited, the retained ones not counted.
        """
        with self._transaction():
            now_s = self._now()
            for message in map(_storable, messages):
                if message.retain:
                    self._forget(broker, message.topic)
                size = len(message.topic.encode()) + len(message.payload.encode())
                self._connection.execute(
                    "INSERT INTO messages (owner, broker, topic, payload, retain, event, at, bytes, put_s)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (owner, broker, message.topic, message.payload, message.retain, message.id, time(), size,
                     now_s),
                )  # fmt: skip
            return self._shed(now_s)

    def _now(self) -> float:
        """The outbox's time, noted every now and then, so that it goes on from there after a new start."""
        noted = OutboxTime(*self._connection.execute("SELECT boot, base_s, ticks_s FROM clock").fetchone())
        now = noted.at(self._clock())
        if now.base_s != noted.base_s or now.boot != noted.boot or now.now_s - noted.now_s >= _NOTE_CLOCK_S:
            self._connection.execute(
                "UPDATE clock SET boot = ?, base_s = ?, ticks_s = ?", (now.boot, now.base_s, now.ticks_s)
            )
        return now.now_s

    def _shed(self, now_s: float) -> int:
        shed = 0
        while True:
            events, size = self._connection.execute("SELECT events, bytes FROM total").fetchone()
            oldest = self._connection.execute(
                "SELECT id, put_s < ?, waits AND NOT retain FROM messages ORDER BY id LIMIT 1",
                (now_s - self._bounds.age_s,),
            ).fetchone()
            if oldest is None:
                return shed
            message_id, too_old, loss = oldest
            if not too_old and events <= self._bounds.events and size <= self._bounds.bytes:
                return shed
            self._connection.execute("DELETE FROM messages WHERE id = ?", (message_id,))
            shed += loss

    def shed_old(self) -> int:
        """Shed what has waited too long; returns how many messages that were."""
        with self._transaction():
            return self._shed(self._now())

    def peek(self, owner: str, count: int) -> list[tuple[int, Message]]:
        """The oldest `count` messages of an owner that wait, with their ids; those come last that have been
        refused already: they hold nothing up.
        """
        rows = self._connection.execute(
            "SELECT id, topic, payload, retain, event, refused FROM messages WHERE owner = ? AND waits = 1"
            " ORDER BY refused, id LIMIT ?",
            (owner, count),
        )
        return [
            (message_id, Message(topic, payload, 1, bool(retain), event, refused=refused))
            for message_id, topic, payload, retain, event, refused in rows
        ]

    def confirm(self, ids: Sequence[int]) -> None:
        """Note that the broker has messages (which may have been shed or replaced meanwhile).

        Those that it has been sent often enough are forgotten (see `_CONFIRMED_ENOUGH`).
        """
        with self._transaction():
            self._each("UPDATE messages SET waits = 0, confirmed = confirmed + 1 WHERE id = ?", ids)
            self._each(f"DELETE FROM messages WHERE id = ? AND confirmed = {_CONFIRMED_ENOUGH}", ids)

    def settle(self, ids: Sequence[int]) -> None:
        """Forget messages that have certainly been passed on."""
        with self._transaction():
            self._each("DELETE FROM messages WHERE id = ?", ids)

    def doubt(self, owner: str) -> int:
        """Let an owner's confirmed messages wait again, in their old places: they may have been lost.

        Returns:
            How many those are.
        """
        with self._transaction():
            return self._connection.execute(
                "UPDATE messages SET waits = 1 WHERE owner = ? AND waits = 0", (owner,)
            ).rowcount

    def refuse(self, ids: Sequence[int]) -> None:
        """Note that the broker has refused messages once more; they still wait."""
        with self._transaction():
            self._each("UPDATE messages SET refused = refused + 1 WHERE id = ?", ids)

    def set_aside(self, message_id: int, why: str) -> None:
        """Keep a message from being sent, for a reason."""
        with self._transaction():
            self._connection.execute(
                "UPDATE messages SET owner = ?, waits = 0, aside = ? WHERE id = ?", (_NOBODY, why, message_id)
            )

    def set_aside_for(self, broker: str | None) -> list[Aside]:
        """What is set aside, the oldest first: for a broker, or (None) for all."""
        rows = self._connection.execute(
            "SELECT id, broker, topic, bytes, at, aside FROM messages"
            " WHERE owner = ? AND broker = coalesce(?, broker) ORDER BY id",
            (_NOBODY, broker),
        )
        return [Aside(*row) for row in rows]

    def retry(self, ids: Sequence[int]) -> int:
        """Let messages that are set aside wait again, as new ones in their old places; returns how many."""
        with self._transaction():
            query = (
                "UPDATE messages SET owner = ?2, waits = 1, refused = 0, aside = NULL, put_s = ?3"
                " WHERE id = ?1 AND owner = ?4"
            )
            return self._each(query, ids, _PREDECESSOR, self._now(), _NOBODY)

    def discard(self, ids: Sequence[int]) -> int:
        """Delete messages that are set aside; returns how many."""
        with self._transaction():
            return self._each("DELETE FROM messages WHERE id = ? AND owner = ?", ids, _NOBODY)

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
            "SELECT DISTINCT owner FROM messages WHERE broker = ? AND owner NOT IN (?, ?)",
            (broker, owner, _NOBODY),
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
        columns = "owner, broker, topic, payload, retain, event, at, bytes, put_s, refused, aside, waits"
        clock = other._connection.execute("SELECT boot, base_s, ticks_s FROM clock").fetchone()
        rows = other._connection.execute(
            f"SELECT {columns.removesuffix('waits')} aside IS NULL FROM messages ORDER BY id"
        )
        with self._transaction():
            self._connection.execute("UPDATE clock SET boot = ?, base_s = ?, ticks_s = ?", clock)
            for row in rows:
                self._connection.execute(
                    f"INSERT INTO messages ({columns}) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
                    [_encodable(value) if isinstance(value, str) else value for value in row],
                )

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

    def _each(self, query: str, ids: Sequence[int], *values: object) -> int:
        """Change messages, by their ids and the same values; returns how many."""
        return self._connection.executemany(query, [(one, *values) for one in ids]).rowcount

    def _one(self, query: str, *values: object) -> int:
        (value,) = self._connection.execute(query, values).fetchone()
        assert isinstance(value, int)
        return value


class _Connection(sqlite3.Connection):
    """Whatever is wrong with what stands in the file is a `sqlite3.Error`.

    Of a damaged one, sqlite3 quotes bytes that are no text, and asks for more memory than there is.
    """

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        with _as_damage():
            return super().execute(sql, parameters)

    def executemany(self, sql: str, parameters: Any, /) -> sqlite3.Cursor:
        with _as_damage():
            return super().executemany(sql, parameters)


@contextmanager
def _as_damage() -> Iterator[None]:
    try:
        yield
    except (UnicodeError, MemoryError) as error:
        raise sqlite3.DatabaseError(f"it cannot be read: {type(error).__name__}") from error


def _storable(message: Message) -> Message:
    """The same with nothing in its texts that is no UTF-8."""
    texts = {name: getattr(message, name) for name in ("topic", "payload", "id")}
    mended: dict[str, Any] = {name: text and _encodable(text) for name, text in texts.items()}
    return message if mended == texts else replace(message, **mended)


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _decode(stored: bytes) -> str:
    """Whatever stands in the file can be read: what is no UTF-8 is told by who looks at it."""
    return stored.decode("utf-8", "surrogateescape")
