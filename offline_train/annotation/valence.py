"""Human valence as sentiment (MERITS-L, section IV-D)."""

from typing import NamedTuple

from offline_train.corpora.corpus import Sentiment

NEGATIVE_BELOW = 3.0
POSITIVE_ABOVE = 5.0


class Scale(NamedTuple):
    """The ends of a valence scale, most negative first."""

    low: float
    high: float

    @property
    def words(self) -> str:
        """Description of how sentiments are derived from it."""
        mapped = "" if self == PAPER else f", mapped linearly from {self.low:g}..{self.high:g}"
        return (
            f"valence (negative below {NEGATIVE_BELOW:g}, positive above {POSITIVE_ABOVE:g},"
            f" of {PAPER.low:g}..{PAPER.high:g}{mapped})"
        )


PAPER = Scale(1.0, 7.0)
SCALES = {"msp-podcast": PAPER, "iemocap": Scale(1.0, 5.0), "iemocap6": Scale(1.0, 5.0)}


def sentiment_of(valence: float | None, scale: Scale | None) -> Sentiment | None:
    """Negative below 3, positive above 5 on the scale 1..7, to which others are mapped linearly.

    Returns:
        None if there is no valence.
    """
    if valence is None or scale is None:
        return None
    mapped = PAPER.low + (valence - scale.low) * (PAPER.high - PAPER.low) / (scale.high - scale.low)
    if mapped < NEGATIVE_BELOW:
        return "negative"
    return "positive" if mapped > POSITIVE_ABOVE else "neutral"
