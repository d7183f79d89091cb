"""Folds the events of one session into a state: for the live view, the server's history and reports."""

import sys
from collections import Counter
from dataclasses import dataclass

from streamer import events
from streamer.events import Event


@dataclass(frozen=True, slots=True)
class JudgedTurn:
    """A turn that is over: what was said of it first, and last, by its highest revision.

    `was` is its emotion before the last change of it, None where it never changed.
    """

    first: events.Judged
    said: events.Judged
    was: str | None = None

    def judge(self, event: events.Judged) -> "JudgedTurn":
        """The turn after one more event; events may come in any order."""
        if event.revision < self.first.revision:
            return JudgedTurn(event, self.said, self.was)
        if event.revision < self.said.revision:
            return self
        was = self.was if event.emotion == self.said.emotion else self.said.emotion
        return JudgedTurn(self.first, event, was)


class SessionState:
    """The state of one session, updated by events; the events may begin and end at any point of it.

    Args:
        stream: name of the stream.
        kept: number of latest turns, marks and gaps that are kept.

    Attributes:
        stream: as given, or as the events say.
        started: the event that began the session, or None.
        ended: the event that ended it, or None.
        speaking: the open turns, by speaker.
        marks: the latest marked moments, in seconds of the stream.
        gaps: the latest gaps, where sound was lost.
        emotions: number of turns with each emotion.
        revisions: number of revisions.
        device_lost: the event about the device that is lost now, or None.
        health: the latest health event, or None.
    """

    def __init__(self, stream: str = "", *, kept: int = sys.maxsize) -> None:
        self.stream = stream
        self.started: events.SessionStarted | None = None
        self.ended: events.SessionEnded | None = None
        self.speaking: dict[str | None, events.TurnStarted | events.TurnPartial] = {}
        self.marks: list[float] = []
        self.gaps: list[events.AudioGap] = []
        self.emotions: Counter[str] = Counter()
        self.revisions = 0
        self.device_lost: events.AudioDeviceLost | None = None
        self.health: events.Health | None = None
        self._kept = kept
        self._turns: dict[int, JudgedTurn] = {}
        self._in_order = True
        self._forgotten = 0

    @property
    def turns(self) -> dict[int, JudgedTurn]:
        """The latest turns that have ended, in order of their numbers."""
        if not self._in_order:
            self._turns, self._in_order = dict(sorted(self._turns.items())), True
        return self._turns

    @property
    def newest(self) -> JudgedTurn | None:
        """The newest turn that has ended."""
        return self.turns[next(reversed(self.turns))] if self.turns else None

    def apply(self, event: Event) -> None:
        """Update the state with one event."""
        self.stream = event.stream
        match event:
            case events.SessionStarted():
                self.started = event
            case events.SessionEnded():
                self.ended = event
                self.speaking.clear()
            case events.TurnStarted() | events.TurnPartial():
                self.speaking[event.speaker] = event
            case events.TurnFinal() | events.TurnRevised():
                self._judge(event)
            case events.Mark():
                self.marks.append(event.at_s)
                del self.marks[: -self._kept]
            case events.AudioGap():
                self.gaps.append(event)
                del self.gaps[: -self._kept]
            case events.AudioDeviceLost():
                self.device_lost = event
            case events.AudioDeviceBack():
                self.device_lost = None
            case events.Health():
                self.health = event

    def _judge(self, event: events.Judged) -> None:
        live = self.speaking.get(event.speaker)
        if live is not None and live.turn <= event.turn:
            del self.speaking[event.speaker]
        self.revisions += isinstance(event, events.TurnRevised)
        if event.turn <= self._forgotten:
            return
        known = self._turns.get(event.turn)
        if known is None:
            turn = JudgedTurn(event, event)
            self._in_order = self._in_order and event.turn > next(reversed(self._turns), 0)
        else:
            turn = known.judge(event)
            self.emotions[known.said.emotion] -= 1
        self._turns[event.turn] = turn
        self.emotions[turn.said.emotion] += 1
        if len(self._turns) > self._kept:
            self._forgotten = next(iter(self.turns))
            del self._turns[self._forgotten]
