"""Bytes of a recording that come in their own time."""

import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from time import monotonic

from streamer.errors import InputError

SAY_AFTER_S = 2.0
"""Before its sound begins nothing has come for so long: that it is waited for is said, once."""

_MOST_BEFORE_SOUND = 2**26
"""Bytes that are looked through for the first sound."""

_INDEXED = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide")
"""Names of boxes that an MP4 begins with."""

_log = logging.getLogger("merits")


class LiveBytes(ABC):
    """A `ByteStream` (see `Decoder`) that can be stopped, and says when it waits. Read by one thread.

    Attributes:
        before_waiting: called, in the thread that reads, when there is nothing to read yet.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._stopped = threading.Event()
        self._since = monotonic()
        self._has_said = False
        self._begun = False
        self._ended = False
        self._head = b""
        self._count = 0
        self.before_waiting: Callable[[], None] = lambda: None

    def __str__(self) -> str:
        return self._name

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes: waits for some, and returns none at the end, or once it is stopped."""
        if not self._begun and self._count > _MOST_BEFORE_SOUND:
            return b""
        while not self._ended and not self._stopped.is_set():
            data = self._take(size)
            if data is not None:
                self._ended = not data  # it is asked again, and a pipe may have another writer by then
                self._count += len(data)
                self._head += data[: max(0, 8 - len(self._head))]
                self._since = monotonic()
                return data
            self.before_waiting()
            self._wait(self._stopped)
            self._say_that_it_waits()
        return b""

    def begin(self) -> None:
        """Its sound has begun: any amount may be read."""
        self._begun = True

    def stop(self) -> None:
        """Give nothing more, not even to who waits; from any thread."""
        self._stopped.set()

    def explain(self, error: InputError) -> InputError:
        """Why it could not be decoded, where more is known than what the decoder says."""
        if not self._count:
            return InputError(f"{self} is empty: nothing was written to it")
        if self._head[4:8] in _INDEXED:
            return InputError(
                f"{self} cannot be read as it comes, since its index stands at its end: save it to a file "
                "first, or write it in fragments (ffmpeg -movflags frag_keyframe+empty_moov)"
            )
        return InputError(f"{error}; if it is one, save it to a file first: not every format can be read so")

    @abstractmethod
    def close(self) -> None:
        """Let go of what is read; nothing reads any more."""

    @abstractmethod
    def _take(self, size: int) -> bytes | None:
        """What is there, none at the end; None where nothing is yet."""

    @abstractmethod
    def _wait(self, stopped: threading.Event) -> None:
        """Wait until there is more, or it is stopped, or a fraction of a second has passed."""

    def _say_that_it_waits(self) -> None:
        if not self._begun and not self._has_said and monotonic() - self._since > SAY_AFTER_S:
            self._has_said = True
            _log.warning("nothing comes from %s: still waiting (Ctrl-C ends it)", self)
