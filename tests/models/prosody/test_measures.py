"""Sounds whose measures are known, and sounds that have none."""

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from models.prosody.measures import Prosody, measure
from tests.models.prosody.sounds import RATE, bursts, buzz, int16, noise, sine

SECOND = RATE


def assert_sound(measured: Prosody) -> None:
    """Finite or undefined, and nothing below what it can be."""
    vector = measured.vector()
    assert vector.shape == (8,)
    assert not np.isinf(vector).any()
    for known in (measured.duration_s, measured.intensity_deviation_db, measured.pitch_deviation_hz):
        assert not known < 0
    assert not measured.pitch_range_hz < 0
    assert not measured.articulation_rate <= 0
    assert np.isnan(measured.pitch_hz) or 75 <= measured.pitch_hz <= 600


@settings(deadline=None, max_examples=25)
@given(hertz=st.floats(85, 500), amplitude=st.floats(0.001, 0.9), seconds=st.floats(0.3, 1.5))
def test_a_sine_has_its_pitch_and_its_level(hertz: float, amplitude: float, seconds: float) -> None:
    measured = measure(int16(sine(hertz, amplitude, seconds)))
    assert measured.duration_s == int(seconds * RATE) / RATE
    assert measured.pitch_hz == pytest.approx(hertz, rel=1e-3)
    assert measured.pitch_deviation_hz < 0.002 * hertz
    assert measured.pitch_range_hz < 0.01 * hertz
    assert measured.intensity_db == pytest.approx(20 * np.log10(amplitude / np.sqrt(2) / 2e-5), abs=0.05)
    assert measured.intensity_deviation_db < 0.05
    assert measured.harmonics_to_noise_db > 25


@settings(deadline=None, max_examples=12)
@given(hertz=st.floats(90, 400), ratio_db=st.floats(8, 22), seed=st.integers(0, 99))
def test_noise_of_a_known_level_is_measured(hertz: float, ratio_db: float, seed: int) -> None:
    sound = buzz(hertz, 1, level=0.1) + noise(1, 0.1 * 10 ** (-ratio_db / 20), seed)
    measured = measure(int16(sound))
    assert measured.harmonics_to_noise_db == pytest.approx(ratio_db, abs=1.5)
    assert measured.pitch_hz == pytest.approx(hertz, rel=5e-3)


def test_more_noise_is_less_harmonic() -> None:
    ratios = [
        measure(int16(buzz(150, 1) + noise(1, level))).harmonics_to_noise_db
        for level in (0, 0.01, 0.03, 0.1, 0.3)
    ]
    assert ratios == sorted(ratios, reverse=True)


def test_a_glide_has_its_range() -> None:
    hertz = np.linspace(120, 240, 2 * SECOND)
    sound = 0.3 * np.sin(2 * np.pi * np.cumsum(hertz) / RATE)
    measured = measure(int16(sound))
    assert measured.pitch_hz == pytest.approx(180, abs=1)
    assert measured.pitch_range_hz == pytest.approx(120, abs=4)
    assert measured.pitch_deviation_hz == pytest.approx(120 / np.sqrt(12), abs=1)


def test_a_step_in_level_is_its_deviation() -> None:
    sound = np.concatenate([sine(200, 0.5, 3), sine(200, 0.05, 3)])
    measured = measure(int16(sound))
    assert measured.intensity_deviation_db == pytest.approx(10, abs=0.2)  # 20 dB apart, half the time each
    assert measured.intensity_db == pytest.approx(20 * np.log10(0.5 / 2 / 2e-5), abs=0.1)  # half the energy


@settings(deadline=None, max_examples=8)
@given(gain=st.sampled_from([2, 4, 8]), seed=st.integers(0, 99))
def test_level_is_all_that_depends_on_gain(gain: int, seed: int) -> None:
    quiet = int16(bursts(4) / 20 + noise(len(bursts(4)) / RATE, 1e-3, seed))
    soft, loud = measure(quiet).vector(), measure(quiet * np.int16(gain)).vector()
    soft[1] += 20 * np.log10(gain)
    np.testing.assert_allclose(loud, soft, rtol=1e-9, equal_nan=True)


def test_a_constant_changes_nothing() -> None:
    sound = int16(bursts(4) / 4)
    np.testing.assert_allclose(measure(sound + np.int16(5000)).vector(), measure(sound).vector(), rtol=1e-6)


@pytest.mark.parametrize("count", [0, 1, 2, 639, 640, 1364, 1366, 2200, SECOND])
def test_silence_has_a_duration_and_no_voice(count: int) -> None:
    measured = measure(np.zeros(count, np.int16))
    assert_sound(measured)
    assert measured.duration_s == count / RATE
    assert np.isnan(measured.vector()[3:]).all()
    assert np.isnan(measured.intensity_db) == (count < 1366)


@pytest.mark.parametrize("count", [1, 2, 200, 640, 1366, 2200, SECOND])
def test_a_click_a_whisper_and_a_square_are_measured(count: int) -> None:
    click, least = np.zeros(count, np.int16), np.ones(count, np.int16)
    click[count // 2] = -32768
    least[::2] = -1
    square = int16(100 * sine(150, 1, count / RATE))
    for sound in (click, least, square, np.full(count, 32767, np.int16), int16(noise(count / RATE, 3e-5))):
        assert_sound(measure(sound))


@settings(deadline=None, max_examples=60)
@given(
    arrays.arrays(
        np.int16,
        st.integers(0, 3000),
        elements=st.integers(-32768, 32767),
        fill=st.sampled_from([0, 1, -32768]),
    )
)
def test_any_sound_is_measured(sound: NDArray[np.int16]) -> None:
    assert_sound(measure(sound))


@pytest.mark.parametrize("length", [427, 640, 1366, 1600, 2048])
def test_a_clip_may_just_fill_a_window(length: int) -> None:
    for count in range(length - 3, length + 4):
        assert_sound(measure(int16(buzz(150, 1)[:count])))


def test_the_measures_are_those_of_the_study_in_its_order() -> None:
    names = [field.name for field in fields(Prosody)]
    measured = measure(int16(bursts(5)))
    assert [getattr(measured, name) for name in names] == list(measured.vector())
    assert names[0] == "duration_s"
    assert names[-1] == "harmonics_to_noise_db"


def test_the_sound_given_is_left_as_it_is() -> None:
    sound = int16(bursts(3))
    kept = sound.copy()
    measure(sound)
    assert np.array_equal(sound, kept)
