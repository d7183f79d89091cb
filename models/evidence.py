"""What is heard of a turn: how much its words and its sound are worth, from 0 for none to 1 for certain."""

CERTAIN = (1.0, 1.0)
"""Of words that are known, and of a long turn."""

_LEAST = 0.01
"""Of words or sound that are there."""


def evidence_of(words_confidence: float | None, seconds: float) -> tuple[float, float]:
    """Evidence of a turn's words and sound.

    Args:
        words_confidence: mean probability of the recognised words; None for words that are known, or of a
            recogniser that doesn't tell.
        seconds: length of the turn; half of the certainty is reached after one second.
    """
    words = 1.0 if words_confidence is None else words_confidence
    return min(max(words, _LEAST), 1.0), max(seconds / (seconds + 1), _LEAST)
