"""Chained Ogg is parted where other streams begin, in whatever pieces it comes."""

import io

import pytest

from streamer.audio.decoding.ogg_links import OggLinks


def page(content: bytes, *, begins: bool = False, stream: int = 1) -> bytes:
    lacing = bytes([255] * (len(content) // 255) + [len(content) % 255])
    head = b"OggS\0" + bytes([2 * begins]) + bytes(8) + stream.to_bytes(4, "little") + bytes(8)
    return head + bytes([len(lacing)]) + lacing + content


LINK = page(b"a", begins=True) + page(b"b", begins=True, stream=2) + page(b"OggS" * 300) + page(b"")
OTHER = page(b"c", begins=True) + page(b"d" * 70)


def parted(data: bytes, piece: int, size: int = 4096) -> list[bytes]:
    links = OggLinks(io.BytesIO(data) if not piece else Pieces(data, piece))
    parts = [b""]
    while True:
        while read := links.read(size):
            assert len(read) <= size
            parts[-1] += read
        if not links.go_on():
            return parts
        parts.append(b"")


class Pieces:
    """Gives so many bytes at a time."""

    def __init__(self, data: bytes, piece: int) -> None:
        self._file = io.BytesIO(data)
        self._piece = piece

    def read(self, size: int, /) -> bytes:
        return self._file.read(min(size, self._piece))


@pytest.mark.parametrize("piece", [0, 1, 7, 1000])
@pytest.mark.parametrize(
    "links",
    [
        [LINK],
        [LINK, OTHER, LINK],
        [LINK + b"garbage", OTHER],
        [LINK, OTHER[:-20]],
        [LINK[:-3]],
        [b"RIFF" + LINK + OTHER],
        [b"Og"],
        [b""],
        [b"OggS"],
    ],
)
def test_links_are_parted_and_nothing_is_lost(links: list[bytes], piece: int) -> None:
    assert parted(b"".join(links), piece) == links


def test_what_is_left_of_a_link_is_passed_over() -> None:
    links = OggLinks(io.BytesIO(LINK + OTHER))
    assert links.read(5) == LINK[:5]
    assert links.go_on()
    assert links.read(5) == OTHER[:5]
    assert not links.go_on()
