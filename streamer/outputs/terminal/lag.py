"""How far behind the world the sound is that is being analyzed."""

import math

_DRIFT = 1e-4
"""Clocks of sound cards differ from that of the computer by up to this share."""


class Lag:
    """Compares when sound comes with when it came at its earliest.

    Attributes:
        behind_s: how much later than that, in seconds; 0 for a recording read faster than it plays.
    """

    def __init__(self) -> None:
        self.behind_s = 0.0
        self._earliest = math.inf
        self._last_s = 0.0

    def hear(self, end_s: float, now_s: float) -> None:
        """Sound came."""
        self._earliest = min(self._earliest + _DRIFT * max(now_s - self._last_s, 0.0), now_s - end_s)
        self._last_s = now_s
        self.behind_s = now_s - end_s - self._earliest
