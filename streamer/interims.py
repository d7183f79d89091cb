"""When a recogniser that does not listen is asked for the words of a turn that still goes on."""

from streamer.turn_settings import TurnSettings

_BETWEEN_S = 1.0
_SHARE = 0.25
"""Of a recogniser's time, for one channel: it begins anew each time."""
_TRY_AGAIN_S = 60.0


class InterimPace:
    """Asks once a second, less often where that takes the recogniser long.

    Recognising is not interrupted: a turn that ends meanwhile has to wait. It ends after a silence, which is
    time for what goes on and for its own words where both take no more than half of it. A recogniser that is
    slower than that is not asked again for a minute. Pure: it is told the time.

    Args:
        turns: how turns end.
    """

    def __init__(self, turns: TurnSettings) -> None:
        fixed = turns.endpointing == "fixed"
        self._silence_s = (turns.endpoint_ms if fixed else turns.endpoint_min_ms) / 1000
        self._asked_s = float("-inf")
        self._between_s = _BETWEEN_S

    def overdue_s(self, now_s: float, start_s: float) -> float:
        """How long ago it was time to ask, for a turn that started at `start_s`; negative before that."""
        return now_s - max(start_s + _BETWEEN_S, self._asked_s + self._between_s)

    def asked(self, now_s: float) -> None:
        """It is asked, or had better not be, at `now_s`."""
        self._asked_s = now_s

    def answered(self, took_s: float) -> None:
        """It was busy with that for so long."""
        in_time = took_s <= self._silence_s / 2
        self._between_s = max(_BETWEEN_S, took_s / _SHARE) if in_time else _TRY_AGAIN_S
