"""Measures of a session: shares of emotions and moods, smoothed valence, and their course, turning points."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from streamer.outputs.mood import Mood, mood
from streamer.reports.record import Turn, end_ms, start_ms

LEAST_CHANGE = 0.3
"""Least change of mean valence (-1 to 1) at a turning point."""

MOST = 5
"""Most turning points that are reported."""

STRETCHES = 24
"""Most stretches of a session whose mood is reported."""

_Label = TypeVar("_Label", bound=str)


def length_s(turn: Turn) -> float:
    """Length of a turn, in seconds."""
    return (end_ms(turn) - start_ms(turn)) / 1000


def shares(turns: Sequence[Turn]) -> dict[str, float]:
    """Share of each emotion in the time of these turns: the largest first, summing to 1."""
    return _shares([(turn, turn.emotion) for turn in turns])


def mood_shares(turns: Sequence[Turn]) -> dict[Mood, float]:
    """Share of each mood in the time of these turns, as `shares`; without those whose arousal is unknown."""
    moods = [(turn, mood(turn.valence, turn.arousal)) for turn in turns]
    return _shares([(turn, found) for turn, found in moods if found is not None])


def _shares(labelled: Sequence[tuple[Turn, _Label]]) -> dict[_Label, float]:
    whole = math.fsum(length_s(turn) for turn, _ in labelled)
    time: dict[_Label, float] = {}
    for turn, label in labelled:
        time[label] = time.get(label, 0.0) + length_s(turn) / whole
    return dict(sorted(time.items(), key=lambda share: -share[1]))


def mean_valence(turns: Sequence[Turn]) -> float:
    """Mean valence of turns, -1 to 1, weighted by their lengths."""
    return _mean([(turn, turn.valence) for turn in turns])


def _mean(values: Sequence[tuple[Turn, float]]) -> float:
    """The mean of a value of turns, weighted by their lengths."""
    whole = math.fsum(length_s(turn) for turn, _ in values)
    return math.fsum(value * length_s(turn) for turn, value in values) / whole


def around(turns: int) -> int:
    """Number of turns for a mean, in a session of `turns` turns: odd, at least 3, about the square root."""
    return max(math.isqrt(turns) | 1, 3)


def smoothed_valence(turns: Sequence[Turn], count: int) -> list[float]:
    """For every turn, the mean valence of `count` (odd) turns around it; fewer at the ends."""
    reach = count // 2
    return [mean_valence(turns[max(i - reach, 0) : i + reach + 1]) for i in range(len(turns))]


@dataclass(frozen=True, slots=True)
class Stretch:
    """Consecutive turns, and their mean valence and arousal, each -1 to 1."""

    turns: Sequence[Turn]
    valence: float
    arousal: float


def course(turns: Sequence[Turn]) -> list[Stretch]:
    """The conversation's way over the circumplex, over all speakers: at most `STRETCHES` stretches.

    Turns whose arousal is unknown are left out. A stretch has one turn in a short session, more in a long
    one; the last may have fewer.
    """
    known = [(turn, turn.arousal) for turn in turns if turn.arousal is not None]
    length = max(math.ceil(len(known) / STRETCHES), 1)
    parts = [known[first : first + length] for first in range(0, len(known), length)]
    of_each = [[turn for turn, _ in part] for part in parts]
    return [
        Stretch(those, mean_valence(those), _mean(part)) for those, part in zip(of_each, parts, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class TurningPoint:
    """Where the mood changed: the first turn of the new one, and the mean valence before it and from it on.

    Each is of as many turns as `around` says.
    """

    turn: Turn
    before: float
    after: float

    @property
    def change(self) -> float:
        """Change of the mean valence, -2 to 2."""
        return self.after - self.before


def turning_points(turns: Sequence[Turn]) -> list[TurningPoint]:
    """The largest changes of the conversation's mean valence, over all speakers, in order of time.

    At every turn, the mean valence of the `around` turns before it is compared with the mean of as many turns
    from it on (near the ends half as many, at least two). The largest changes are selected first, up to
    `MOST`, none smaller than `LEAST_CHANGE`, and none within `around` turns of another.
    """
    count = around(len(turns))
    least = max(count // 2, 2)
    candidates = [
        (at, TurningPoint(turns[at], mean_valence(before), mean_valence(after)))
        for at in range(least, len(turns) - least + 1)
        for before, after in [(turns[max(at - count, 0) : at], turns[at : at + count])]
    ]
    found: list[tuple[int, TurningPoint]] = []
    for at, point in sorted(candidates, key=lambda candidate: -abs(candidate[1].change)):
        if len(found) == MOST or abs(point.change) < LEAST_CHANGE:
            break
        if all(abs(at - other) >= count for other, _ in found):
            found.append((at, point))
    return [point for _, point in sorted(found, key=lambda pair: pair[0])]
