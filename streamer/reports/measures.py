"""What a session comes to: shares of emotions, valence smoothed, turning points."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from streamer.reports.record import Turn, end_ms, start_ms

LEAST_CHANGE = 0.3
"""Of mean valence, which runs from -1 to 1: a smaller one is no turning point."""

MOST = 5
"""Turning points that are told."""


def length_s(turn: Turn) -> float:
    """How long a turn lasts, in seconds."""
    return (end_ms(turn) - start_ms(turn)) / 1000


def shares(turns: Sequence[Turn]) -> dict[str, float]:
    """Of the time these turns last, the part that carries each emotion: the largest first, summing to 1."""
    whole = math.fsum(map(length_s, turns))
    time: dict[str, float] = {}
    for turn in turns:
        time[turn.emotion] = time.get(turn.emotion, 0.0) + length_s(turn) / whole
    return dict(sorted(time.items(), key=lambda share: -share[1]))


def mean_valence(turns: Sequence[Turn]) -> float:
    """Their mean valence, -1 to 1, each turn counted by how long it lasts."""
    return math.fsum(turn.valence * length_s(turn) for turn in turns) / math.fsum(map(length_s, turns))


def around(turns: int) -> int:
    """How many turns a mood is read from, in a session of so many: odd, at least 3, growing as the root."""
    return max(math.isqrt(turns) | 1, 3)


def smoothed_valence(turns: Sequence[Turn], count: int) -> list[float]:
    """At every turn, the mean valence of `count` turns around it (odd; fewer at the ends)."""
    reach = count // 2
    return [mean_valence(turns[max(i - reach, 0) : i + reach + 1]) for i in range(len(turns))]


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
        """By how much the mean valence changed, -2 to 2."""
        return self.after - self.before


def turning_points(turns: Sequence[Turn]) -> list[TurningPoint]:
    """Where the conversation's mean valence, everyone's together, changes most; in order of time.

    At every turn, the mean valence of the `around` turns before it is compared with that of as many from it
    on (near the ends of half as many, and at least two). The largest changes are taken first, up to
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
