"""Compares the end of a file with its chunks, to detect truncated files."""

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

_UNKNOWN = 0x7FFFF000
"""A WAVE data chunk of 0 or this many bytes was written by a program that did not know its length."""

_PADDING = 8
"""Largest padding unit of chunks, in bytes."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a file ends: bytes that its chunk of sound lacks, and bytes after it that belong to nothing."""

    missing: int = 0
    beyond: int = 0


@dataclass(frozen=True, slots=True)
class Chunk:
    """Where a chunk stands, and whether sound is in it."""

    start: int  # of its header
    stop: int
    is_sound: bool
    is_one: bool = True  # whether its name is plausible for the container


def ending_of(file: BinaryIO) -> Ending:
    """Read the chunks of a seekable file.

    This supports WAVE (also RF64 and Wave64), AVI, AIFF, AU, CAF, MP4 and Matroska.
    """
    length = file.seek(0, io.SEEK_END)
    heard = False
    for chunk in _all_chunks(file):
        if heard and not chunk.is_one:
            return Ending(beyond=length - chunk.start)
        if chunk.stop > length:
            return Ending(missing=chunk.stop - length if chunk.is_sound else 0)
        heard = heard or chunk.is_sound
    return Ending()


def _all_chunks(file: BinaryIO) -> Iterator[Chunk]:
    file.seek(0)
    head = file.read(40)
    match head[:4]:
        case b"RIFF" | b"RF64" | b"BW64":
            return _of_riff(file, b"LIST" if head[8:12] == b"AVI " else b"data")
        case b"FORM" if head[8:12] in (b"AIFF", b"AIFC"):
            return chunks(file, 12, ">4sI", b"SSND")
        case b"caff":
            return chunks(file, 8, ">4sq", b"data")
        case b"riff":
            return chunks_of_wave64(file)
        case b".snd" if len(head) >= 12:
            return _of_au(*struct.unpack(">II", head[4:12]))
        case b"\x1a\x45\xdf\xa3":
            return _of_matroska(head, file)
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
        return _of_mp4(file)
    return iter(())


def chunks(file: BinaryIO, at: int, header: str, sound: bytes) -> Iterator[Chunk]:
    """The chunks of a file, each with name and size; chunks of odd size may have a padding byte."""
    size_of_header = struct.calcsize(header)
    while True:
        file.seek(at)
        read = file.read(size_of_header)
        if len(read) < size_of_header:
            return
        name, size = struct.unpack(header, read)
        if size < 0:  # CAF: until the end of the file
            return
        stop = at + size_of_header + size
        yield Chunk(at, stop, name == sound, _is_name(name))
        at = stop + (size % 2 if header != ">4sq" else 0)


def _is_name(name: bytes) -> bool:
    """Whether this is a plausible chunk name, padding, or the start of an ID3v1 tag."""
    return not any(name) or name[:3] == b"TAG" or all(0x20 <= byte < 0x7F for byte in name)


def _of_riff(file: BinaryIO, sound: bytes) -> Iterator[Chunk]:
    """The chunks of RIFF, or of RF64 (EBU Tech 3306, above 4 GB), whose sizes are in a ds64 chunk."""
    long_size: int | None = None
    at = 12
    while True:
        for chunk in chunks(file, at, "<4sI", sound):
            file.seek(chunk.start)
            name, size = struct.unpack("<4sI", file.read(8))
            if name == b"ds64" and len(read := file.read(16)) == 16:
                long_size = struct.unpack("<QQ", read)[1]
            if chunk.is_sound and sound == b"data" and (size == 0 or size >= _UNKNOWN):
                if long_size is None or size != 0xFFFFFFFF:
                    return
                at = chunk.start + 8 + long_size
                yield Chunk(chunk.start, at, is_sound=True)
                break
            yield chunk
        else:
            return


def chunks_of_wave64(file: BinaryIO) -> Iterator[Chunk]:
    """Chunks whose sizes count their headers, and which are filled up to 8 bytes."""
    at = 40
    while True:
        file.seek(at)
        read = file.read(24)
        if len(read) < 24:
            return
        name, size = struct.unpack("<4s12xQ", read)
        stop = at + max(size, 24)
        yield Chunk(at, stop, name == b"data")
        at = stop + -stop % _PADDING


def _of_au(start: int, size: int) -> Iterator[Chunk]:
    if size != 0xFFFFFFFF:
        yield Chunk(0, start + size, is_sound=True)


def _of_mp4(file: BinaryIO) -> Iterator[Chunk]:
    at = 0
    while True:
        file.seek(at)
        read = file.read(16)
        if len(read) < 8:
            return
        size, name = struct.unpack(">I4s", read[:8])
        if size == 1 and len(read) == 16:
            size = struct.unpack(">Q", read[8:])[0]
        if size < 8:  # 0 means until the end of the file
            return
        yield Chunk(at, at + size, name in (b"mdat", b"moof", b"moov"))
        at += size


def _of_matroska(head: bytes, file: BinaryIO) -> Iterator[Chunk]:
    after_header = _sized(head, 4)
    if after_header is None:
        return
    at = sum(after_header)
    file.seek(at)
    segment = file.read(12)
    if segment[:4] == b"\x18\x53\x80\x67" and (sized := _sized(segment, 4)) is not None:
        yield Chunk(at, at + sum(sized), is_sound=True)


def _sized(data: bytes, at: int) -> tuple[int, int] | None:
    """Start and size of the content whose EBML size is at `at`; None if the size is unknown."""
    length = 9 - data[at].bit_length() if len(data) > at else 9
    if length > 8 or len(data) < at + length:
        return None
    size = int.from_bytes(data[at : at + length]) & (1 << 7 * length) - 1
    return None if size == (1 << 7 * length) - 1 else (at + length, size)
