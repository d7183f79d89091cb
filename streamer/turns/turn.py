"""Turns, and the events of the turn detector."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

TurnEnding = Literal["silence", "split", "end of stream", "gap"]


@dataclass(frozen=True, slots=True, eq=False)
class Turn:
    """One speaker's speech between two silences. All times are sample indices in the stream, at 16 kHz.

    Attributes:
        channel: channel of the source, from 0.
        start: start of the speech.
        end: end of the speech, exclusive.
        audio: int16 [m], from `audio_start`: the speech, with sound before and after it.
        audio_start: start of `audio`.
        declared: end of the sound when the turn was declared over (or, in `TurnPaused`, paused).
        reason: what ended the turn; "silence" for a pause.
    """

    channel: int
    start: int
    end: int
    audio: NDArray[np.int16]
    audio_start: int
    declared: int
    reason: TurnEnding


@dataclass(frozen=True, slots=True)
class TurnStarted:
    """Speech began, with which a turn starts at sample `start`."""

    channel: int
    start: int


@dataclass(frozen=True, slots=True)
class TurnReopened:
    """The turn that ended last, which started at sample `start`, goes on: its end was a pause."""

    channel: int
    start: int


@dataclass(frozen=True, slots=True)
class TurnPaused:
    """A silence that may become the end of the turn.

    The turn is as it will be if nothing more is said: its `end` and `audio` are then those of the `TurnEnded`
    that follows, so that work on it can be done ahead.
    """

    turn: Turn


@dataclass(frozen=True, slots=True)
class TurnResumed:
    """The speech goes on after a pause, of the turn that started at sample `start`."""

    channel: int
    start: int


@dataclass(frozen=True, slots=True)
class TurnEnded:
    """A turn has ended."""

    turn: Turn


TurnEvent = TurnStarted | TurnReopened | TurnPaused | TurnResumed | TurnEnded
