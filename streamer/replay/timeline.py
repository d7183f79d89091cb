"""When the events of a file happened, counted from its first."""

from datetime import datetime

from streamer.events import AudioGap, Event, Mark, SessionEnded, SessionStarted, TurnFinal, TurnStarted

_LONGEST_WAIT_S = 60.0
"""Between events that say nothing of the sound: clocks are set, computers sleep."""


class Timeline:
    """Places events in the time of the sound, whatever the pace at which it was analyzed.

    What tells where in the stream it happened is placed there; a turn's event where it was over, plus the
    time that it took. Everything else is placed by the wall clock (`at`) after the event before it. Sessions
    that overlap keep their distance; one that follows another begins at its end. Time never goes back.
    """

    def __init__(self) -> None:
        self._now_s = 0.0
        self._last_at: datetime | None = None
        self._zeros: dict[str, float] = {}
        self._open: set[str] = set()

    def place(self, event: Event) -> float:
        """Where the next event of the file belongs, in seconds from its first."""
        since = 0.0 if self._last_at is None else (event.at - self._last_at).total_seconds()
        since = min(max(since, 0.0), _LONGEST_WAIT_S)
        self._last_at = event.at
        in_stream_s = _in_stream(event)
        if event.session not in self._zeros:
            begins_s = self._now_s + since if self._open else self._now_s
            self._zeros[event.session] = begins_s - (in_stream_s or 0.0)
        if isinstance(event, SessionEnded):
            self._open.discard(event.session)
        else:
            self._open.add(event.session)
        zero_s = self._zeros[event.session]
        place_s = self._now_s + since if in_stream_s is None else zero_s + in_stream_s
        self._now_s = max(self._now_s, place_s)
        return self._now_s


def _in_stream(event: Event) -> float | None:
    """Where in its stream an event happened, in seconds; None where it does not tell."""
    match event:
        case SessionStarted():
            return 0.0
        case TurnStarted():
            return event.start_s
        case TurnFinal():
            return event.end_s + (event.latency_ms.endpoint + event.latency_ms.total) / 1e3
        case AudioGap():
            return event.start_s + event.length_s
        case Mark():
            return event.at_s
        case SessionEnded():
            return event.audio_s + event.gap_s
    return None
