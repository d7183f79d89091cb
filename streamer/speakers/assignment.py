"""The best one-to-one assignment of few rows to columns."""

from itertools import product

import numpy as np
from numpy.typing import NDArray


def best_assignment(gains: NDArray[np.float64]) -> list[int | None]:
    """Give rows different columns so that the sum of their gains is highest.

    Meant for as many rows as there are local speakers in a window: the effort grows like r ** r.

    Args:
        gains: of each row with each column [r, c]; a row stays without a column rather
            than take one of no gain.

    Returns:
        The column of each row; None where it has none.
    """
    rows = len(gains)
    # With r rows, one of a row's r best columns is always left for it.
    choices: list[list[int | None]] = [
        [None, *(int(column) for column in np.argsort(-row, kind="stable")[:rows] if row[column] > 0)]
        for row in gains
    ]
    best: tuple[int | None, ...] = (None,) * rows
    best_gain = 0.0
    for columns in product(*choices):
        taken = [column for column in columns if column is not None]
        if len(set(taken)) < len(taken):
            continue
        gain = sum(gains[row, column] for row, column in enumerate(columns) if column is not None)
        if gain > best_gain:
            best, best_gain = columns, gain
    return list(best)
