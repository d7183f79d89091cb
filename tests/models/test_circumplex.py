"""Arousal, by emotion and voice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.circumplex import PLACES, arousal, place_of
from offline_train.corpora import iemocap, meld

LEAST, MOST = PLACES["sadness"].arousal, PLACES["surprise"].arousal


def only(emotion: str, labels: tuple[str, ...] = tuple(PLACES)) -> dict[str, float]:
    return {label: float(label == emotion) for label in labels}


@pytest.mark.parametrize("labels", [meld.LABELS, iemocap.LABELS])
def test_emotions_of_corpora_have_places(labels: tuple[str, ...]) -> None:
    assert all(place_of(label) for label in labels)


def test_without_sound_it_is_the_expected_place() -> None:
    assert arousal(only("anger"), None) == PLACES["anger"].arousal
    mixed = {"joy": 0.5, "sadness": 0.25, "neutral": 0.25}
    assert arousal(mixed, None) == pytest.approx(0.5 * 0.48 - 0.25 * 0.27)
    assert arousal({"happy": 0.5, "sad": 0.25, "neutral": 0.25}, None) == arousal(mixed, None)


def test_with_sound_it_is_the_mean_of_emotion_and_voice() -> None:
    assert arousal(only("neutral"), 0.0) == pytest.approx((LEAST + MOST) / 4)
    assert arousal(only("surprise"), 1e6) == pytest.approx(MOST)
    assert arousal(only("sadness"), -1e6) == pytest.approx(LEAST)


def test_emotions_without_places_leave_it_to_the_voice() -> None:
    sentiments = {"positive": 0.7, "negative": 0.3}
    assert arousal(sentiments, None) is None
    assert arousal(sentiments, 1e6) == pytest.approx(MOST)


@given(
    st.lists(st.floats(0, 1), min_size=7, max_size=7).filter(sum),
    st.floats(allow_nan=False),
    st.floats(allow_nan=False),
)
def test_it_is_within_bounds_and_rises_with_the_voice(weights: list[float], one: float, other: float) -> None:
    shares = {label: weight / sum(weights) for label, weight in zip(PLACES, weights, strict=True)}
    calmer, livelier = (arousal(shares, logit) for logit in sorted((one, other)))
    assert calmer is not None
    assert livelier is not None
    assert -1 <= calmer <= livelier <= 1
