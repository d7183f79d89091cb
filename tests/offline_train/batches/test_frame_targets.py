"""Frame descriptors: the ones of known sounds, at the right time, and finite for any."""

import numpy as np
import pytest
from numpy.typing import NDArray

from offline_train.batches.frame_targets import DIMENSION, frame_targets

F0, PERIODICITY, ENERGY = 200, 201, 202
"""Where in a row: after 80 log-mel, 60 MFCC and their course, 40 + 20 of long windows."""

pytestmark = pytest.mark.slow  # librosa compiles what it runs first


def buzz(hertz: float, seconds: float, level: float = 4000.0) -> NDArray[np.int16]:
    time = np.arange(int(seconds * 16000)) / 16000
    wave = sum((np.sin(2 * np.pi * hertz * k * time) / k for k in range(1, 9)), np.zeros(len(time)))
    return (level * wave).astype(np.int16)


@pytest.mark.parametrize("hertz", [90.0, 200.0, 350.0])
def test_pitch(hertz: float) -> None:
    rows = frame_targets(buzz(hertz, 0.6))[3:-3]
    assert 2 ** np.median(rows[:, F0]) == pytest.approx(hertz, rel=0.02)
    assert np.median(rows[:, PERIODICITY]) > 0.9
    noise = np.random.default_rng(0).integers(-3000, 3000, 9600).astype(np.int16)
    assert np.median(frame_targets(noise)[:, PERIODICITY]) < 0.5


def test_a_frame_lies_where_care_hears_it() -> None:
    """Frame i is around sample 320 i + 200."""
    audio = np.random.default_rng(0).integers(-20, 20, 16000).astype(np.int16)
    audio[8000:8100] = 20000
    rows = frame_targets(audio)
    assert len(rows) == 1 + (16000 - 400) // 320
    loudest = {i for i in range(len(rows)) if 320 * i < 8100 and 320 * i + 400 > 8000}
    assert set(np.flatnonzero(rows[:, ENERGY] > rows[:, ENERGY].max() - 12)) <= loudest
    assert int(rows[:, ENERGY].argmax()) in loudest


def test_the_level_does_not_matter() -> None:
    noisy = buzz(150, 0.5) + np.random.default_rng(0).normal(0, 100, 8000)
    loud, quiet = (frame_targets((noisy * gain).astype(np.int16)) for gain in (2.0, 0.5))
    assert np.median(np.abs(loud - quiet)) < 0.05
    np.testing.assert_allclose(loud[:, ENERGY], quiet[:, ENERGY], atol=0.05)


@pytest.mark.parametrize("count", [0, 1, 399, 400, 719, 720, 3001])
def test_any_sound_gives_finite_rows(count: int) -> None:
    random = np.random.default_rng(0)
    for audio in (
        np.zeros(count, np.int16),
        np.full(count, -32768, np.int16),
        random.integers(-32768, 32767, count).astype(np.int16),
    ):
        rows = frame_targets(audio)
        assert rows.shape == (1 + max(0, count - 400) // 320, DIMENSION)
        assert rows.dtype == np.float32
        assert np.isfinite(rows).all()
        assert np.abs(rows).max() < 6e4  # they are kept in half precision
