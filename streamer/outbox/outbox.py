"""The outbox for the event loop: no call blocks, and a disk failure ends no session."""

import asyncio
import logging
import os
import sqlite3
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from time import monotonic, sleep
from typing import Self, TypeVar

from ulid import ULID

from streamer.errors import InputError
from streamer.outbox.database import Bounds, Database, Orphaned
from streamer.outbox.message import Message, shown
from streamer.outbox.ownership import Owners
from streamer.outbox.private_file import put_aside
from streamer.settings.outbox import OutboxSettings

_log = logging.getLogger(__name__)
_SYNC_AFTER_S = 1.0
"""Longest time of messages that a power cut may destroy. The events file is not synced at all."""

SETTLED_AFTER_S = 5.0
"""A broker that still answers this long after confirming a message has passed it on."""
_TRY_AGAIN_S = 0.1

T = TypeVar("T")


class Outbox:
    """Messages on disk, shared by the streams of this process and by other processes.

    One thread does all the work. A damaged file is renamed, and a new one begun. If the disk fails or is
    full, messages wait in memory. While another program has locked the file, callers wait. Each of these is
    logged once, in one line.
    """

    def __init__(self, settings: OutboxSettings) -> None:
        self.path = Path(os.path.realpath(settings.place()))  # all links to the file share its owners
        self._chosen = settings.path is not None
        self.bounds = Bounds(settings.max_events, round(settings.max_mb * 1e6), 3600 * settings.max_age_h)
        self.owners = Owners(Path(f"{self.path}.owners"))
        self._database: Database | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="outbox")
        self._sync: asyncio.TimerHandle | None = None
        self._brokers: set[str] = set()
        self._leaving = False

    @property
    def in_memory(self) -> bool:
        """Whether messages wait only in memory, because the disk failed, and end with the program."""
        return self._database is not None and self._database.path is None

    async def __aenter__(self) -> Self:
        """Open the file.

        Raises:
            InputError: the path in the settings cannot be used.
        """
        try:
            await self._run(self._open)
        except asyncio.CancelledError:
            self._leaving = True
            self._thread.submit(self._close)  # once the file is open, or was given up
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        self._leaving = True
        if self._sync is not None:
            self._sync.cancel()
        try:
            for broker in sorted(self._brokers):
                self._say_what_waits(broker, await self.work(partial(Database.waiting_for, broker=broker)))
        except sqlite3.OperationalError as locked:
            _log.warning("what waits in %s cannot be told: %s", self.path, locked)
        await self._run(self._close)
        self._thread.shutdown(wait=False)

    @asynccontextmanager
    async def mailbox(self, broker: str) -> AsyncIterator["Mailbox"]:
        """A mailbox for one sender's messages; the next one for the broker adopts what is left in it."""
        self._brokers.add(broker)
        with ExitStack() as stack:
            owner = await self._run(lambda: self._own(stack))
            mailbox = Mailbox(self, owner, broker)
            try:
                yield mailbox
            finally:
                if mailbox.shed:
                    _log.warning("%d MQTT messages were shed: %s was away too long", mailbox.shed, broker)
                if mailbox.aside > 1:
                    _log.warning("%d MQTT messages for %s were set aside", mailbox.aside, broker)

    async def work(self, job: Callable[[Database], T]) -> T:
        """Run a job with the database, in its thread; repeat it on a new database if this one fails."""
        return await self._run(lambda: self._with_database(job))

    def sync_soon(self) -> None:
        """Schedule a `sync` of the database."""
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
            self._database = self._when_free(lambda: Database(self.path, self.bounds))
        except IsADirectoryError as error:
            self._begin_anew(error)
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
        try:
            return self._when_free(partial(self._do, job))
        except sqlite3.Error as error:
            if self.in_memory or _is_busy(error):
                raise
            self._recover(error)
            return self._do(job)

    def _do(self, job: Callable[[Database], T]) -> T:
        assert self._database is not None
        return job(self._database)

    def _when_free(self, work: Callable[[], T]) -> T:
        """Run a job; while another program has locked the file, retry until this program is to end."""
        said = False
        while True:
            try:
                return work()
            except sqlite3.Error as error:
                if self._leaving or not _is_busy(error):
                    raise
            if not said:
                _log.warning(
                    "the outbox %s is locked by another program: events wait until it is free", self.path
                )
                said = True
            sleep(_TRY_AGAIN_S)

    def _recover(self, error: sqlite3.Error) -> None:
        if _is_damage(error):
            self._begin_anew(error)
        else:
            self._give_up(error)

    def _begin_anew(self, error: Exception) -> None:
        """Rename an unusable file and begin a new one, unless another process has done so already."""
        before = self._database
        try:
            aside = None
            if before is None or before.file == self.path.stat().st_ino:
                aside = put_aside(self.path)
            self._database = Database(self.path, self.bounds)
        except (OSError, sqlite3.Error) as worse:
            self._give_up(worse)
            return
        self._rescue(before)
        _log.warning(
            "the outbox %s is damaged (%s): it was put aside as %s",
            self.path,
            _reason(error),
            aside or "another one",
        )

    def _give_up(self, error: Exception) -> None:
        before, self._database = self._database, Database(None, self.bounds)
        self._rescue(before)
        _log.warning(
            "the outbox %s cannot be used (%s): events wait in memory until the program ends",
            self.path,
            _reason(error),
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


def _is_busy(error: sqlite3.Error) -> bool:
    """Whether another program has locked the file. The lowest eight bits are the primary error code."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY


def _is_damage(error: sqlite3.Error) -> bool:
    """Whether the file is no database, a damaged one, or lacks our tables."""
    if isinstance(error, sqlite3.OperationalError):
        return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_ERROR
    return isinstance(error, sqlite3.DatabaseError)


def _reason(error: Exception) -> str:
    return (isinstance(error, OSError) and error.strerror) or str(error)


class Mailbox:
    """The messages of one sender, in order. Created by `Outbox.mailbox`.

    Attributes:
        depth: number of waiting messages.
        left_behind: number of waiting messages without a running owner, at the last `look`.
        shed: number of messages shed for the limits of number, size or age.
        aside: number of messages set aside.
        delivered: number of messages that the broker confirmed and did not lose.
    """

    def __init__(self, outbox: Outbox, owner: str, broker: str) -> None:
        self._outbox = outbox
        self._owner = owner
        self._broker = broker
        self._peeked: Database | None = None
        # When, and what settles it:
        self._confirmed: deque[tuple[float, Callable[[Database], None]]] = deque()
        self.depth = 0
        self.left_behind = 0
        self.shed = 0
        self.aside = 0
        self.delivered = 0

    @property
    def limit(self) -> int:
        """Most messages that may wait in the whole outbox."""
        return self._outbox.bounds.events

    async def put(self, messages: Sequence[Message]) -> None:
        """Append messages, all or none; when this returns, they survive the end of the process."""
        self._note(await self._do(lambda database: database.put(self._owner, self._broker, messages)))
        self._outbox.sync_soon()

    async def peek(self, count: int) -> list[tuple[int, Message]]:
        """The next `count` waiting messages with their ids: the oldest that are not too old, refused last."""

        def job(database: Database) -> tuple[int, list[tuple[int, Message]]]:
            self._peeked = database
            return database.shed_old(), database.peek(self._owner, count)

        shed, messages = await self._do(job)
        self._note(shed)
        return messages

    @property
    def unsettled(self) -> bool:
        """Whether there are confirmed messages that the broker may not have passed on yet."""
        return bool(self._confirmed)

    async def confirm(self, ids: Sequence[int], asked_s: float) -> None:
        """Record that the broker confirmed messages. This also proves that the broker is alive: messages that
        it confirmed `SETTLED_AFTER_S` before the request are settled.

        Args:
            ids: ids of the messages; empty for another answer.
            asked_s: `monotonic` time at which they were published.
        """
        if not ids:
            return
        self._confirmed.append((monotonic(), self._where_peeked(lambda database: database.settle(ids))))
        await self._outbox.work(self._where_peeked(lambda database: database.confirm(ids)))
        self.delivered += len(ids)
        await self.settle(asked_s - SETTLED_AFTER_S)

    async def settle(self, until_s: float) -> None:
        """Forget messages confirmed until `until_s` (`monotonic`), which the broker has passed on."""
        settled = []
        while self._confirmed and self._confirmed[0][0] <= until_s:
            settled.append(self._confirmed.popleft()[1])
        await self._do(lambda database: [forget(database) for forget in settled])

    async def doubt(self) -> None:
        """Requeue confirmed messages that are not settled: the broker vanished, and may have lost them."""
        self._confirmed.clear()
        self.delivered -= await self._do(lambda database: database.doubt(self._owner))

    async def refuse(self, ids: Sequence[int]) -> None:
        """Record that the broker refused messages; they still wait, behind all others."""
        await self._outbox.work(self._where_peeked(lambda database: database.refuse(ids)))

    async def set_aside(self, number: int, message: Message, why: str) -> None:
        """Set aside an undeliverable message, so that it does not delay others."""
        await self._do(self._where_peeked(lambda database: database.set_aside(number, why)))
        self.aside += 1
        if self.aside == 1:
            said = "%s: a message for %s is set aside: %s (see: merits mqtt set-aside)"
            _log.warning(said, self._broker, shown(message.topic), why)

    async def look(self) -> None:
        """Count the messages that killed programs and ended streams left for this broker, without adopting
        them: a new stream of the same name may do so first, which keeps the order.
        """
        self.left_behind = await self._of_others(Database.left_behind) or 0

    async def adopt(self) -> None:
        """Take over the messages that killed programs and ended streams left for this broker."""
        await self._of_others(Database.adopt)
        self.left_behind = 0

    async def grow_old(self) -> None:
        """Shed messages that are too old, and store the time; for periods without other calls."""
        self._note(await self._do(Database.shed_old))

    async def _do(self, job: Callable[[Database], T]) -> T:
        """Do something with the database, and see how many messages wait then."""
        found, self.depth = await self._outbox.work(
            lambda database: (job(database), database.waiting(self._owner))
        )
        return found

    def _where_peeked(self, job: Callable[[Database], object]) -> Callable[[Database], None]:
        """The same for messages that were peeked at: another database, begun meanwhile, has other ids."""
        origin = self._peeked

        def same(database: Database) -> None:
            if database is origin:
                job(database)

        return same

    async def _of_others(self, job: Callable[[Database, str, str, Orphaned], T]) -> T | None:
        """Do something with what others have left: on disk, in memory there are none."""

        def shared(database: Database) -> T | None:
            if database.path is None:
                return None
            return job(database, self._owner, self._broker, self._outbox.owners.orphaned)

        return await self._do(shared)

    def _note(self, shed: int) -> None:
        if shed and not self.shed:
            _log.warning("%s has been away too long: the oldest events are being shed", self._broker)
        self.shed += shed
