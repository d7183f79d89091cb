"""The words for parts of the circumplex."""

import re
from pathlib import Path

import pytest

from streamer.outputs.mood import EVEN_WITHIN, SIDES, Mood, mood

USE = Path(__file__).parents[3] / "docs" / "use.md"


@pytest.mark.parametrize(
    ("valence", "arousal", "expected"),
    [
        (0.76, 0.48, Mood.EXCITED),
        (-0.51, 0.59, Mood.TENSE),
        (-0.63, -0.27, Mood.LOW),
        (0.5, -0.6, Mood.CALM),
        (0.0, 0.0, Mood.EVEN),
        (0.15, -0.2, Mood.EVEN),
        (0.0, -0.26, Mood.CALM),
        (-0.26, 0.0, Mood.TENSE),
        (-1.0, -1.0, Mood.LOW),
    ],
)
def test_a_place_has_a_name(valence: float, arousal: float, expected: Mood) -> None:
    assert mood(valence, arousal) is expected


def test_without_arousal_there_is_none() -> None:
    assert mood(0.9, None) is None


def test_moods_differ_in_place_and_arrow() -> None:
    assert set(SIDES) == set(Mood)
    assert len(set(SIDES.values())) == len({each.arrow for each in Mood}) == len(Mood)


def test_the_page_about_use_has_the_same_table() -> None:
    table = USE.read_text("utf-8").partition("### Mood")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (\w+) (.) \| ([\w ]+) \| (.+) \|$", table, re.MULTILINE)
    signs = {"positive": 1, "negative": -1}
    assert {Mood(name): arrow for name, arrow, _, _ in rows} == {each: each.arrow for each in Mood}
    for name, _, valence, arousal in rows:
        if name == Mood.EVEN:
            assert arousal.endswith(f"≤ {EVEN_WITHIN}")
        else:
            assert (signs[valence], signs[arousal]) == SIDES[Mood(name)]
