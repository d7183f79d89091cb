"""Codecs: what comes back is what went in, in time, and worse."""

import numpy as np
import pytest
from scipy.signal import chirp

from offline_train.batches.codecs import CODECS, coded


@pytest.mark.parametrize("name", CODECS)
@pytest.mark.parametrize("count", [1, 500, 16_000])
def test_sound_comes_back_in_time(name: str, count: int) -> None:
    time = np.arange(count) / 16_000
    audio = (8000 * chirp(time, 200, 1, 2000)).astype(np.int16)
    rates = CODECS[name].bit_rates
    heard = coded(audio, name, rates[1] if rates else None)
    assert heard.shape == audio.shape
    assert heard.dtype == np.int16
    if count == 16_000:
        assert not np.array_equal(heard, audio)
        alike = {
            late: np.corrcoef(heard[4000 + late : 12_000 + late], audio[4000:12_000])[0, 1]
            for late in range(-50, 51)
        }
        best = max(alike, key=lambda late: alike[late])
        assert abs(best) <= 25
        assert alike[best] > 0.9


@pytest.mark.parametrize("name", [name for name, codec in CODECS.items() if codec.bit_rates])
def test_fewer_bits_are_worse(name: str) -> None:
    random = np.random.default_rng(0)
    audio = (3000 * random.standard_normal(16_000)).astype(np.int16)

    def error(rate: int) -> float:
        return float(np.std(coded(audio, name, rate).astype(float) - audio))

    low, high = CODECS[name].bit_rates or (0, 0)
    assert error(low) > error(4 * high)
