"""What is kept of a session for whoever comes to watch it later: bounded, in memory only."""

import json
from collections import deque
from collections.abc import Iterator

from streamer.events import (
    Event,
    SessionEnded,
    SessionStarted,
    TurnFinal,
    TurnPartial,
    TurnRevised,
    TurnStarted,
)

_KEPT_NOTES = 64
"""Gaps, lost devices and health."""

_EVENTS_A_MESSAGE = 100


class History:
    """The first and the latest word on each of the latest turns of a session, and what else happened.

    Args:
        turns: how many turns are kept.

    Attributes:
        stream: its name.
        ended: whether the session has.
    """

    def __init__(self, stream: str, turns: int) -> None:
        self.stream = stream
        self.ended = False
        self._limit = turns
        self._frame: dict[str, tuple[int, str]] = {}
        self._speaking: dict[int, tuple[int, str]] = {}
        self._finals: dict[int, tuple[int, str]] = {}
        self._revised: dict[int, tuple[int, str]] = {}
        self._notes: deque[tuple[int, str]] = deque(maxlen=_KEPT_NOTES)

    def add(self, event: Event, line: str) -> None:
        """Keep an event, as the line it is sent as."""
        entry = event.seq, line
        match event:
            case SessionStarted() | SessionEnded():
                self.ended = isinstance(event, SessionEnded)
                self._frame[event.type] = entry
                self._speaking.clear()
            case TurnStarted() | TurnPartial():
                self._speaking[event.turn] = entry
                if len(self._speaking) > _KEPT_NOTES:  # turns that came to nothing
                    del self._speaking[next(iter(self._speaking))]
            case TurnFinal():
                self._speaking.pop(event.turn, None)
                self._finals[event.turn] = entry
                if len(self._finals) > self._limit:
                    oldest = next(iter(self._finals))
                    del self._finals[oldest]
                    self._revised.pop(oldest, None)
            case TurnRevised():
                if event.turn in self._finals:
                    self._revised[event.turn] = entry
            case _:
                self._notes.append(entry)

    def messages(self) -> Iterator[str]:
        """What is kept now, in order of `seq`, as messages of many events each."""
        groups = (self._frame, self._speaking, self._finals, self._revised)
        entries = [*self._notes, *(entry for group in groups for entry in group.values())]
        lines = [line for _, line in sorted(entries)]
        return (
            f'{{"type":"watch.history","stream":{json.dumps(self.stream)},'
            f'"events":[{",".join(lines[start : start + _EVENTS_A_MESSAGE])}]}}'
            for start in range(0, len(lines), _EVENTS_A_MESSAGE)
        )
