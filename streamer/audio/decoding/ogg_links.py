"""Reads chained Ogg link by link: FFmpeg continues only if the next streams have the same codec and rate."""

import io
from typing import BinaryIO, Protocol

_SYNC = b"OggS"
_BEGINS_A_STREAM = 0x02
_HEADER = 27


class ByteStream(Protocol):
    """The bytes of a recording as they arrive. Its `str` is the name in messages."""

    def read(self, size: int, /) -> bytes:
        """Read at most `size` bytes: waits for data; returns none at the end."""
        ...


def is_ogg(file: BinaryIO | io.FileIO) -> bool:
    """Whether a file is Ogg, by its beginning; its position is restored."""
    head = file.read(len(_SYNC))
    file.seek(0)
    return head == _SYNC


class OggLinks:
    """Passes on the bytes of one link (RFC 3533): up to the first new stream after the end of others.

    Other formats count as one link.

    Args:
        stream: returns at most the requested number of bytes, and none at its end.
    """

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self._held = bytearray()
        self._free = 0  # bytes that can pass unchecked
        self._is_ogg: bool | None = None
        self._goes_on = False  # a page has passed that begins no stream
        self._is_over = False  # the link has ended, and the next one follows

    def read(self, size: int) -> bytes:
        """Read at most `size` bytes of this link; none at its end."""
        while not self._is_over:
            if passing := bytes(self._held[: min(size, self._free)]):
                self._free -= len(passing)
                del self._held[: len(passing)]
                return passing
            if not self._free and self._look():
                continue
            more = self._stream.read(size)
            if not more:
                passing, self._held = bytes(self._held), bytearray()
                return passing
            self._held += more
        return b""

    def go_on(self) -> bool:
        """Skip the rest of this link; returns whether there is another, which is read from now on."""
        while self.read(2**16):
            pass
        over, self._is_over, self._goes_on = self._is_over, False, False
        return over

    def _look(self) -> bool:
        """Whether the buffered bytes suffice for a decision."""
        held = self._held
        if self._is_ogg is None and len(held) >= len(_SYNC):
            self._is_ogg = held.startswith(_SYNC)
        if not self._is_ogg:
            self._free = 2**63 if self._is_ogg is False else 0
            return bool(self._free)
        at = held.find(_SYNC)
        if at:
            self._free = at if at > 0 else max(0, len(held) - len(_SYNC) + 1)
            return bool(self._free)
        if len(held) < _HEADER or len(held) < _HEADER + held[26]:
            return False
        begins = bool(held[5] & _BEGINS_A_STREAM)
        if begins and self._goes_on:
            self._is_over = True
            return True
        self._goes_on |= not begins
        self._free = _HEADER + held[26] + sum(held[_HEADER : _HEADER + held[26]])
        return True
