"""What a turn is, and what the turn detector says about it."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

TurnEnding = Literal["silence", "split", "end of stream", "gap"]


@dataclass(frozen=True, slots=True, eq=False)
class Turn:
    """Someone's speech between two silences. All times are sample indices in the stream, at 16 kHz.

    Attributes:
        channel: of the source, from 0.
        start: where the speech starts.
        end: one past where it ends.
        audio: int16 [m], from `audio_start`: the speech, with sound before and after it.
        audio_start: where `audio` starts.
        declared: how much had been heard when the turn was declared over (or, in `TurnPaused`, paused).
        reason: what ended it; "silence" for a pause.
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
    """A turn is over."""

    turn: Turn


TurnEvent = TurnStarted | TurnPaused | TurnResumed | TurnEnded
