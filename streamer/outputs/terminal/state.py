"""What the live view shows: fed with events and sound, drawn by `layout`. No clock, no terminal."""

import math
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
    SessionEnded,
    SessionStarted,
    TurnFinal,
    TurnPartial,
    TurnRevised,
    TurnStarted,
)
from streamer.outputs.wording import clock

FLOOR_DBFS = -90.0
"""Levels below this are digital silence: a muted or dead microphone."""

_FALL_DB_PER_S = 30.0
_CLIPPED_FOR_S = 1.0
_NOTICED_FOR_S = 30.0
_CLIPPED = 32_700
_KEPT_TURNS = 500


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

    Attributes:
        started: how the session began, None before.
        ended: how it ended, None before.
        turns: the latest turns that are over, in order of their numbers.
        speaking: who is speaking, by speaker.
        revisions: how many revisions there have been.
        level_dbfs: loudness of the sound just heard (RMS), at least `FLOOR_DBFS`.
        heard_s: seconds of sound heard.
        trouble: what is wrong now, None when all is well.
    """

    def __init__(self) -> None:
        self.started: SessionStarted | None = None
        self.ended: SessionEnded | None = None
        self.turns: dict[int, ShownTurn] = {}
        self.speaking: dict[str | None, TurnStarted | TurnPartial] = {}
        self.revisions = 0
        self.level_dbfs = FLOOR_DBFS
        self.heard_s = 0.0
        self.trouble: str | None = None
        self._notice = ""
        self._noticed_at_s = -math.inf
        self._clipped_at_s = -math.inf

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

    def notify(self, message: str) -> None:
        """Show a message for a while."""
        self._notice, self._noticed_at_s = message, self.heard_s

    def snapshot(self) -> Self:
        """A copy that stays as it is, to be drawn in another thread."""
        other = copy(self)
        other.turns, other.speaking = self.turns.copy(), self.speaking.copy()
        return other

    def hear(self, frame: AudioFrame) -> None:
        """Follow the level: up at once, down slowly; of several channels the loudest counts."""
        samples = frame.samples.astype(np.float32)
        rms = math.sqrt(float(samples @ samples) / max(samples.size, 1)) / 32_768
        level = 20 * math.log10(rms) if rms > 0 else FLOOR_DBFS
        end_s = (frame.start + samples.size) / SAMPLE_RATE
        fallen = self.level_dbfs - _FALL_DB_PER_S * max(0.0, end_s - self.heard_s)
        self.level_dbfs = max(level, fallen, FLOOR_DBFS)
        self.heard_s = max(self.heard_s, end_s)
        if samples.size and float(np.abs(samples).max()) >= _CLIPPED:
            self._clipped_at_s = end_s

    def apply(self, event: Event) -> None:
        """Take in one event."""
        match event:
            case SessionStarted():
                self.started = event
            case SessionEnded():
                self.ended = event
                self.speaking.clear()
            case TurnStarted() | TurnPartial():
                self.speaking[event.speaker] = event
            case TurnFinal() | TurnRevised():
                self._judge(event)
            case AudioGap():
                self.notify(f"{event.length_s:.1f} s of sound lost at {clock(event.start_s)}: {event.reason}")
            case AudioDeviceLost():
                self.trouble = f"{event.device} does not answer ({event.reason}): trying again"
            case AudioDeviceBack():
                self.trouble = None
                self.notify(f"{event.device} is back after {event.lost_s:.1f} s")
            case Health():
                self.trouble = event.message if event.status == "degraded" else None

    def _judge(self, event: TurnFinal | TurnRevised) -> None:
        live = self.speaking.get(event.speaker)
        if live is not None and live.turn <= event.turn:
            del self.speaking[event.speaker]
        self.revisions += isinstance(event, TurnRevised)
        shown = self.turns.get(event.turn)
        if shown is not None:
            changed = shown.said.emotion != event.emotion
            self.turns[event.turn] = ShownTurn(event, was=shown.said.emotion if changed else shown.was)
        elif isinstance(event, TurnFinal):
            self.turns[event.turn] = ShownTurn(event)
            self.turns = dict(sorted(self.turns.items())[-_KEPT_TURNS:])
