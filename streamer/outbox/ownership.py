"""Owners of messages: each holds a file lock until its process ends, in whatever way."""

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout
from ulid import ULID

_NAME = re.compile(r"[0-9A-Z]{26}")


class Owners:
    """The owners that share an outbox."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def new(self) -> Iterator[str]:
        """Become an owner; the name is never used again.

        Raises:
            OSError: the lock cannot be acquired.
        """
        self._sweep()
        name, lock = self._take()
        try:
            yield name
        finally:
            lock.release()
            self._remove(name)

    def _take(self) -> tuple[str, FileLock]:
        """A name and its lock; a new name if another process removed the file before it was locked."""
        while True:
            name = str(ULID())
            lock = self._lock(name)
            with suppress(Timeout):
                lock.acquire(blocking=False)
                if Path(lock.lock_file).exists():
                    return name, lock
                lock.release()

    @contextmanager
    def orphaned(self, name: str) -> Iterator[bool]:
        """Whether an owner no longer exists; holds its lock meanwhile."""
        if not _NAME.fullmatch(name):  # no owner has such a name
            yield True
            return
        lock = self._lock(name)
        try:
            lock.acquire(blocking=False)
        except (Timeout, OSError):
            yield False
            return
        try:
            yield True
        finally:
            self._remove(name)  # while locked: a waiting process then sees that the file is gone
            lock.release()
            self._remove(name)  # Windows: only after the release

    def _sweep(self) -> None:
        """Remove the locks of killed owners."""
        with suppress(OSError):
            for file in self._folder.glob("*.lock"):
                with self.orphaned(file.stem):
                    pass

    def _lock(self, name: str) -> FileLock:
        self._folder.mkdir(exist_ok=True, mode=0o700)
        return FileLock(self._folder / f"{name}.lock", thread_local=False)

    def _remove(self, name: str) -> None:
        with suppress(OSError):  # Windows: another process has the file open, and will remove it
            (self._folder / f"{name}.lock").unlink(missing_ok=True)
