"""Turns are compared with their speaker's where there are enough, else with their dialogue's."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.prosody.standardise import standardise


def rows(count: int, seed: int = 0, measures: int = 2) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    return np.random.default_rng(seed).normal(0, 1, (count, measures))


@settings(deadline=None, max_examples=30)
@given(shift=st.floats(-1e3, 1e3), scale=st.floats(0.01, 100), seed=st.integers(0, 99))
def test_neither_level_nor_scale_of_a_speaker_matters(shift: float, scale: float, seed: int) -> None:
    values, speakers = rows(40, seed), ["a", "b"] * 20
    other = values.copy()
    other[::2] = shift + scale * other[::2]
    np.testing.assert_allclose(
        standardise(other, speakers), standardise(values, speakers), rtol=1e-6, atol=1e-6
    )


def test_a_normal_distribution_comes_out_standard() -> None:
    found = standardise(5 + 3 * rows(20_000), ["one"] * 20_000)
    assert np.median(found, axis=0) == pytest.approx(0, abs=1e-12)
    assert found.std(axis=0) == pytest.approx(1, abs=0.03)


def test_a_speaker_of_few_turns_is_compared_with_the_dialogue() -> None:
    values = rows(14)
    values[:8] += 100  # the first speaker has turns enough, the second has not
    speakers, dialogues = ["a"] * 8 + ["b"] * 6, ["d"] * 14
    found = standardise(values, speakers, dialogues, enough=7)
    np.testing.assert_allclose(found[:8], standardise(values[:8], speakers[:8], enough=7))
    np.testing.assert_allclose(found[8:], standardise(values, dialogues)[8:])


def test_a_dialogue_of_few_turns_is_compared_with_all() -> None:
    values = rows(12)
    dialogues = ["long"] * 9 + ["short"] * 3
    found = standardise(values, dialogues)
    np.testing.assert_allclose(found[9:], standardise(values)[9:])
    np.testing.assert_allclose(found[:9], standardise(values[:9], dialogues[:9]))


def test_an_outlier_moves_no_other() -> None:
    values = rows(21, measures=1)
    shouted = values.copy()
    shouted[values.argmax()] = 1e6
    calm = np.arange(21) != values.argmax()
    np.testing.assert_allclose(standardise(shouted)[calm], standardise(values)[calm])


def test_what_is_undefined_stays_so_and_counts_for_nothing() -> None:
    values = rows(20)
    holes = np.concatenate([values, np.full((9, 2), np.nan)])
    found = standardise(holes)
    np.testing.assert_allclose(found[:20], standardise(values))
    assert np.isnan(found[20:]).all()


def test_measures_are_apart() -> None:
    values = rows(8)
    values[3:, 1] = np.nan  # one measure has too few values
    found = standardise(values)
    assert not np.isnan(found[:, 0]).any()
    assert np.isnan(found[:, 1]).all()


def test_groups_without_spread_leave_it_to_the_next() -> None:
    values = rows(20, measures=1)
    values[:10] = 7
    found = standardise(values, ["flat"] * 10 + ["live"] * 10)
    np.testing.assert_allclose(found[:10], standardise(values)[:10])
    assert not np.isinf(found).any()


def test_nothing_is_standardised_to_nothing() -> None:
    assert standardise(np.empty((0, 8)), [], []).shape == (0, 8)
    assert np.isnan(standardise(np.zeros((3, 8)))).all()


def test_a_grouping_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        standardise(rows(3), ["a"])
