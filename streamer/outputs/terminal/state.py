"""The live view's state of one session, updated by events and sound. No clock, no terminal."""

import math
from copy import copy
from typing import Self

import numpy as np

from streamer import events
from streamer.audio.frame import SAMPLE_RATE, AudioFrame
from streamer.events import Event
from streamer.outputs.palette import Look, look, looks
from streamer.outputs.session_state import SessionState
from streamer.outputs.terminal.lag import Lag
from streamer.outputs.wording import clock

FLOOR_DBFS = -90.0
"""Levels below this are digital silence: a muted or defective microphone."""

_FALL_DB_PER_S = 30.0
_CLIPPED_FOR_S = 1.0
_NOTICED_FOR_S = 30.0
_CLIPPED = 32_700
_KEPT_TURNS = 2_000
_NOTED_LAG_S = 0.1


class ViewState(SessionState):
    """The state of one session in the live view.

    Attributes:
        level_dbfs: present level (RMS), at least `FLOOR_DBFS`; None before the first sound.
        heard_s: position in the stream, in seconds.
    """

    def __init__(self, stream: str = "") -> None:
        super().__init__(stream, kept=_KEPT_TURNS)
        self.level_dbfs: float | None = None
        self.heard_s = 0.0
        self._clocked = False
        self._looks: dict[str, Look] = {}
        self._lag = Lag()
        self._notice = ""
        self._noticed_at_s = -math.inf
        self._clipped_at_s = -math.inf

    @property
    def trouble(self) -> str | None:
        """The present fault, a lost device first, or None."""
        if self.device_lost is not None:
            return f"{self.device_lost.device} does not answer ({self.device_lost.reason}): trying again"
        if self.health is not None and self.health.status == "degraded":
            return self.health.message
        return None

    @property
    def shed(self) -> dict[str, int]:
        """Number of items shed so far, by the name of the queue."""
        queues = self.health.queues if self.health is not None else {}
        return {name: queue.shed for name, queue in queues.items() if queue.shed}

    @property
    def clipped(self) -> bool:
        """Whether the sound was clipped within the last second."""
        return self.heard_s - self._clipped_at_s < _CLIPPED_FOR_S

    @property
    def notice(self) -> str | None:
        """The latest message to show, None if there is none or it is old."""
        return self._notice if self.heard_s - self._noticed_at_s < _NOTICED_FOR_S else None

    @property
    def lag_s(self) -> float | None:
        """Delay of the view in seconds: of the sound, plus of the turn's event behind it."""
        if self.newest is not None:
            return self._lag.behind_s + self.newest.said.latency_ms.total / 1e3
        return self._lag.behind_s if self._lag.behind_s >= _NOTED_LAG_S else None

    @property
    def speaking_now(self) -> list[events.TurnStarted | events.TurnPartial]:
        """The open turns at the present position (events may be ahead of it), the latest first."""
        begun = (live for live in self.speaking.values() if not self._clocked or live.start_s <= self.heard_s)
        return sorted(begun, key=lambda live: -live.turn)

    def look(self, emotion: str) -> Look:
        """The look of an emotion, among those of this session."""
        return self._looks.get(emotion) or look(emotion)

    def notify(self, message: str) -> None:
        """Show a message for a while."""
        self._notice, self._noticed_at_s = message, self.heard_s

    def snapshot(self) -> Self:
        """An immutable copy for drawing in another thread."""
        other = copy(self)
        other._turns, other.speaking = self.turns.copy(), self.speaking.copy()
        other.marks, other._lag = self.marks.copy(), copy(self._lag)
        return other

    def hear(self, frame: AudioFrame, now_s: float = 0.0) -> None:
        """Update the level: it rises at once, and falls slowly; the loudest channel counts."""
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
        """Process one event."""
        super().apply(event)
        match event:
            case events.SessionStarted():
                self._looks = looks(event.labels)
            case events.SessionEnded():
                self._clocked = False
                self._reach(event.audio_s + event.gap_s)
            case events.TurnStarted() | events.TurnPartial():
                self._reach(event.start_s)
            case events.TurnFinal() | events.TurnRevised():
                self._reach(event.end_s)
            case events.Mark():
                self._reach(event.at_s)
                self.notify(f"marked {clock(event.at_s)}")
            case events.AudioGap():
                self.notify(f"{event.length_s:.1f} s of sound lost at {clock(event.start_s)}: {event.reason}")
            case events.AudioDeviceBack():
                self.notify(f"{event.device} is back after {event.lost_s:.1f} s")

    def reach(self, seconds: float) -> None:
        """Set the position in the stream, without sound; from then on, events do not change it."""
        self._clocked = True
        self.heard_s = max(self.heard_s, seconds)

    def _reach(self, seconds: float) -> None:
        if not self._clocked:
            self.heard_s = max(self.heard_s, seconds)
