"""Lines of events files as editors, shells and crashes leave them."""

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest

from streamer.errors import InputError
from streamer.replay.event_lines import LONGEST, check_ends, event_lines

TEXT = '{"a": "grün"}\n{"b": 2}\r\n\n{"c": 3}'
LINES = [(1, '{"a": "grün"}'), (2, '{"b": 2}'), (4, '{"c": 3}')]


def read(content: bytes, block: int) -> list[tuple[int, str | None]]:
    blocks = (content[i : i + block] for i in range(0, len(content), block))
    return [
        (number, None if line is None else line.decode())
        for lines in event_lines(blocks, "x")
        for number, line in lines
    ]


@pytest.mark.parametrize("block", [1, 3, 7, 1 << 16])
@pytest.mark.parametrize(
    "encoding",
    ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"],
)
def test_any_unicode_encoding_is_read_however_it_comes(encoding: str, block: int) -> None:
    assert read(TEXT.encode(encoding), block) == LINES


def test_big_endian_with_its_mark() -> None:
    assert read(b"\xfe\xff" + TEXT.encode("utf-16-be"), 5) == LINES


def test_nothing_at_all() -> None:
    assert read(b"", 1) == read(b"\n \r\n", 1) == read(b"\xff\xfe", 1) == []


def test_zeros_that_a_crash_leaves_are_no_line() -> None:
    assert read(b'{"a": 1}\n' + bytes(4096), 512) == [(1, '{"a": 1}')]
    assert read(bytes(10) + b'{"a": 1}\n', 512) == [(1, '{"a": 1}')]


@pytest.mark.parametrize("end", ["", "\n", "\n\n"])
@pytest.mark.parametrize("length", [LONGEST + 1, 3 * LONGEST])
def test_a_line_that_is_too_long_is_passed_over_whole(length: int, end: str) -> None:
    content = f"first\n{'x' * length}\nlast\n{'y' * length}{end}".encode()
    assert read(content, 1 << 16) == [(1, "first"), (2, None), (3, "last"), (4, None)]
    assert read(b"z" * LONGEST, 1 << 16) == [(1, "z" * LONGEST)]


def test_a_line_without_end_takes_no_more_memory_than_a_long_one() -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(2_000):  # 128 MB
            yield bytes(1 << 16)
        yield b"\nlast"

    lines = [line for lines in event_lines(endless(), "x") for line in lines]
    assert lines == [(1, None), (2, b"last")]


def test_what_is_compressed_is_said() -> None:
    with pytest.raises(InputError, match=r"x is compressed: decompress it first \(gzip -d"):
        read(gzip.compress(TEXT.encode()), 4)


@pytest.mark.skipif(not Path("/dev/zero").is_char_device(), reason="has no such device")
@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null"])
def test_a_device_is_refused_at_once(device: str) -> None:
    with Path(device).open("rb") as file, pytest.raises(InputError, match="is a device"):
        check_ends(file, device)
