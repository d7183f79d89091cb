"""faster-whisper's path is gone down to its end."""

import numpy as np

from benchmarks.whisper_path import CASES, exercise


def test_every_case_is_as_expected() -> None:
    noise = np.random.default_rng(0).normal(0, 3000, 4 * 16_000)
    sound = (noise * np.sin(np.arange(len(noise)) / 2000) ** 2).astype(np.int16)  # as loud as speech varies
    results = exercise(sound)
    assert set(results) == {*CASES, "is cancelled"}
    assert [case for case, one in results.items() if not one["as_expected"]] == []
    assert results["is cancelled"]["freed_ms"] < 1_000
