"""Recordings in any container: as files, and as streams that strangers send."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from fuzz.target import Run, Target
from streamer.audio.decoding.decode import Decoder
from streamer.audio.decoding.ogg_links import ByteStream

_ITEMS = 3000
"""Frames taken of one recording: a minute of one channel. A short file can state that it is an hour long."""


@contextmanager
def start_files(folder: Path) -> Iterator[Run]:
    """Decode a file, its channels apart or mixed."""
    path = folder / "recording"

    def run(data: bytes) -> None:
        path.write_bytes(data)
        _decode(path, split=len(data) % 2 == 1)

    yield run


@contextmanager
def start_streams(_: Path) -> Iterator[Run]:
    """Decode bytes that come as they do from a client."""

    def run(data: bytes) -> None:
        _decode(_Bytes(data), split=len(data) % 2 == 1)

    yield run


class _Bytes:
    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def __str__(self) -> str:
        return "the stream"

    def read(self, size: int, /) -> bytes:
        return self._data.read(min(size, 1000))


def _decode(recording: Path | ByteStream, *, split: bool) -> None:
    with Decoder(recording, split) as decoder:
        for _ in islice(decoder.items(), _ITEMS):
            pass


FILES = Target("files", "recordings", start_files, share=6, words="recordings", longest=12_000)
STREAMS = Target("streams", "recordings", start_streams, share=6, words="recordings", longest=12_000)
