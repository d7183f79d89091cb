"""The outbox as the event loop sees it: nothing blocks, and a disk that fails ends no session."""

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from time import time
from types import TracebackType
from typing import Self, TypeVar

from ulid import ULID

from streamer.errors import InputError
from streamer.outputs.outbox.database import Bounds, Database
from streamer.outputs.outbox.message import Message
from streamer.outputs.outbox.ownership import Owners
from streamer.outputs.outbox.settings import OutboxSettings

_log = logging.getLogger(__name__)
_SYNC_AFTER_S = 1.0
"""What a power cut may take at most. The events file, which is not synced at all, loses no less."""

T = TypeVar("T")


class Outbox:
    """Messages on disk, shared by the streams of this process and by other processes.

    One thread does all the work. Should the file be damaged, it is set aside and a new one begun; should the
    disk fail or be full, messages wait in memory. Either is said once, in one line.

    Args:
        settings: where, and how much.
    """

    def __init__(self, settings: OutboxSettings) -> None:
        self.path = settings.place()
        self._chosen = settings.path is not None
        self.bounds = Bounds(settings.max_events, round(settings.max_mb * 1e6), 3600 * settings.max_age_h)
        self.owners = Owners(Path(f"{self.path}.owners"))
        self._database: Database | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="outbox")
        self._sync: asyncio.TimerHandle | None = None
        self._brokers: set[str] = set()

    @property
    def in_memory(self) -> bool:
        """Whether the disk is of no use: what waits ends with the program."""
        return self._database is not None and self._database.path is None

    async def __aenter__(self) -> Self:
        """Open the file.

        Raises:
            InputError: the place that was set for it cannot be used.
        """
        await self._run(self._open)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._sync is not None:
            self._sync.cancel()
        for broker in sorted(self._brokers):
            self._say_what_waits(broker, await self.work(partial(Database.waiting_for, broker=broker)))
        await self._run(self._close)
        self._thread.shutdown(wait=False)

    @asynccontextmanager
    async def mailbox(self, broker: str) -> AsyncIterator["Mailbox"]:
        """A place for one sender's messages; what is left in it when it is closed goes to the next one."""
        self._brokers.add(broker)
        with ExitStack() as stack:
            owner = await self._run(lambda: self._own(stack))
            yield Mailbox(self, owner, broker)

    async def work(self, job: Callable[[Database], T]) -> T:
        """Do something with the database, in its thread; again on another one should this one fail."""
        return await self._run(lambda: self._with_database(job))

    def sync_soon(self) -> None:
        """See that what was put in is on the disk itself, in a while."""
        if self._sync is None:
            self._sync = asyncio.get_running_loop().call_later(_SYNC_AFTER_S, self._sync_now)

    def _sync_now(self) -> None:
        self._sync = None
        self._thread.submit(self._with_database, Database.sync)

    async def _run(self, job: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, job)

    def _own(self, stack: ExitStack) -> str:
        if not self.in_memory:
            try:
                return stack.enter_context(self.owners.new())
            except OSError as error:
                self._give_up(error)
        return str(ULID())

    def _open(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._database = Database(self.path, self.bounds)
        except OSError as error:
            if self._chosen:
                raise InputError(
                    f"cannot keep events in {self.path}: {error.strerror}; choose another outbox.path"
                ) from error
            self._give_up(error)
        except sqlite3.Error as error:
            self._recover(error)

    def _close(self) -> None:
        if self._database is not None:
            self._database.close()

    def _say_what_waits(self, broker: str, messages: int) -> None:
        if messages and self.in_memory:
            _log.warning("%d MQTT messages could not be delivered to %s", messages, broker)
        elif messages:
            said = "%d MQTT messages wait in %s; the next run with %s sends them first"
            _log.warning(said, messages, self.path, broker)

    def _with_database(self, job: Callable[[Database], T]) -> T:
        assert self._database is not None
        try:
            return job(self._database)
        except sqlite3.Error as error:
            if self.in_memory:
                raise
            self._recover(error)
            return job(self._database)

    def _recover(self, error: sqlite3.Error) -> None:
        damaged = isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError)
        if not damaged:
            self._give_up(error)
            return
        before = self._database
        try:
            aside = self._set_aside()
            self._database = Database(self.path, self.bounds)
        except (OSError, sqlite3.Error) as worse:
            self._give_up(worse)
            return
        self._rescue(before)
        _log.warning("the outbox %s is damaged (%s): it was put aside as %s", self.path, error, aside)

    def _set_aside(self) -> Path:
        """Rename the file, and what sqlite keeps beside it; unless another process has done so already."""
        aside = self.path.with_name(f"{self.path.name}.damaged-{datetime.now():%Y%m%d-%H%M%S}")
        ours = self._database is None or self._database.file == self.path.stat().st_ino
        for suffix in ("", "-wal", "-shm") if ours else ():
            file = Path(f"{self.path}{suffix}")
            if file.exists():
                file.rename(f"{aside}{suffix}")
        return aside

    def _give_up(self, error: Exception) -> None:
        before, self._database = self._database, Database(None, self.bounds)
        self._rescue(before)
        reason = (isinstance(error, OSError) and error.strerror) or error
        _log.warning(
            "the outbox %s cannot be used (%s): events wait in memory until the program ends",
            self.path,
            reason,
        )

    def _rescue(self, before: Database | None) -> None:
        if before is None:
            return
        assert self._database is not None
        try:
            self._database.rescue(before)
        except sqlite3.Error as error:
            _log.info("what waited in %s cannot be read: %s", self.path, error)
        before.close()


class Mailbox:
    """The messages that one sender has to send, in order. Made by `Outbox.mailbox`.

    Attributes:
        depth: how many wait.
        shed: how many were lost since it was made because too many waited, or for too long.
    """

    def __init__(self, outbox: Outbox, owner: str, broker: str) -> None:
        self._outbox = outbox
        self._owner = owner
        self._broker = broker
        self._peeked: Database | None = None
        self.depth = 0
        self.shed = 0

    @property
    def limit(self) -> int:
        """How many messages may wait in the whole outbox."""
        return self._outbox.bounds.events

    async def put(self, messages: Sequence[Message]) -> None:
        """Add messages at the end, all or none: when this returns, the death of the process can't undo it."""

        def job(database: Database) -> tuple[int, int]:
            shed = database.put(self._owner, self._broker, messages, time())
            return shed, database.waiting(self._owner)

        shed, self.depth = await self._outbox.work(job)
        self.shed += shed
        self._outbox.sync_soon()

    async def peek(self, count: int) -> list[tuple[int, Message]]:
        """The oldest `count` messages with their ids, none of them too old; they stay until confirmed."""

        def job(database: Database) -> tuple[int, int, list[tuple[int, Message]]]:
            shed = database.shed_old(time())
            self._peeked = database
            return shed, database.waiting(self._owner), database.peek(self._owner, count)

        shed, self.depth, messages = await self._outbox.work(job)
        self.shed += shed
        return messages

    async def confirm(self, ids: Sequence[int]) -> None:
        """Forget messages that have been delivered."""

        def job(database: Database) -> int:
            if database is self._peeked:  # another one, begun meanwhile, has other ids
                database.confirm(ids)
            return database.waiting(self._owner)

        self.depth = await self._outbox.work(job)

    async def adopt(self) -> None:
        """Take over what killed programs and ended streams have left for this broker."""

        def job(database: Database) -> int:
            if database.path is not None:
                database.adopt(self._owner, self._broker, self._outbox.owners.orphaned)
            return database.waiting(self._owner)

        self.depth = await self._outbox.work(job)
