"""Decides how often the words of open turns are recognised."""

_SHORTEST_S = 0.5
_LONGEST_S = 60.0

_SHARE = 0.3
"""Share of the recogniser's time for all open turns together."""

_SHORT_CALL_S = 0.2
"""A call that takes longer may delay a turn that ends meanwhile: a pause of this length precedes its end."""

_SMOOTHING = 0.5


class InterimPace:
    """The interval between two recognitions of an open turn, by how long they take. Pure.

    It grows with the number of open turns, and with the time of a call; with its square where calls are long,
    so that the mean delay of turns that end meanwhile stays the same.

    Attributes:
        turns: number of open turns.
    """

    def __init__(self) -> None:
        self.turns = 0
        self._call_s: float | None = None  # moving averages: of the time of a call
        self._turn_s = 0.0  # and of its share for each turn

    @property
    def interval_s(self) -> float:
        """Time between the beginnings of two recognitions of one turn, in seconds."""
        share = _SHARE / max(1.0, (self._call_s or 0.0) / _SHORT_CALL_S)
        return min(max(_SHORTEST_S, self.turns * self._turn_s / share), _LONGEST_S)

    def called(self, took_s: float, together: int) -> None:
        """Record a call, answered or failed, for so many turns."""
        weight = 1.0 if self._call_s is None else _SMOOTHING
        self._call_s = (1 - weight) * (self._call_s or 0.0) + weight * took_s
        self._turn_s = (1 - weight) * self._turn_s + weight * took_s / together
