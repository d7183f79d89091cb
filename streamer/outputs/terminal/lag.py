"""The delay of the analyzed sound behind real time."""

import math

_DRIFT = 1e-4
"""Largest relative difference of a sound card's clock from the computer's."""


class Lag:
    """Compares the arrival of sound with its earliest arrival so far.

    Attributes:
        behind_s: delay in seconds; 0 for a recording that is read faster than real time.
    """

    def __init__(self) -> None:
        self.behind_s = 0.0
        self._earliest = math.inf
        self._last_s = 0.0

    def hear(self, end_s: float, now_s: float) -> None:
        """Record the arrival of sound."""
        self._earliest = min(self._earliest + _DRIFT * max(now_s - self._last_s, 0.0), now_s - end_s)
        self._last_s = now_s
        self.behind_s = now_s - end_s - self._earliest
