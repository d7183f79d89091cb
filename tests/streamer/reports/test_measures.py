"""Shares, smoothing and turning points, against sums done by hand."""

from itertools import pairwise
from pathlib import Path

import pytest

from streamer.outputs.mood import Mood
from streamer.reports.measures import (
    STRETCHES,
    around,
    course,
    mean_valence,
    mood_shares,
    shares,
    smoothed_valence,
    turning_points,
)
from streamer.reports.record import Turn
from tests.streamer.outputs.samples import Sample
from tests.streamer.reports.sessions import call, record


def turns(tmp_path: Path, valences: list[float]) -> tuple[Turn, ...]:
    sample = Sample()
    return record(
        tmp_path, [sample.final(number, valence=value) for number, value in enumerate(valences, start=1)]
    ).turns


def test_shares_are_of_the_time_spoken(tmp_path: Path) -> None:
    agent = [turn for turn in record(tmp_path, call()).turns if turn.speaker == "agent"]
    assert shares(agent) == pytest.approx({"neutral": 1.75 / 3, "sadness": 1.25 / 3})
    assert mean_valence(agent) == pytest.approx((0.1 * 1.75 - 0.4 * 1.25) / 3)


def test_shares_of_moods_are_of_the_time_of_turns_whose_arousal_is_known(tmp_path: Path) -> None:
    sample = Sample()
    told = [
        sample.final(1, start_s=0, end_s=3, valence=-0.5, arousal=0.5),
        sample.final(2, start_s=3, end_s=4, valence=0.1, arousal=0.1),
        sample.final(3, start_s=4, end_s=9, valence=0.9, arousal=None),
    ]
    found = mood_shares(record(tmp_path, told).turns)
    assert list(found) == [Mood.TENSE, Mood.EVEN]
    assert found == pytest.approx({Mood.TENSE: 0.75, Mood.EVEN: 0.25})
    assert mood_shares(record(tmp_path, told[2:]).turns) == {}


def test_the_course_of_a_short_session_is_of_its_turns(tmp_path: Path) -> None:
    sample = Sample()
    places = [(0.5, -0.2), (0.1, None), (-0.3, 0.9)]
    told = [sample.final(i, valence=v, arousal=a) for i, (v, a) in enumerate(places, start=1)]
    way = course(record(tmp_path, told).turns)
    assert [each.turns[0].turn for each in way] == [1, 3]
    assert [(each.valence, each.arousal) for each in way] == [
        pytest.approx((0.5, -0.2)),
        pytest.approx((-0.3, 0.9)),
    ]
    assert course(record(tmp_path, told[1:2]).turns) == []


def test_the_course_of_a_long_session_is_of_means_by_time(tmp_path: Path) -> None:
    sample = Sample()
    told = [
        sample.final(i, start_s=10 * i, end_s=10 * i + (1 if i % 2 else 3), arousal=0.4 if i % 2 else -0.4)
        for i in range(2 * STRETCHES)
        if i > 0
    ]
    way = course(record(tmp_path, told).turns)
    assert [len(each.turns) for each in way] == [2] * (STRETCHES - 1) + [1]
    assert [turn.turn for each in way for turn in each.turns] == list(range(1, 2 * STRETCHES))
    assert way[0].arousal == pytest.approx((0.4 * 1 - 0.4 * 3) / 4)


def test_moods_are_read_from_more_turns_in_longer_sessions() -> None:
    assert [around(count) for count in (1, 14, 16, 100, 2000)] == [3, 3, 5, 11, 45]


def test_smoothing_reaches_to_both_sides_as_far_as_there_is(tmp_path: Path) -> None:
    smooth = smoothed_valence(turns(tmp_path, [0.0, 0.6, -0.3, 0.9]), 3)
    assert smooth == pytest.approx([0.3, 0.1, 0.4, 0.3])


def test_the_mood_turns_where_it_changes_and_nowhere_else(tmp_path: Path) -> None:
    points = turning_points(turns(tmp_path, [0.5] * 5 + [-0.5] * 5))
    assert [(point.turn.turn, point.before, point.after) for point in points] == [(6, 0.5, -0.5)]
    assert points[0].change == pytest.approx(-1)


@pytest.mark.parametrize("valences", [[], [0.9], [0.9, -0.9], [0.9, -0.9, 0.9], [0.1, -0.1] * 6, [0.4] * 20])
def test_a_mood_that_stays_never_turns(tmp_path: Path, valences: list[float]) -> None:
    sample = Sample()
    one = record(tmp_path, [sample.started()])
    assert turning_points(turns(tmp_path, valences) if valences else one.turns) == []


def test_there_are_five_at_most_apart_and_in_order_of_time(tmp_path: Path) -> None:
    points = turning_points(turns(tmp_path, ([0.9] * 8 + [-0.9] * 8) * 6))
    numbers = [point.turn.turn for point in points]
    assert len(numbers) == 5
    assert numbers == sorted(numbers)
    assert all(later - earlier >= around(96) for earlier, later in pairwise(numbers))
