"""Keys, as terminals send them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.outputs.terminal.keys import Keys


@pytest.mark.parametrize(
    ("sent", "keys"),
    [
        (b"q", ["q"]),
        (b" m\t", [" ", "m", "tab"]),
        (b"\x0c", ["redraw"]),
        (b"\x1b", ["escape"]),
        ("é".encode(), ["é"]),
        (b"\x1b[A\x1bOP\x1b[15~\x1b[1;5C", []),  # up, F1, F5, Ctrl-right
        (b"\x1bq", []),  # Alt-q
        (b"\x1b[<0;12;3M", []),  # a mouse
        (b"\x1b]11;rgb:1e1e/1e1e/1e1e\x07w", ["w"]),  # an answer
        (b"\x1b]11;rgb:1e1e/1e1e/1e1e\x1b\\w", ["w"]),
        (b"\xff", ["�"]),
    ],
)
def test_keys_are_told_apart(sent: bytes, keys: list[str]) -> None:
    assert Keys().feed(sent) == keys


def test_a_sequence_that_comes_in_pieces_is_still_one() -> None:
    keys = Keys()
    assert [keys.feed(piece) for piece in (b"\x1b[", b"1;5", b"Cq")] == [[], [], ["q"]]
    assert [keys.feed(piece) for piece in ("é".encode()[:1], "é".encode()[1:])] == [[], ["é"]]


@given(st.binary(max_size=300))
def test_nothing_that_is_sent_is_a_fault(data: bytes) -> None:
    keys = Keys()
    for byte in data:
        keys.feed(bytes([byte]))
