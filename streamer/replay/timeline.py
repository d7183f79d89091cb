"""When the events of a file are played, counted from its first."""

from collections import deque
from collections.abc import Iterator
from datetime import datetime

from streamer.events import AudioGap, Event, Mark, SessionEnded, SessionStarted, TurnFinal, TurnStarted

_LONGEST_WAIT_S = 60.0
"""Between events that say nothing of the sound: clocks are set, computers sleep."""


class Timeline:
    """Places events in the time of the sound, whatever the pace at which it was analyzed.

    What tells where in the stream it happened is placed there; a turn's event where it was declared over.
    Everything else is placed by the wall clock (`at`) after the event before it. Sessions that overlap keep
    their distance; one that follows another begins at its end.

    A recording that is analyzed fast is heard some turns ahead of what is told, and so was a machine that
    could not keep up: the file then has a turn's event after the beginnings of later turns. Events keep the
    order of the file; those that stand before an event that is due earlier come with it.

    Args:
        look_ahead: how many events to wait for before one is placed; 0 places each as it comes.
    """

    def __init__(self, look_ahead: int = 0) -> None:
        self._look_ahead = look_ahead
        self._waiting: deque[tuple[float, Event]] = deque()
        self._zeros: dict[str, float] = {}
        self._read: set[str] = set()
        self._latest_s = self._before_s = self._now_s = 0.0
        self._last_at: datetime | None = None

    def add(self, event: Event) -> Iterator[tuple[float, Event]]:
        """Take in the next event of the file; gives those whose place is known, in seconds, in order."""
        self._waiting.append((self._own_place(event), event))
        while len(self._waiting) > self._look_ahead:
            yield self._next()

    def rest(self) -> Iterator[tuple[float, Event]]:
        """The places of all that is left, at the end of the file."""
        while self._waiting:
            yield self._next()

    def position(self, session: str, now_s: float) -> float:
        """How far into its stream a session is, in seconds."""
        return max(now_s - self._zeros[session], 0.0)

    def positions(self, now_s: float) -> Iterator[tuple[str, float]]:
        """How far into its stream each session would be, ended or not, in seconds."""
        for session, zero_s in self._zeros.items():
            if now_s >= zero_s:
                yield session, now_s - zero_s

    def _next(self) -> tuple[float, Event]:
        place_s = min(place_s for place_s, _ in self._waiting)
        self._now_s = max(self._now_s, place_s)
        return self._now_s, self._waiting.popleft()[1]

    def _own_place(self, event: Event) -> float:
        since = 0.0 if self._last_at is None else (event.at - self._last_at).total_seconds()
        since = min(max(since, 0.0), _LONGEST_WAIT_S)
        self._last_at = event.at
        in_stream_s = _in_stream(event)
        if event.session not in self._zeros:
            begins_s = self._before_s + since if self._read else self._latest_s
            self._zeros[event.session] = begins_s - (in_stream_s or 0.0)
            self._read.add(event.session)
        if isinstance(event, SessionEnded):
            self._read.discard(event.session)
        place_s = self._before_s + since if in_stream_s is None else self._zeros[event.session] + in_stream_s
        self._before_s, self._latest_s = place_s, max(self._latest_s, place_s)
        return place_s


def _in_stream(event: Event) -> float | None:
    """Where in its stream an event happened, in seconds; None where it does not tell."""
    match event:
        case SessionStarted():
            return 0.0
        case TurnStarted():
            return event.start_s
        case TurnFinal():
            return event.end_s + event.latency_ms.endpoint / 1e3
        case AudioGap():
            return event.start_s + event.length_s
        case Mark():
            return event.at_s
        case SessionEnded():
            return event.audio_s + event.gap_s
    return None
