"""Times, safe words, and encodings."""

import pytest

from streamer.outputs.wording import clock, to_encoding, words
from streamer.printable import printable


@pytest.mark.parametrize(
    ("seconds", "tenths", "whole"),
    [
        (0, "0:00.0", "0:00"),
        (9.99, "0:09.9", "0:09"),
        (59.96, "0:59.9", "0:59"),
        (60, "1:00.0", "1:00"),
        (3_599.999, "59:59.9", "59:59"),
        (3_661.5, "1:01:01.5", "1:01:01"),
        (360_000, "100:00:00.0", "100:00:00"),
    ],
)
def test_clock(seconds: float, tenths: str, whole: str) -> None:
    assert clock(seconds) == tenths
    assert clock(seconds, tenths=False) == whole


def test_nothing_reaches_the_terminal_that_it_would_obey() -> None:
    assert printable("a\x1b[2Jb\r\nc\x07\u202e") == "a [2Jb  c  "
    assert words("[red]not markup[/red]\x1b").plain == "[red]not markup[/red] "


def test_words_that_are_not_there_are_explained() -> None:
    assert words("").plain == "(no words)"
    assert words(None).plain == "(words withheld)"


def test_symbols_survive_poor_encodings() -> None:
    assert to_encoding("◆ naïve █▎", "utf-8") == "◆ naïve █▎"
    assert to_encoding("◆ naïve █▎", "latin-1") == "* naïve #-"
    assert to_encoding("◆ naïve 😀", "ascii") == "* na?ve ?"
    assert to_encoding("↗ ↖ ↙ ↘ ─┼", "latin-1") == "/ \\ / \\ -+"
