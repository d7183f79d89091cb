"""When a recogniser that does not listen is asked for the words of a turn that still goes on."""

_SHARE = 0.25
"""Of the recogniser's time, for all streams together: it begins anew each time."""
_TRY_AGAIN_S = 60.0


class InterimPace:
    """Keeps what is asked ahead out of the way of turns that are over.

    Recognising is not interrupted: a turn that ends meanwhile has to wait. It ends after a silence, which is
    time for what goes on and for its own words where each takes no more than half of it. A recogniser that is
    slower than that is not asked again for a minute. Pure: it is told the time.
    """

    def __init__(self) -> None:
        self._began_s: float | None = None
        self._took_s = 0.0
        self._answered_s = float("-inf")

    def allows(self, now_s: float, silence_s: float) -> bool:
        """Whether it may be asked now, for a turn that ends after so much silence."""
        if self._began_s is not None:
            return False
        too_slow = self._took_s > silence_s / 2
        rest_s = _TRY_AGAIN_S if too_slow else self._took_s * (1 / _SHARE - 1)
        return now_s - self._answered_s >= rest_s

    def begin(self, now_s: float) -> None:
        """It begins with an answer."""
        self._began_s = now_s

    def end(self, now_s: float) -> None:
        """It has answered, or failed."""
        assert self._began_s is not None, "an answer begins before it ends"
        self._took_s, self._answered_s, self._began_s = now_s - self._began_s, now_s, None
