"""What a worker is busy with, in memory that outlives it: a crash, a hang or a kill leaves the input."""

import ctypes
import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Self

_LONGEST = 1 << 20


class Desk(ctypes.Structure):
    """Shared by one worker and whoever watches it (see `at`).

    Attributes:
        count: inputs that were begun.
        idle_bytes: memory that the worker held before the first of them; 0 before it is ready.
        peak_bytes: the most memory that it has held after any of them.
        began_s: since when it is busy with the present one, by `monotonic`; 0 where it is not.
    """

    _fields_ = (
        ("count", ctypes.c_uint64),
        ("idle_bytes", ctypes.c_uint64),
        ("peak_bytes", ctypes.c_uint64),
        ("began_s", ctypes.c_double),
        ("_length", ctypes.c_uint32),
        ("_data", ctypes.c_ubyte * _LONGEST),
    )
    count: int
    idle_bytes: int
    peak_bytes: int
    began_s: float

    @classmethod
    def at(cls, path: Path) -> Self:
        """The one in a file, made where missing."""
        if not path.exists():
            path.write_bytes(bytes(cls()))
        with path.open("r+b") as file:
            return cls.from_buffer(mmap.mmap(file.fileno(), 0))

    def begin(self, data: bytes) -> None:
        """Note which input is begun."""
        data = data[:_LONGEST]
        ctypes.memmove(self._data, data, len(data))
        self._length, self.began_s = len(data), monotonic()

    def end(self, peak_bytes: int) -> None:
        """Note that it is done, and the most memory that the worker has held by now."""
        self.peak_bytes, self.began_s = peak_bytes, 0.0

    @property
    def busy_s(self) -> float:
        """For how long it has been busy with the present input."""
        began_s = self.began_s
        return monotonic() - began_s if began_s else 0.0

    @property
    def data(self) -> bytes:
        """The last input that was begun."""
        return ctypes.string_at(self._data, self._length)


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """An empty folder for a while, in memory where the system has such a place."""
    memory = Path("/dev/shm")
    with TemporaryDirectory(prefix="merits-fuzz-", dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder)
