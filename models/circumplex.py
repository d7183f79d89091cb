"""Where emotions lie on the plane of valence and arousal.

The places are those that Russell and Mehrabian measured for the words (1977, "Evidence for a three-factor
theory of emotions", Journal of Research in Personality 11): from -1, unpleasant or calm, to 1, pleasant or aroused.
"""

from typing import NamedTuple


class Place(NamedTuple):
    """A place on the plane, both from -1 to 1."""

    valence: float
    arousal: float


PLACES = {
    "anger": Place(-0.51, 0.59),
    "disgust": Place(-0.60, 0.35),
    "fear": Place(-0.64, 0.60),
    "joy": Place(0.76, 0.48),
    "neutral": Place(0.0, 0.0),
    "sadness": Place(-0.63, -0.27),
    "surprise": Place(0.40, 0.67),
}
"""By emotion, as MELD calls them; "joy" is the place of "happy", "sadness" that of "sad"."""
