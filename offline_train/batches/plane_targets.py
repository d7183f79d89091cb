"""Targets of arousal and valence, by the emotion's place on the plane."""

from collections.abc import Sequence

import torch
from torch import Tensor

from models.circumplex import PLACES
from offline_train.corpora.emotions import emotion_named

_AROUSED, _CALM = 0.4, 0.0
_PLEASANT, _UNPLEASANT = 0.5, 0.0
_SENTIMENTS = {"positive": 1.0, "negative": 0.0}
"""Of corpora that are labelled with sentiments."""


def plane_targets(labels: Sequence[str]) -> Tensor:
    """Whether emotions are aroused, and whether they are pleasant [C, 2]: 1, 0, or NaN for neither.

    Args:
        labels: emotions [C], as any corpus calls them.
    """
    return torch.tensor([_targets(label) for label in labels])


def _targets(label: str) -> tuple[float, float]:
    if (place := PLACES.get(emotion_named(label) or label)) is None:
        return torch.nan, _SENTIMENTS.get(label, torch.nan)
    aroused = 1.0 if place.arousal > _AROUSED else 0.0 if place.arousal <= _CALM else torch.nan
    pleasant = 1.0 if place.valence > _PLEASANT else 0.0 if place.valence < _UNPLEASANT else torch.nan
    return aroused, pleasant
