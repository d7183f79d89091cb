"""How often open turns are recognised."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.turn_embedding.interim_pace import InterimPace


def interval_s(took_s: float, *, together: int = 1, turns: int = 1) -> float:
    """The interval when each call takes that long, for so many turns together."""
    pace = InterimPace()
    pace.turns = turns
    for _ in range(3):
        pace.called(took_s, together)
    return pace.interval_s


def test_before_the_first_call_and_where_calls_are_fast_it_is_the_shortest() -> None:
    assert InterimPace().interval_s == 0.5
    assert interval_s(0) == interval_s(0.1) == interval_s(0.01, turns=12) == 0.5


def test_all_open_turns_together_take_no_more_than_their_share() -> None:
    assert interval_s(0.18) == pytest.approx(0.6)
    assert interval_s(0.06, turns=16) == pytest.approx(3.2)


def test_turns_that_are_recognised_together_cost_less() -> None:
    assert interval_s(0.2, together=4, turns=16) == pytest.approx(2.67, abs=0.01)
    assert interval_s(0.2, together=4, turns=16) < interval_s(0.1, turns=16)


def test_long_calls_are_rarer_still_but_tried_again_after_a_minute() -> None:
    assert interval_s(0.4) == pytest.approx(4 * interval_s(0.2))
    assert interval_s(1) == pytest.approx(100 / 6)
    assert interval_s(5) == interval_s(3, turns=9) == 60


def test_one_that_becomes_fast_is_called_often_again() -> None:
    pace = InterimPace()
    pace.turns = 1
    pace.called(2, 1)
    assert pace.interval_s == 60
    for _ in range(12):
        pace.called(0.1, 1)
    assert pace.interval_s == pytest.approx(0.5, abs=0.01)


@settings(deadline=None)
@given(
    took_s=st.floats(0, 100),
    more_s=st.floats(0, 100),
    together=st.integers(1, 8),
    turns=st.integers(1, 200),
    more=st.integers(0, 200),
)
def test_it_grows_with_turns_and_time(
    took_s: float, more_s: float, together: int, turns: int, more: int
) -> None:
    shorter = interval_s(took_s, together=together, turns=turns)
    longer = interval_s(took_s + more_s, together=together, turns=turns + more)
    assert 0.5 <= shorter <= longer + 1e-9 <= 60 + 1e-9
    assert shorter == 60 or turns * took_s / together / shorter <= 0.3 + 1e-9
