"""Variants of sound: repeatable, of any length, and from one place where one microphone recorded them."""

import numpy as np
import pytest
from numpy.typing import NDArray

from offline_train.batches.augment import Microphone, WaveAugment, vary
from tests.offline_train.miniatures import hiss, tone

NOTHING = WaveAugment(
    reverb=0, equaliser=0, telephone=0, codec=0, noise=0, clipping=0, gain_db=(0.0, 0.0), speed=0
)


def only(**settings: object) -> WaveAugment:
    return WaveAugment(**{**vars(NOTHING), **settings})


def spectrum(audio: NDArray[np.int16]) -> NDArray[np.float64]:
    """Power by band of 500 Hz, in dB."""
    power = np.abs(np.fft.rfft(audio.astype(float))) ** 2
    return 10 * np.log10([each.mean() + 1e-9 for each in np.array_split(power, 16)])


def test_variants_are_sound_and_repeatable() -> None:
    audio = tone(0.5, 20000)
    settings = WaveAugment(reverb=1, equaliser=1, telephone=0.5, codec=0.5, noise=1, clipping=0.5)
    for seed in range(10):
        first, again = (vary(audio, settings, np.random.default_rng(seed)) for _ in range(2))
        assert np.array_equal(first, again)
        assert first.dtype == np.int16
        assert 0.9 <= len(first) / len(audio) <= 1.1
        assert first.any()


@pytest.mark.parametrize("samples", [1, 2, 100, 1000])
def test_a_turn_of_any_length_survives(samples: int) -> None:
    settings = WaveAugment(reverb=1, equaliser=1, codec=1, noise=1)
    for seed in range(8):
        assert len(vary(tone(0.1)[:samples], settings, np.random.default_rng(seed))) >= samples * 0.9


def test_silence_stays_silent() -> None:
    settings = WaveAugment(reverb=1, equaliser=1, codec=0, noise=1, clipping=1)
    assert not vary(np.zeros(8000, np.int16), settings, np.random.default_rng(0)).any()


def test_without_any_change_nothing_changes() -> None:
    audio = hiss(0.3, 3000)
    assert np.array_equal(vary(audio, NOTHING, np.random.default_rng(0)), audio)


def test_a_microphone_colours_all_turns_alike() -> None:
    settings = only(equaliser=1.0)
    first, second = (Microphone.draw(settings, np.random.default_rng(seed)) for seed in (1, 2))
    random = np.random.default_rng(0)

    def colour(microphone: Microphone, seed: int) -> NDArray[np.float64]:
        audio = hiss(2.0, 1000, seed)
        found = spectrum(microphone.record(audio, random)) - spectrum(audio)
        centred: NDArray[np.float64] = found - found.mean()
        return centred

    assert np.abs(colour(first, 1) - colour(first, 2)).max() < 1
    assert np.abs(colour(first, 1) - colour(second, 1)).max() > 3


def test_a_telephone_carries_no_more_than_its_band() -> None:
    heard = spectrum(vary(hiss(1.0, 3000), only(telephone=1.0), np.random.default_rng(0)))
    assert heard[1:6].min() - heard[8:].max() > 30


def test_noise_is_as_loud_as_it_was_asked_to_be() -> None:
    audio = tone(1.0, 8000)
    noisy = vary(audio, only(noise=1.0, snr_db=(10.0, 10.0)), np.random.default_rng(3))
    noise = noisy.astype(float) - audio
    assert 20 * np.log10(np.std(audio) / np.std(noise)) == pytest.approx(10, abs=0.2)


def test_peaks_are_clipped() -> None:
    audio = tone(0.5, 8000)
    clipped = vary(audio, only(clipping=1.0), np.random.default_rng(0))
    assert (np.abs(clipped) == np.abs(clipped).max()).mean() > 0.2
