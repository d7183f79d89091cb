"""Bytes of a recording that arrive live."""

import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from time import monotonic

from streamer.errors import InputError

SAY_AFTER_S = 2.0
"""Wait for the first sound after which a message is logged, once."""

_MOST_BEFORE_SOUND = 2**26
"""Bytes in which the first sound is searched."""

_INDEXED = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide")
"""Names of an MP4's first box."""

_log = logging.getLogger("merits")


class LiveBytes(ABC):
    """A `ByteStream` (see `Decoder`) that can be stopped, and reports waiting. For one reading thread.

    Attributes:
        before_waiting: called in the reading thread before it waits for data.
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
        """Read at most `size` bytes: waits for data; returns none at the end, or once stopped."""
        if not self._begun and self._count > _MOST_BEFORE_SOUND:
            return b""
        while not self._ended and not self._stopped.is_set():
            data = self._take(size)
            if data is not None:
                self._ended = not data  # read again later: a pipe may get another writer
                self._count += len(data)
                self._head += data[: max(0, 8 - len(self._head))]
                self._since = monotonic()
                return data
            self.before_waiting()
            self._wait(self._stopped)
            self._say_that_it_waits()
        return b""

    def begin(self) -> None:
        """Record that the sound has begun: any amount may be read."""
        self._begun = True

    def stop(self) -> None:
        """End the stream, also for a waiting reader; callable from any thread."""
        self._stopped.set()

    def explain(self, error: InputError) -> InputError:
        """A better error than the decoder's, if more is known about the reason."""
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
        """Release the input; nothing is read afterwards."""

    @abstractmethod
    def _take(self, size: int) -> bytes | None:
        """The available bytes; empty at the end, None if there are none yet."""

    @abstractmethod
    def _wait(self, stopped: threading.Event) -> None:
        """Wait until there is more data, the stream is stopped, or a fraction of a second has passed."""

    def _say_that_it_waits(self) -> None:
        if not self._begun and not self._has_said and monotonic() - self._since > SAY_AFTER_S:
            self._has_said = True
            _log.warning("nothing comes from %s: still waiting (Ctrl-C ends it)", self)
