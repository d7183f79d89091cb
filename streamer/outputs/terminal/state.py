"""What the live view knows of one session: fed with events and sound. No clock, no terminal."""

import math
from collections import Counter
from copy import copy
from dataclasses import dataclass
from typing import Self

import numpy as np

from streamer.audio.frame import SAMPLE_RATE, AudioFrame
from streamer.events import (
    AudioDeviceBack,
    AudioDeviceLost,
    AudioGap,
    Event,
    Health,
    Mark,
    SessionEnded,
    SessionStarted,
    TurnFinal,
    TurnPartial,
    TurnRevised,
    TurnStarted,
)
from streamer.outputs.terminal.lag import Lag
from streamer.outputs.wording import clock
from streamer.palette import Look, look, looks

FLOOR_DBFS = -90.0
"""Levels below this are digital silence: a muted or dead microphone."""

_FALL_DB_PER_S = 30.0
_CLIPPED_FOR_S = 1.0
_NOTICED_FOR_S = 30.0
_CLIPPED = 32_700
_KEPT_TURNS = 2_000
_KEPT_MARKS = 200
_NOTED_LAG_S = 0.1


@dataclass(frozen=True, slots=True)
class ShownTurn:
    """A turn that is over.

    Attributes:
        said: what was said of it last.
        was: its emotion before the last change of it, None where it never changed.
    """

    said: TurnFinal | TurnRevised
    was: str | None = None


class ViewState:
    """The state of the live view, over one session.

    Args:
        stream: name of the stream.

    Attributes:
        stream: as given.
        started: how the session began, None before.
        ended: how it ended, None before.
        turns: the latest turns that are over, in order of their numbers.
        speaking: who is speaking, by speaker.
        marks: the latest moments that were marked, in seconds of the stream.
        emotions: how many turns carry each emotion.
        revisions: how many revisions there have been.
        shed: what was shed so far, by the name of the queue.
        level_dbfs: loudness of the sound just heard (RMS), at least `FLOOR_DBFS`; None before any was.
        heard_s: how far into the stream we are, in seconds.
    """

    def __init__(self, stream: str = "") -> None:
        self.stream = stream
        self.started: SessionStarted | None = None
        self.ended: SessionEnded | None = None
        self.turns: dict[int, ShownTurn] = {}
        self.speaking: dict[str | None, TurnStarted | TurnPartial] = {}
        self.marks: list[float] = []
        self.emotions: Counter[str] = Counter()
        self.revisions = 0
        self.shed: dict[str, int] = {}
        self.level_dbfs: float | None = None
        self.heard_s = 0.0
        self._device_trouble: str | None = None
        self._health_trouble: str | None = None
        self._clocked = False
        self._looks: dict[str, Look] = {}
        self._lag = Lag()
        self._notice = ""
        self._noticed_at_s = -math.inf
        self._clipped_at_s = -math.inf

    @property
    def trouble(self) -> str | None:
        """What is wrong now, the device first; None when all is well."""
        return self._device_trouble or self._health_trouble

    @property
    def newest(self) -> ShownTurn | None:
        """The newest turn that is over."""
        return self.turns[next(reversed(self.turns))] if self.turns else None

    @property
    def clipped(self) -> bool:
        """Whether the sound was too loud for its numbers within the last second."""
        return self.heard_s - self._clipped_at_s < _CLIPPED_FOR_S

    @property
    def notice(self) -> str | None:
        """The latest message worth a line, None where there is none or it is old."""
        return self._notice if self.heard_s - self._noticed_at_s < _NOTICED_FOR_S else None

    @property
    def lag_s(self) -> float | None:
        """How late what is shown is, in seconds: behind the sound, and from there to the turn's event."""
        if self.newest is not None:
            return self._lag.behind_s + self.newest.said.latency_ms.total / 1e3
        return self._lag.behind_s if self._lag.behind_s >= _NOTED_LAG_S else None

    @property
    def speaking_now(self) -> list[TurnStarted | TurnPartial]:
        """Who is speaking, the latest first; not who will, which a recording read fast tells ahead."""
        begun = (live for live in self.speaking.values() if not self._clocked or live.start_s <= self.heard_s)
        return sorted(begun, key=lambda live: -live.turn)

    def look(self, emotion: str) -> Look:
        """How an emotion looks among those of this session."""
        return self._looks.get(emotion) or look(emotion)

    def notify(self, message: str) -> None:
        """Show a message for a while."""
        self._notice, self._noticed_at_s = message, self.heard_s

    def snapshot(self) -> Self:
        """A copy that stays as it is, to be drawn in another thread."""
        other = copy(self)
        other.turns, other.speaking = self.turns.copy(), self.speaking.copy()
        other.marks, other.shed, other._lag = self.marks.copy(), self.shed.copy(), copy(self._lag)
        return other

    def hear(self, frame: AudioFrame, now_s: float = 0.0) -> None:
        """Follow the level: up at once, down slowly; of several channels the loudest counts.

        Args:
            frame: the sound.
            now_s: when it came, in seconds of any clock.
        """
        samples = frame.samples.astype(np.float32)
        rms = math.sqrt(float(samples @ samples) / max(samples.size, 1)) / 32_768
        level = 20 * math.log10(rms) if rms > 0 else FLOOR_DBFS
        end_s = (frame.start + samples.size) / SAMPLE_RATE
        before = FLOOR_DBFS if self.level_dbfs is None else self.level_dbfs
        fallen = before - _FALL_DB_PER_S * max(0.0, end_s - self.heard_s)
        self.level_dbfs = max(level, fallen, FLOOR_DBFS)
        self.heard_s = max(self.heard_s, end_s)
        self._lag.hear(end_s, now_s)
        if samples.size and float(np.abs(samples).max()) >= _CLIPPED:
            self._clipped_at_s = end_s

    def apply(self, event: Event) -> None:
        """Take in one event."""
        self.stream = event.stream
        match event:
            case SessionStarted():
                self.started = event
                self._looks = looks(event.labels)
            case SessionEnded():
                self.ended = event
                self.speaking.clear()
                self._clocked = False
                self._reach(event.audio_s + event.gap_s)
            case TurnStarted() | TurnPartial():
                self.speaking[event.speaker] = event
                self._reach(event.start_s)
            case TurnFinal() | TurnRevised():
                self._judge(event)
                self._reach(event.end_s)
            case Mark():
                self.marks = [*self.marks[-_KEPT_MARKS:], event.at_s]
                self._reach(event.at_s)
                self.notify(f"marked {clock(event.at_s)}")
            case AudioGap():
                self.notify(f"{event.length_s:.1f} s of sound lost at {clock(event.start_s)}: {event.reason}")
            case AudioDeviceLost():
                self._device_trouble = f"{event.device} does not answer ({event.reason}): trying again"
            case AudioDeviceBack():
                self._device_trouble = None
                self.notify(f"{event.device} is back after {event.lost_s:.1f} s")
            case Health():
                self._health_trouble = event.message if event.status == "degraded" else None
                self.shed = {name: queue.shed for name, queue in event.queues.items() if queue.shed}

    def reach(self, seconds: float) -> None:
        """Say how far into the stream we are, where no sound tells; from then on events do not."""
        self._clocked = True
        self.heard_s = max(self.heard_s, seconds)

    def _reach(self, seconds: float) -> None:
        if not self._clocked:
            self.heard_s = max(self.heard_s, seconds)

    def _judge(self, event: TurnFinal | TurnRevised) -> None:
        live = self.speaking.get(event.speaker)
        if live is not None and live.turn <= event.turn:
            del self.speaking[event.speaker]
        self.revisions += isinstance(event, TurnRevised)
        shown = self.turns.get(event.turn)
        if shown is not None:
            changed = shown.said.emotion != event.emotion
            self.turns[event.turn] = ShownTurn(event, was=shown.said.emotion if changed else shown.was)
            self.emotions[shown.said.emotion] -= 1
        elif isinstance(event, TurnRevised):
            return  # of a turn that we have not seen, or keep no more
        else:
            late = bool(self.turns) and event.turn < next(reversed(self.turns))
            self.turns[event.turn] = ShownTurn(event)
            if late:
                self.turns = dict(sorted(self.turns.items()))
            if len(self.turns) > _KEPT_TURNS:
                del self.turns[next(iter(self.turns))]
        self.emotions[event.emotion] += 1
