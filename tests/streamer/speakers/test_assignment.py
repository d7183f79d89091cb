from itertools import permutations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from streamer.speakers.assignment import best_assignment


@given(
    arrays(np.float64, st.tuples(st.integers(0, 3), st.integers(0, 5)), elements=st.floats(-1, 1, width=16))
)
def test_no_other_assignment_has_a_higher_gain(gains: np.ndarray) -> None:
    rows, columns = gains.shape
    found = best_assignment(gains)
    taken = [column for column in found if column is not None]
    assert len(set(taken)) == len(taken)
    assert all(gains[row, column] > 0 for row, column in enumerate(found) if column is not None)
    padded = np.concatenate([np.maximum(gains, 0), np.zeros((rows, rows))], axis=1)
    best = max(
        sum(padded[row, column] for row, column in enumerate(each))
        for each in permutations(range(columns + rows), rows)
    )
    assert np.isclose(sum(gains[row, column] for row, column in enumerate(found) if column is not None), best)


def test_a_row_gives_way_for_a_higher_sum() -> None:
    assert best_assignment(np.array([[0.9, 0.8], [0.9, 0.1]])) == [1, 0]
