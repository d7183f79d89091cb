"""How long a recording's header says it is: what truncation is told by."""

import struct
from pathlib import Path
from typing import Any, BinaryIO

_STATING = {"aiff", "au", "caf", "flac", "mov,mp4,m4a,3gp,3g2,mj2", "w64"}
"""FFmpeg's names of containers whose header states the length; elsewhere FFmpeg estimates it."""

_UNKNOWN_SIZE = 0x7FFFF000
"""A data chunk of 0 or at least this many bytes was written by a program that could not know its length."""


def promised_s(path: Path, container: Any, stream: Any) -> float | None:
    """Seconds of sound the header promises.

    Args:
        path: the recording.
        container: as opened by PyAV.
        stream: its audio stream.

    Returns:
        The length; None where the header does not tell (streamed WAV), or the container only lets it be
        estimated (MP3, Ogg).
    """
    if container.format.name == "wav":
        with path.open("rb") as file:
            return _wav_promised_s(file)
    if container.format.name in _STATING and stream.duration:
        return float(stream.duration * stream.time_base)
    # Matroska states the length of the file; FFmpeg and others note each stream's too.
    if stated := stream.metadata.get("DURATION"):
        hours, minutes, seconds = stated.split(":")
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    return None


def _wav_promised_s(file: BinaryIO) -> float | None:
    """FFmpeg goes by the size of the file; the header of a truncated one still says what was meant.

    RIFF, and for more than 4 GB RF64 (EBU Tech 3306), whose sizes are in a ds64 chunk.
    """
    bytes_a_second = 0
    long_size: int | None = None
    file.seek(12)
    while len(header := file.read(8)) == 8:
        name, size = struct.unpack("<4sI", header)
        if name == b"data":
            if long_size is not None and size == 0xFFFFFFFF:
                size = long_size
            elif size == 0 or size >= _UNKNOWN_SIZE:
                return None
            return size / bytes_a_second if bytes_a_second else None
        if name == b"ds64":
            _, long_size = struct.unpack("<QQ", file.read(16))
            size -= 16
        elif name == b"fmt " and size >= 16:
            (bytes_a_second,) = struct.unpack("<8xI4x", file.read(16))
            size -= 16
        file.seek(size + size % 2, 1)
    return None
