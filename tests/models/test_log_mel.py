"""Log-mel frames are the same however the samples arrive."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.care_small import SmallCare
from models.log_mel import LogMelStream, log_mel


def noise(count: int, seed: int = 0) -> NDArray[np.int16]:
    return np.random.default_rng(seed).normal(0, 3000, count).astype(np.int16)


@settings(deadline=None, max_examples=50)
@given(sizes=st.lists(st.integers(0, 2500), max_size=12))
def test_chunks_give_what_the_whole_gives(sizes: list[int]) -> None:
    samples = noise(sum(sizes))
    stream = LogMelStream(64)
    pieces = [stream.accept(chunk) for chunk in np.split(samples, np.cumsum(sizes)[:-1])] if sizes else []
    together = np.concatenate(pieces) if pieces else np.empty((0, 64), np.float32)
    whole = log_mel(samples, 64)
    assert whole.dtype == np.float32
    np.testing.assert_allclose(together, whole, atol=1e-5)


@pytest.mark.parametrize(("samples", "frames"), [(0, 0), (399, 0), (400, 1), (559, 1), (560, 2), (16000, 98)])
def test_whole_frames_only(samples: int, frames: int) -> None:
    assert log_mel(noise(samples), 80).shape == (frames, 80)


def test_a_tone_lands_in_its_band() -> None:
    time = np.arange(16000) / 16000
    low, high = (
        log_mel((8000 * np.sin(2 * np.pi * hertz * time)).astype(np.int16), 80).mean(0)
        for hertz in (300, 3000)
    )
    mel = 1127 * np.log1p(np.array([300, 3000, 20, 8000]) / 700)
    expected = (mel[:2] - mel[2]) / (mel[3] - mel[2]) * 81 - 1
    assert abs(low.argmax() - expected[0]) <= 1.5
    assert abs(high.argmax() - expected[1]) <= 1.5


def test_ten_times_the_amplitude_is_ten_times_the_amplitude() -> None:
    samples = noise(16000) // 10
    difference = log_mel(samples * 10, 80) - log_mel(samples, 80)
    np.testing.assert_allclose(difference, np.log(100), atol=1e-2)


def test_silence_is_finite() -> None:
    assert np.isfinite(log_mel(np.zeros(8000, np.int16), 80)).all()


@pytest.mark.parametrize("piece", [137, 1_600, 50_000])
def test_a_voice_prepared_as_it_comes_is_prepared_as_ever(piece: int) -> None:
    care = SmallCare(bins=20, width=8, acoustic_blocks=1, semantic_blocks=1)
    audio = np.random.default_rng(1).normal(0, 900, 50_000).astype(np.int16)
    listening = care.listen()
    for start in range(0, len(audio), piece):
        listening.hear(audio[start : start + piece])
    for length in (0, 399, 400, 20_001, 50_000):
        assert torch.equal(listening.prepared(audio[:length]), care.prepare(audio[:length]))
