"""Decides when to recognise an open turn's words so far with a recogniser that cannot stream."""

_SHARE = 0.25
"""Share of the recogniser's time, for all streams together: each call starts from the turn's beginning."""
_TRY_AGAIN_S = 60.0


class InterimPace:
    """Keeps interim recognition from delaying turns that have ended.

    Recognition cannot be interrupted: a turn that ends meanwhile has to wait. The silence that ends a turn is
    long enough for a running call and the turn's own one if each takes at most half of it. A recogniser that
    is slower is not used ahead again for a minute. Pure: the caller passes the time.
    """

    def __init__(self) -> None:
        self._began_s: float | None = None
        self._took_s = 0.0
        self._answered_s = float("-inf")

    def allows(self, now_s: float, silence_s: float) -> bool:
        """Whether the recogniser may be called now, for a turn that ends after this silence."""
        if self._began_s is not None:
            return False
        too_slow = self._took_s > silence_s / 2
        rest_s = _TRY_AGAIN_S if too_slow else self._took_s * (1 / _SHARE - 1)
        return now_s - self._answered_s >= rest_s

    def begin(self, now_s: float) -> None:
        """Record the start of a call."""
        self._began_s = now_s

    def end(self, now_s: float) -> None:
        """Record the end of a call, or its failure."""
        assert self._began_s is not None, "an answer begins before it ends"
        self._took_s, self._answered_s, self._began_s = now_s - self._began_s, now_s, None
