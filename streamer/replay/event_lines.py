"""Reads the lines of an events file, of bounded length, in the encodings that editors and shells write."""

import codecs
import io
import os
import stat
from collections.abc import Iterable, Iterator
from typing import BinaryIO, NamedTuple

from streamer.errors import InputError

LONGEST = 1 << 20
"""Most bytes of a line; events are far shorter."""

_ENCODINGS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (b"{\0\0\0", "utf-32-le"),
    (b"\0\0\0{", "utf-32-be"),
    (b"{\0", "utf-16-le"),
    (b"\0{", "utf-16-be"),
)
"""Encodings by a file's first bytes; an events file starts with a brace."""

_COMPRESSED = (
    (b"\x1f\x8b", "gzip -d"),
    (b"BZh", "bzip2 -d"),
    (b"\xfd7zXZ", "xz -d"),
    (b"\x28\xb5\x2f\xfd", "zstd -d"),
    (b"PK\x03\x04", "unzip"),
)
_HEAD = 6


class Line(NamedTuple):
    """A line that is not empty: its number, from 1, and its UTF-8; None where it is too long for an event."""

    number: int
    content: bytes | None


def event_lines(blocks: Iterable[bytes], name: str) -> Iterator[list[Line]]:
    """Split blocks into lines: yields for each block the lines that end in it. The last one may be cut.

    Raises:
        InputError: the file is compressed.
    """
    number, rest, too_long = 0, b"", False
    for block in _as_utf8(iter(blocks), name):
        *whole, rest = (rest + block).split(b"\n")
        lines = []
        for line in whole:
            number += 1
            lines.append(Line(number, None if too_long or len(line) > LONGEST else line.strip(b" \t\r\0")))
            too_long = False
        if len(rest) > LONGEST:
            rest, too_long = b"", True
        yield [line for line in lines if line.content != b""]
    last = Line(number + 1, None if too_long else rest.strip(b" \t\r\0"))
    if last.content != b"":
        yield [last]


def check_ends(file: BinaryIO | io.FileIO, name: str) -> None:
    """Check that the open file is not endless.

    Raises:
        InputError: it is a device.
    """
    if stat.S_ISCHR(os.fstat(file.fileno()).st_mode) and not file.isatty():
        raise InputError(f"{name} is a device and holds no events; give a file that was written by --events")


def is_utf8(content: bytes) -> bool:
    """Whether the content is valid UTF-8; Latin-1, for example, mostly is not."""
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def _as_utf8(blocks: Iterator[bytes], name: str) -> Iterator[bytes]:
    head = b""
    for block in blocks:
        head += block
        if len(head) >= _HEAD:
            break
    if how := next((how for sign, how in _COMPRESSED if head.startswith(sign)), None):
        raise InputError(f"{name} is compressed: decompress it first ({how})")
    encoding = next((encoding for sign, encoding in _ENCODINGS if head.startswith(sign)), None)
    if encoding is None:
        yield head
        yield from blocks
        return
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    yield decoder.decode(head).encode("utf-8", "replace")
    for block in blocks:
        yield decoder.decode(block).encode("utf-8", "replace")
    yield decoder.decode(b"", final=True).encode("utf-8", "replace")
