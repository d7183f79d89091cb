"""The network's input, and its verdict where it is installed."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.smart_turn import SmartTurn, installed_network
from streamer.audio.frame import SAMPLE_RATE


def test_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other.onnx").write_bytes(b"not it")
    with pytest.raises(ValueError, match="not the file that is pinned"):
        SmartTurn(tmp_path / "other.onnx")


def test_only_the_last_eight_seconds_count_whatever_their_level() -> None:
    if (network := installed_network()) is None:
        pytest.skip("needs pipecat-ai: pip install --no-deps pipecat-ai")
    judge = SmartTurn(network)
    sound = np.random.default_rng(3).normal(0, 3000, 10 * SAMPLE_RATE).astype(np.int16)
    features = judge.features(sound)
    assert features.shape == (80, 800)
    assert features.dtype == np.float32
    assert np.array_equal(features, judge.features(sound[2 * SAMPLE_RATE :]))
    assert np.allclose(features, judge.features(2 * sound), atol=0.02)
    assert 0 <= judge.probability(sound) == judge.probability(sound[2 * SAMPLE_RATE :]) <= 1
    short = judge.features(sound[: 2 * SAMPLE_RATE])
    assert np.all(short[:, :590] < short[:, 610:].mean())  # the silence comes first
