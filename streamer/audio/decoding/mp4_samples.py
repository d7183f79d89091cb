"""Counts the samples that an MP4 declares: FFmpeg allocates an entry for each, even if it is missing."""

import re
import struct

MOST_SAMPLES = 4_000_000
"""Most samples of all tracks: a day of AAC. FFmpeg allocates 36 bytes for each."""

_TABLE = re.compile(
    rb"(?P<track>trak)"
    rb"|stts.{4}\0\0\0\1.{4}(?P<each>\0\0\0\1)"
    rb"|stsz.{8}(?P<sizes>.{4})"
    rb"|trun[\0\1]\0[\0-\x0f][\0\1\4\5](?P<run>.{4})",
    re.DOTALL,
)
_LONGEST = 20
"""Bytes of the longest match, which may continue in the next block."""


class Mp4Samples:
    """Adds up sample tables (`stsz`) while the file is opened, and runs of fragments (`trun`) at any time."""

    def __init__(self) -> None:
        self._rest = b""
        self._total = 0
        self._is_plain = False  # a PCM track: FFmpeg allocates only an entry for each chunk

    @property
    def is_too_much(self) -> bool:
        """Whether there are more samples than allowed."""
        return self._total > MOST_SAMPLES

    def take_in(self, data: bytes, *, opening: bool) -> None:
        """Process the next bytes."""
        data = self._rest + data
        done = 0
        for found in _TABLE.finditer(data):
            done = found.end()
            if found["track"]:
                self._is_plain = False
            elif found["each"]:
                self._is_plain = True
            elif found["run"]:
                self._total += struct.unpack(">I", found["run"])[0]
            elif opening and found["sizes"] and not self._is_plain:
                self._total += struct.unpack(">I", found["sizes"])[0]
        self._rest = data[max(done, len(data) - _LONGEST + 1) :]


def is_mp4(head: bytes) -> bool:
    """Whether a file with this beginning may be an MP4 (QuickTime, 3GP)."""
    return head[4:8] in (b"ftyp", b"styp", b"moov", b"moof", b"mdat", b"wide", b"free", b"skip", b"pnot")
