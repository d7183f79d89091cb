"""The path is the best there is; periods are found between the samples."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.prosody.frames import cut, frame_times
from models.prosody.periodicity import autocorrelation, cross_correlation, maxima
from models.prosody.pitch import PitchTracker, best_path
from tests.models.prosody.sounds import RATE, buzz, noise, sine


@settings(deadline=None, max_examples=50)
@given(frames=st.integers(1, 5), candidates=st.integers(1, 3), seed=st.integers(0, 999))
def test_no_path_is_better_than_the_best(frames: int, candidates: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    strength = rng.normal(size=(frames, candidates))
    changes = rng.uniform(0, 2, (frames - 1, candidates, candidates))

    def worth(path: tuple[int, ...]) -> float:
        costs = [changes[frame, path[frame], path[frame + 1]] for frame in range(frames - 1)]
        return float(sum(strength[frame, each] for frame, each in enumerate(path)) - sum(costs))

    best = max(worth(path) for path in product(range(candidates), repeat=frames))
    assert worth(tuple(best_path(strength, changes))) == pytest.approx(best)


@settings(deadline=None, max_examples=50)
@given(period=st.floats(20, 200))
def test_maxima_lie_between_the_lags(period: float) -> None:
    lags = np.arange(300)
    found = maxima(np.cos(2 * np.pi * lags / period)[None] * 0.9, 250, 0.5, 5)
    kept = found.heights > -np.inf
    assert found.heights[kept] == pytest.approx(0.9, abs=1e-4)
    turns = found.lags[kept] / period
    assert turns == pytest.approx(np.round(turns), abs=1e-3)
    assert kept.sum() >= min(5, int(249 / period))


@settings(deadline=None, max_examples=30)
@given(hertz=st.floats(90, 500))
def test_dividing_by_the_windows_own_correlation_levels_the_peaks(hertz: float) -> None:
    window = np.hanning(642)[1:-1]
    frame = sine(hertz, 0.5, 0.04)[None]
    found = maxima(autocorrelation(frame * window, window, 260), 213, 0.5, 3)
    assert found.heights.max() == pytest.approx(1, abs=0.02)
    found = maxima(cross_correlation(frame[:, :480], 213), 213, 0.5, 1)
    assert found.heights.max() == pytest.approx(1, abs=1e-3)


def test_cross_correlation_is_that_of_its_definition() -> None:
    frames = np.random.default_rng(0).normal(1, 1, (4, 50))
    found = cross_correlation(frames, 20)
    assert found.shape == (4, 31)
    for lag in (0, 7, 30):
        a, b = frames[:, :20], frames[:, lag : lag + 20]
        expected = (a * b).sum(axis=1) / np.sqrt((a * a).sum(axis=1) * (b * b).sum(axis=1))
        np.testing.assert_allclose(found[:, lag], expected, atol=1e-12)


def test_voice_starts_and_ends_where_it_does() -> None:
    sound = np.concatenate([noise(0.5, 1e-3), buzz(140, 0.6), noise(0.5, 1e-3, 1)])
    times, pitch = PitchTracker().track(sound)
    voiced = times[pitch > 0]
    assert voiced[0] == pytest.approx(0.5, abs=0.025)
    assert voiced[-1] == pytest.approx(1.1, abs=0.025)
    assert pitch[pitch > 0] == pytest.approx(140, rel=0.02)
    assert (pitch[(times > 0.53) & (times < 1.07)] > 0).all()


def test_a_missing_fundamental_is_heard() -> None:
    sound = sum(sine(hertz, 0.1, 0.5) for hertz in (400, 600, 800))
    _, pitch = PitchTracker().track(np.asarray(sound))
    assert np.median(pitch) == pytest.approx(200, rel=1e-3)


@pytest.mark.parametrize(("samples", "count"), [(0, 0), (639, 0), (640, 1), (799, 1), (800, 2), (16000, 97)])
def test_frames_are_whole_and_in_the_middle(samples: int, count: int) -> None:
    times = frame_times(samples, 0.04, 0.01)
    assert len(times) == count
    if count:
        assert times[0] + times[-1] == pytest.approx(samples / RATE)
        assert times[0] >= 0.02 - 1e-9
        assert cut(np.zeros(samples), times, 640).shape == (count, 640)


def test_frames_hold_the_samples_around_their_times() -> None:
    frames = cut(np.arange(16000.0), np.array([0.5]), 4)
    assert frames.tolist() == [[7998, 7999, 8000, 8001]]
