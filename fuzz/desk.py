"""What a worker is busy with, in memory that outlives it: a crash, a hang or a kill leaves the input."""

import mmap
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

_HEAD = struct.Struct("<QQQdI")  # count, idle and peak memory, since when busy, length of the input
_LONGEST = 1 << 20


class Desk:
    """Shared by one worker and whoever watches it.

    Args:
        path: a file, made where missing.
    """

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(bytes(_HEAD.size + _LONGEST))
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), 0)

    def begin(self, count: int, idle_bytes: int, data: bytes) -> None:
        """Note which input is begun, the how-manieth it is, and how much memory the idle worker held."""
        data = data[:_LONGEST]
        self._memory[_HEAD.size : _HEAD.size + len(data)] = data
        _HEAD.pack_into(self._memory, 0, count, idle_bytes, self.peak_bytes, monotonic(), len(data))

    def end(self, peak_bytes: int) -> None:
        """Note that it is done, and the most memory that the worker has held by now."""
        count, idle, _, _, length = _HEAD.unpack_from(self._memory)
        _HEAD.pack_into(self._memory, 0, count, idle, peak_bytes, 0.0, length)

    @property
    def count(self) -> int:
        """Inputs that were begun."""
        count: int = _HEAD.unpack_from(self._memory)[0]
        return count

    @property
    def idle_bytes(self) -> int:
        """Memory that the worker held before the first of them; 0 before it is ready."""
        idle: int = _HEAD.unpack_from(self._memory)[1]
        return idle

    @property
    def peak_bytes(self) -> int:
        """The most memory that it has held after any of them."""
        peak: int = _HEAD.unpack_from(self._memory)[2]
        return peak

    @property
    def busy_s(self) -> float:
        """For how long it has been busy with the present one."""
        began: float = _HEAD.unpack_from(self._memory)[3]
        return monotonic() - began if began else 0.0

    @property
    def data(self) -> bytes:
        """The last input that was begun."""
        length = _HEAD.unpack_from(self._memory)[4]
        return self._memory[_HEAD.size : _HEAD.size + length]


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """An empty folder for a while, in memory where the system has such a place."""
    memory = Path("/dev/shm")
    with TemporaryDirectory(prefix="merits-fuzz-", dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder)
