"""A recognised word."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a turn.

    Attributes:
        text: with case and punctuation.
        start_s: start, in seconds of the turn.
        end_s: end, in seconds of the turn.
        probability: mean of its tokens'.
    """

    text: str
    start_s: float
    end_s: float
    probability: float
