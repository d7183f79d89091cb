"""Who is alive: an owner of messages holds a lock for as long as its process lives, however that ends."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import time

from filelock import FileLock, Timeout
from ulid import ULID

_YOUNG_S = 3600


class Owners:
    """The owners that share an outbox.

    Args:
        folder: where their locks are.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def new(self) -> Iterator[str]:
        """Be an owner; the name is never used again.

        Raises:
            OSError: the lock can't be had.
        """
        self._sweep()
        name = str(ULID())
        lock = self._lock(name)
        lock.acquire(blocking=False)
        try:
            yield name
        finally:
            lock.release()
            self._remove(name)

    @contextmanager
    def orphaned(self, name: str) -> Iterator[bool]:
        """Whether an owner is no more; nobody else is told so meanwhile."""
        lock = self._lock(name)
        try:
            lock.acquire(blocking=False)
        except (Timeout, OSError):
            yield False
            return
        try:
            yield True
        finally:
            lock.release()
            self._remove(name)

    def _sweep(self) -> None:
        """Remove the locks of killed owners; the young ones may be about to be taken."""
        with suppress(OSError):
            for file in self._folder.glob("*.lock"):
                if time() - file.stat().st_mtime > _YOUNG_S:
                    with self.orphaned(file.stem):
                        pass

    def _lock(self, name: str) -> FileLock:
        self._folder.mkdir(exist_ok=True)
        return FileLock(self._folder / f"{name}.lock", thread_local=False)

    def _remove(self, name: str) -> None:
        with suppress(OSError):  # Windows: someone looks at it just now, and will remove it
            (self._folder / f"{name}.lock").unlink(missing_ok=True)
