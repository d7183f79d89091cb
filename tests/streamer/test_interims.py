"""When a recogniser that does not listen is asked for words of a turn that goes on."""

import pytest

from streamer.interims import InterimPace
from streamer.turn_settings import TurnSettings

FIXED = TurnSettings(endpointing="fixed", endpoint_ms=600)


def asked_at(pace: InterimPace, start_s: float, end_s: float, took_s: float) -> list[float]:
    """When it is asked in a turn, looked at eight times a second, where every answer takes so long."""
    asked = []
    for tick in range(round(start_s * 8), round(end_s * 8)):
        if pace.overdue_s(tick / 8, start_s) >= 0:
            asked.append(tick / 8)
            pace.asked(tick / 8)
            pace.answered(took_s)
    return asked


def test_a_quick_one_is_asked_every_second_of_a_turn() -> None:
    pace = InterimPace(FIXED)
    assert asked_at(pace, 10, 14.5, took_s=0.1) == [11, 12, 13, 14]
    assert asked_at(pace, 20, 20.75, took_s=0.1) == []


def test_no_channel_takes_more_than_its_share() -> None:
    assert asked_at(InterimPace(FIXED), 0, 6, took_s=0.28125) == [1, 2.125, 3.25, 4.375, 5.5]


@pytest.mark.parametrize(
    ("turns", "slow_s"),
    [
        (FIXED, 0.31),
        (TurnSettings(endpointing="adaptive", endpoint_min_ms=300, endpoint_ms=600), 0.16),
    ],
    ids=["fixed", "adaptive"],
)
def test_one_that_would_delay_the_end_of_turns_is_left_alone_for_a_minute(
    turns: TurnSettings, slow_s: float
) -> None:
    pace = InterimPace(turns)
    assert asked_at(pace, 0, 20, took_s=slow_s) == [1]
    assert asked_at(pace, 21, 41, took_s=slow_s) == []
    assert asked_at(pace, 41, 70, took_s=0.1) == [*range(61, 70)]
    assert asked_at(pace, 70, 72.5, took_s=0.1) == [71, 72]
