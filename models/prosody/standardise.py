"""Measures made comparable: microphones differ in level, speakers in pitch."""

from collections import defaultdict
from collections.abc import Hashable, Sequence

import numpy as np

from models.prosody.frames import Array

_DEVIATION = 1.4826
"""Median absolute deviations in a standard deviation of a normal distribution."""


def standardise(rows: Array, *groupings: Sequence[Hashable], enough: int = 6) -> Array:
    """Subtract the median of each row's group, and divide by its spread: 1.48 median absolute deviations.

    `standardise(rows, list(zip(dialogues, speakers)), dialogues)` compares a turn with its speaker's in the
    dialogue where they are enough, else with all of the dialogue, else with all there are.

    Args:
        rows: measures [n, m]; NaN where undefined.
        groupings: the group of each row, n of them each; the finest grouping first.
        enough: where a group has fewer known values of a measure, or no spread in them, the next counts.

    Returns:
        The measures in robust standard deviations [n, m]; NaN where they are undefined, or nowhere enough.
    """
    standard = np.full(rows.shape, np.nan)
    for groups in ([None] * len(rows), *reversed(groupings)):  # the finer overwrite the coarser
        members: dict[Hashable, list[int]] = defaultdict(list)
        for row, group in zip(range(len(rows)), groups, strict=True):
            members[group].append(row)
        for group_rows in members.values():
            for column, values in enumerate(rows[group_rows].T):
                known = values[~np.isnan(values)]
                if len(known) < enough:
                    continue
                median = np.median(known)
                spread = _DEVIATION * np.median(np.abs(known - median))
                if spread > 0:
                    standard[group_rows, column] = (values - median) / spread
    return standard
