"""Targets of arousal and valence."""

import math

import pytest

from offline_train.batches.plane_targets import plane_targets


@pytest.mark.parametrize(
    ("label", "aroused", "pleasant"),
    [
        ("joy", 1, 1),
        ("happy", 1, 1),
        ("happiness", 1, 1),
        ("anger", 1, 0),
        ("angry", 1, 0),
        ("fear", 1, 0),
        ("surprise", 1, None),
        ("disgust", None, 0),
        ("sadness", 0, 0),
        ("sad", 0, 0),
        ("neutral", 0, None),
        ("positive", None, 1),
        ("negative", None, 0),
        ("frustrated", None, None),
    ],
)
def test_by_name(label: str, aroused: int | None, pleasant: int | None) -> None:
    found = [None if math.isnan(value) else int(value) for value in plane_targets([label])[0].tolist()]
    assert found == [aroused, pleasant]
