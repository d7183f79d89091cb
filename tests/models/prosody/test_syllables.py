"""Syllables are counted, pauses are not part of speech."""

import numpy as np
import pytest

from models.prosody.syllables import articulation_rate
from tests.models.prosody.sounds import RATE, bursts, noise, sine


@pytest.mark.parametrize("count", [3, 5, 9])
def test_bursts_are_counted(count: int) -> None:
    rate = articulation_rate(bursts(count))
    speech_s = count * 0.24 - 0.1
    assert rate * speech_s == pytest.approx(
        count - 1, rel=0.15
    )  # the last is followed by no dip before another


def test_faster_is_more_a_second() -> None:
    rates = [articulation_rate(bursts(8, sound_s, 0.08)) for sound_s in (0.3, 0.2, 0.12)]
    assert rates == sorted(rates)
    assert rates[-1] > 1.5 * rates[0]


def test_a_pause_is_no_part_of_speech() -> None:
    whole = articulation_rate(bursts(12))
    halves = articulation_rate(np.concatenate([bursts(6), bursts(6)]))  # two seconds of quiet between them
    assert halves == pytest.approx(whole, rel=0.1)


def test_what_is_not_voiced_is_no_syllable() -> None:
    hissed = np.sign(bursts(6)) * 0
    for start in range(RATE, 3 * RATE, RATE // 4):
        hissed[start : start + RATE // 8] = noise(0.125, 0.1, start)[: len(hissed[start : start + RATE // 8])]
    assert np.isnan(articulation_rate(hissed + noise(len(hissed) / RATE, 1e-4)))


def test_one_even_tone_has_no_syllables_to_tell_apart() -> None:
    assert np.isnan(articulation_rate(sine(150, 0.2, 2)))
