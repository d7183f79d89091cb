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
        middle = slice(4000, 12_000)
        found = np.correlate(heard[middle].astype(float), audio[3900:12_100].astype(float), "valid")
        assert abs(int(found.argmax()) - 100) <= 25
        assert np.corrcoef(heard[middle], np.roll(audio, 100 - int(found.argmax()))[middle])[0, 1] > 0.9


@pytest.mark.parametrize("name", [name for name, codec in CODECS.items() if codec.bit_rates])
def test_fewer_bits_are_worse(name: str) -> None:
    random = np.random.default_rng(0)
    audio = (3000 * random.standard_normal(16_000)).astype(np.int16)

    def error(rate: int) -> float:
        return float(np.std(coded(audio, name, rate).astype(float) - audio))

    low, high = CODECS[name].bit_rates or (0, 0)
    assert error(low) > error(4 * high)
