"""Recordings that are still being written."""

import io
import logging
import os
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

from streamer.audio.decoding.ending import Chunk, chunks, chunks_of_wave64
from streamer.audio.live_bytes import LiveBytes

_LOOK_AGAIN_S = 0.2
_AFTER_REPLACED_S = 2.0
"""Wait for more data of a file that another one has replaced."""

_log = logging.getLogger("merits")


class FollowedBytes(LiveBytes):
    """A growing file, which is read to its end and on as it grows.

    It ends when it has not grown for a while, when it gets shorter, or soon after another file replaced it;
    the latter two are logged. A length in its header is outdated, and removed.

    Raises:
        OSError: it cannot be opened.
    """

    def __init__(self, path: Path, idle_s: float) -> None:
        super().__init__(str(path))
        self._path = path
        self._idle_s = idle_s
        self._descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        self._read = 0
        self._replaced = False
        self._idle_since: float | None = None

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def _take(self, size: int) -> bytes | None:
        data = os.read(self._descriptor, size)
        if data:
            self._idle_since = None
            if not self._read:
                data = without_length(data)
            self._read += len(data)
            return data
        return b"" if self._is_over() else None

    def _wait(self, stopped: threading.Event) -> None:
        stopped.wait(_LOOK_AGAIN_S)

    def _is_over(self) -> bool:
        """Whether the file has ended, at its present end."""
        if os.fstat(self._descriptor).st_size < self._read:
            _log.warning("%s was cut short while it was read: what was read before is analyzed", self)
            return True
        if not self._replaced and self._is_replaced():
            self._replaced = True
            self._idle_s = min(self._idle_s, _AFTER_REPLACED_S)
            _log.warning("%s was replaced by another file: only the one that was begun is analyzed", self)
        now = monotonic()
        self._idle_since = now if self._idle_since is None else self._idle_since
        return now - self._idle_since >= self._idle_s

    def _is_replaced(self) -> bool:
        try:
            there = self._path.stat()
        except OSError:
            return False  # renamed or removed: its writer may continue
        return not os.path.samestat(there, os.fstat(self._descriptor))


def without_length(head: bytes) -> bytes:
    """The beginning of a recording, with the length of the sound in its header set to unknown.

    This supports WAVE, RF64, Wave64, AIFF and CAF; other data is returned unchanged.
    """
    data, file = bytearray(head), io.BytesIO(head)
    match head[:4]:
        case b"RIFF" | b"RF64" | b"BW64":
            if (at := _of_sound(chunks(file, 12, "<4sI", b"data"), len(head))) is not None:
                data[:4] = b"RIFF"
                data[at + 4 : at + 8] = b"\xff\xff\xff\xff"
        case b"FORM":
            if (at := _of_sound(chunks(file, 12, ">4sI", b"SSND"), len(head))) is not None:
                data[at + 4 : at + 8] = struct.pack(">I", 2**31 - 2)
        case b"caff":
            if (at := _of_sound(chunks(file, 8, ">4sq", b"data"), len(head))) is not None:
                data[at + 4 : at + 12] = struct.pack(">q", -1)
        case b"riff":
            if (at := _of_sound(chunks_of_wave64(file), len(head))) is not None:
                data[at + 16 : at + 24] = struct.pack("<Q", 2**62)
    return bytes(data)


def _of_sound(chunks_: Iterator[Chunk], length: int) -> int | None:
    """Where the chunk of sound stands, within so many bytes."""
    for chunk in chunks_:
        if chunk.is_sound or chunk.stop > length:
            return chunk.start if chunk.is_sound else None
    return None
