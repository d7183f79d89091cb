"""Where emotions lie on the plane of valence and arousal.

The places are those that Russell and Mehrabian measured for the words (1977, "Evidence for a three-factor
theory of emotions", Journal of Research in Personality 11): from -1, unpleasant or calm, to 1, pleasant or
aroused.
"""

import math
from collections.abc import Mapping
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

_OTHER_NAMES = {
    "angry": "anger",
    "happy": "joy",
    "sad": "sadness",
    "fearful": "fear",
    "surprised": "surprise",
}
_CALMEST = min(place.arousal for place in PLACES.values())
_MOST_AROUSED = max(place.arousal for place in PLACES.values())


def place_of(emotion: str) -> Place | None:
    """The place of an emotion by any of its names; None if it has none."""
    return PLACES.get(_OTHER_NAMES.get(emotion, emotion))


def arousal(probabilities: Mapping[str, float], aroused: float | None) -> float | None:
    """How aroused a turn is, between the calmest and the most aroused of `PLACES`.

    It is the mean of what the emotion tells, which is its expected place, and of what the voice tells, where
    there is one: its probability of being aroused, from the calmest place at 0 to the most aroused at 1. For
    emotions without places, it is what the voice tells.

    Args:
        probabilities: of the emotions.
        aroused: the voice's logit of being aroused (see `models.speech_classifier`); None without sound.

    Returns:
        None if neither tells anything.
    """
    told = []
    places = {emotion: place_of(emotion) for emotion in probabilities}
    if all(place is not None for place in places.values()):
        told.append(sum(probabilities[emotion] * place.arousal for emotion, place in places.items() if place))
    if aroused is not None:
        probability = 0.5 + 0.5 * math.tanh(aroused / 2)
        told.append(_CALMEST + (_MOST_AROUSED - _CALMEST) * probability)
    return sum(told) / len(told) if told else None
