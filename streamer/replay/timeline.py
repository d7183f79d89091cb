"""Assigns playback times to the events of a file, counted from the first."""

from collections import deque
from collections.abc import Iterator
from datetime import datetime

from streamer.events import AudioGap, Event, Mark, SessionEnded, SessionStarted, TurnFinal, TurnStarted

_LONGEST_WAIT_S = 60.0
"""Longest pause between events without a position in the sound: clocks are set, computers sleep."""


class Timeline:
    """Places events in the time of the sound, whatever the speed of the analysis.

    An event with a position in the stream is placed there, a turn's event where the turn was declared over.
    Other events are placed by the wall clock (`at`) after the event before. Overlapping sessions keep their
    distance; a session after another begins at its end.

    If a recording was analyzed fast, or a machine could not keep up, detection was some turns ahead of the
    results: the file then has a turn's event after the starts of later turns. Events keep the order of the
    file; events before one that is due earlier are played together with it.

    Args:
        look_ahead: number of events to wait for before placing one; 0 places each at once.
    """

    def __init__(self, look_ahead: int = 0) -> None:
        self._look_ahead = look_ahead
        self._waiting: deque[tuple[float, Event]] = deque()
        self._zeros: dict[str, float] = {}
        self._read: set[str] = set()
        self._latest_s = self._before_s = self._now_s = 0.0
        self._last_at: datetime | None = None

    def add(self, event: Event) -> Iterator[tuple[float, Event]]:
        """Add the next event of the file; yields the events with known times, in seconds, in order."""
        self._waiting.append((self._own_place(event), event))
        while len(self._waiting) > self._look_ahead:
            yield self._next()

    def rest(self) -> Iterator[tuple[float, Event]]:
        """The remaining events with their times, at the end of the file."""
        while self._waiting:
            yield self._next()

    def position(self, session: str, now_s: float) -> float:
        """Position of a session in its stream, in seconds."""
        return max(now_s - self._zeros[session], 0.0)

    def positions(self, now_s: float) -> Iterator[tuple[str, float]]:
        """Position of each session in its stream, as if none ended, in seconds."""
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
    """Position of an event in its stream, in seconds; None if it has none."""
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
