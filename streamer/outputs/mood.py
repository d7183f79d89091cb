"""Moods: where a turn lies on the circumplex of valence and arousal, in one word.

The circumplex is Russell's (1980, "A circumplex model of affect", Journal of Personality and Social
Psychology 39). Every view, MQTT and Home Assistant name its parts by this table.
"""

import math
from enum import StrEnum

EVEN_WITHIN = 0.25
"""Distance from the middle of the circumplex, up to which a mood is even."""

TRAIL = 12
"""Number of latest turns that the live views show on the circumplex."""


class Mood(StrEnum):
    """The middle of the circumplex, or one of its quadrants."""

    EVEN = "even"
    EXCITED = "excited"
    TENSE = "tense"
    LOW = "low"
    CALM = "calm"

    @property
    def arrow(self) -> str:
        """Where the mood lies, one cell wide: unpleasant is left, aroused is up."""
        return _ARROWS[self]


SIDES = {
    Mood.EVEN: (0, 0),
    Mood.EXCITED: (1, 1),
    Mood.TENSE: (-1, 1),
    Mood.LOW: (-1, -1),
    Mood.CALM: (1, -1),
}
"""Signs of valence and arousal in each mood; 0 is both near the middle."""

_ARROWS = {Mood.EVEN: "·", Mood.EXCITED: "↗", Mood.TENSE: "↖", Mood.LOW: "↙", Mood.CALM: "↘"}
_MOODS = {side: mood for mood, side in SIDES.items()}


def mood(valence: float, arousal: float | None) -> Mood | None:
    """The mood of a turn, from its valence and arousal, both -1 to 1; None without arousal.

    It is even up to `EVEN_WITHIN` from the middle; 0 counts as pleasant, and as aroused.
    """
    if arousal is None:
        return None
    if math.hypot(valence, arousal) <= EVEN_WITHIN:
        return Mood.EVEN
    return _MOODS[1 if valence >= 0 else -1, 1 if arousal >= 0 else -1]
