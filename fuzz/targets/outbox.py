"""Outbox files: damaged ones, and whole ones with odd rows."""

import asyncio
import json
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from fuzz.target import Run, Target
from streamer.outbox.database import Bounds, Database
from streamer.outbox.message import Message
from streamer.outbox.outbox import Outbox
from streamer.settings.outbox import OutboxSettings

_BROKER = "mqtt://localhost:1883"
_FILE = b"SQLite format 3\0"
_COLUMNS = "owner, broker, topic, payload, retain, event, at, bytes, waits, confirmed"
_ROW: tuple[Any, ...] = ("gone", _BROKER, "merits/x/turn", "{}", 0, "id", 1.8e9, 15, 1, 0)
_WORDS = (
    "SQLite format 3\x00", "messages", "total", "CREATE TABLE", "DROP TABLE messages;",
    "PRAGMA user_version = 9;", "null", '"gone"', _BROKER, "1e308", "-1", "9223372036854775807", "\\ud800",
    "\\u0000", "x'ff'", "CAST(x'80' AS TEXT)", "[", "]",
)  # fmt: skip


def seeds() -> dict[str, bytes]:
    """Files as the program writes them, and rows as JSON that are put into such a file."""
    rows = json.dumps([_ROW, [*_ROW[:3], "x" * 100, 1, None, 0, -1, 0, 2]])
    folder = Path(__file__).parent
    made = {"rows.json": rows.encode(), "statement.sql": b"UPDATE messages SET payload = x'80', waits = 0"}
    path = folder / "seed.sqlite"
    for name, rows_ in {"empty.sqlite": [], "some.sqlite": [_ROW] * 3}.items():
        _make(path, rows_)
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA journal_mode = DELETE")
        made[name] = path.read_bytes()
        path.unlink()
    return made


def _make(path: Path, rows: Sequence[Sequence[object]]) -> None:
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA page_size = 512")
        connection.execute("VACUUM")
    Database(path, Bounds(1000, 10**6, 1e12)).close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executemany(f"INSERT INTO messages ({_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?)", rows)


@contextmanager
def start(folder: Path) -> Iterator[Run]:
    """Open a file, take over what others have left in it, send some, put in more."""
    plain = folder / "plain.sqlite"
    _make(plain, [_ROW] * 2)
    path = folder / "outbox.sqlite"
    settings = OutboxSettings(path=path, max_age_h=1e9)
    with asyncio.Runner() as runner:

        def run(data: bytes) -> None:
            for old in folder.glob("outbox.sqlite*"):
                if old.is_file():
                    old.unlink()
            if data.startswith(_FILE):
                path.write_bytes(data)
            else:
                shutil.copyfile(plain, path)
                _disturb(path, data)
            runner.run(_use(settings))

        yield run


def _disturb(path: Path, data: bytes) -> None:
    """Put rows into the file, or do something else to it that SQL can do."""
    text = data.decode("utf-8", "replace")
    with closing(sqlite3.connect(path)) as connection:
        connection.set_progress_handler(lambda: 1, 20_000)
        try:
            with connection:
                if text.startswith("["):
                    rows = [row for row in json.loads(text) if isinstance(row, list)]
                    insert = f"INSERT INTO messages ({_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?)"
                    connection.executemany(insert, [(row + [None] * 10)[:10] for row in rows])
                elif text[:6].upper() in ("INSERT", "UPDATE", "DELETE", "CREATE", "DROP T", "ALTER "):
                    connection.execute(text)
        except (sqlite3.Error, sqlite3.Warning, ValueError, OverflowError, RecursionError):
            pass


async def _use(settings: OutboxSettings) -> None:
    async with Outbox(settings) as outbox, outbox.mailbox(_BROKER) as mailbox:
        await mailbox.look()
        await mailbox.adopt()
        batch = await mailbox.peek(10)
        await mailbox.confirm([number for number, _ in batch[:5]], 0.0)
        await mailbox.doubt()
        await mailbox.put(
            [Message("merits/x/turn", "{}", 1), Message("merits/x/state", "{}", 1, retain=True)]
        )
        await mailbox.peek(10)


OUTBOX = Target("outbox", "outbox", start, seeds, share=3, words=_WORDS, longest=8192)
