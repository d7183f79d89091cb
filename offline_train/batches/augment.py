"""Augmentation of speech that keeps its emotion: other rooms, microphones, calls and speeds.

What belongs to a place is drawn once for a speaker, as a `Microphone`: turns that are judged against each
other come from one. Level, noise level, clipping and speed vary from turn to turn.
"""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.fft import irfft, next_fast_len, rfft, rfftfreq
from scipy.signal import fftconvolve, firwin2, resample_poly

from models.sample_rate import SAMPLE_RATE
from offline_train.batches.codecs import CODECS, coded
from offline_train.training.settings import Share

_TAPS = 513  # of the equaliser
_OCTAVE_BANDS = np.array([62.5, 125, 250, 500, 1000, 2000, 4000, 8000])  # Hz
_FULL_SCALE = 32767


@dataclass(frozen=True)
class WaveAugment:
    """Settings of the augmentation of samples.

    Attributes:
        reverb: probability of a synthetic room.
        rt60_s: range of its reverberation time.
        equaliser: probability of a random equaliser.
        equaliser_db: its largest gain or loss in an octave.
        telephone: probability of a band from 300 to 3400 Hz.
        codec: probability of a codec.
        noise: probability of noise, white to brown, stationary or modulated like babble.
        snr_db: range of signal-to-noise ratios.
        clipping: probability that the peaks are clipped.
        gain_db: range of the level.
        speed: largest change of speed and pitch together, as a fraction.
    """

    reverb: Share = 0.4
    rt60_s: tuple[float, float] = (0.1, 0.7)
    equaliser: Share = 0.7
    equaliser_db: Annotated[float, Field(ge=0, le=40)] = 9.0
    telephone: Share = 0.15
    codec: Share = 0.3
    noise: Share = 0.6
    snr_db: tuple[float, float] = (5.0, 30.0)
    clipping: Share = 0.1
    gain_db: tuple[float, float] = (-20.0, 0.0)
    speed: Annotated[float, Field(ge=0, lt=0.5)] = 0.08


@dataclass(frozen=True)
class Microphone:
    """A place and how it is recorded.

    Attributes:
        settings: what varies from turn to turn.
        room: impulse response of the room; None for none.
        response: impulse response of equaliser and band, its centre at zero; None for none.
        colour: exponent of the noise's power over frequency, 0 (white) to 2 (brown); None without noise.
        babble: whether the noise rises and falls as distant voices do.
        codec: name and bits a second of a codec; None without one.
    """

    settings: WaveAugment
    room: NDArray[np.float32] | None
    response: NDArray[np.float32] | None
    colour: float | None
    babble: bool
    codec: tuple[str, int | None] | None

    @classmethod
    def draw(cls, settings: WaveAugment, random: np.random.Generator) -> "Microphone":
        """Draw a microphone."""
        room = _room(random.uniform(*settings.rt60_s), random) if _chance(settings.reverb, random) else None
        equaliser = settings.equaliser_db if _chance(settings.equaliser, random) else 0.0
        telephone = _chance(settings.telephone, random)
        response = _response(equaliser, telephone, random) if equaliser or telephone else None
        colour = random.uniform(0, 2) if _chance(settings.noise, random) else None
        codec = None
        if _chance(settings.codec, random):
            name = str(random.choice(list(CODECS)))
            rates = CODECS[name].bit_rates
            codec = name, int(random.integers(*rates)) if rates else None
        return cls(settings, room, response, colour, _chance(0.5, random), codec)

    def record(self, audio: NDArray[np.int16], random: np.random.Generator) -> NDArray[np.int16]:
        """A turn as this microphone records it: int16 samples [n] at 16 kHz -> int16 samples [m]."""
        settings = self.settings
        percent = round(100 * (1 + random.uniform(-settings.speed, settings.speed)))
        wave: NDArray[np.floating] = resample_poly(audio.astype(np.float32), 100, percent)
        count = len(wave)
        if self.room is not None:
            wave = fftconvolve(wave, self.room)[:count]
        if self.colour is not None:
            noise = _noise(count, self.colour, self.babble, random)
            ratio = 10 ** (random.uniform(*settings.snr_db) / 20)
            wave = wave + noise * (_rms(wave) / (ratio * _rms(noise)))
        if self.response is not None:
            wave = fftconvolve(wave, self.response)[_TAPS // 2 :][:count]
        peak = float(np.abs(wave).max(initial=0))
        if _chance(settings.clipping, random):
            peak *= random.uniform(0.15, 0.6)
            wave = np.clip(wave, -peak, peak)
        # Too loud a sound is turned down, not clipped: the level does not tell how much.
        gain = min(10 ** (random.uniform(*settings.gain_db) / 20), _FULL_SCALE / peak if peak else 1.0)
        recorded: NDArray[np.int16] = np.round(wave * gain).astype(np.int16)
        return recorded if self.codec is None else coded(recorded, *self.codec)


def vary(audio: NDArray[np.int16], settings: WaveAugment, random: np.random.Generator) -> NDArray[np.int16]:
    """Record a turn by a microphone of its own: int16 samples [n] at 16 kHz -> int16 samples [m]."""
    return Microphone.draw(settings, random).record(audio, random)


def _chance(probability: float, random: np.random.Generator) -> bool:
    return bool(random.random() < probability)


def _rms(wave: NDArray[np.floating]) -> float:
    return float(np.sqrt(np.mean(np.square(wave)))) + 1e-9


def _room(rt60_s: float, random: np.random.Generator) -> NDArray[np.float32]:
    """A direct path followed by exponentially decaying noise, 60 dB down after `rt60_s`."""
    time = np.arange(int(rt60_s * SAMPLE_RATE)) / SAMPLE_RATE
    tail = random.standard_normal(len(time)) * 10 ** (-3 * time / rt60_s)
    tail *= 10 ** (random.uniform(-15, 0) / 20) / (np.linalg.norm(tail) + 1e-9)  # direct to reverberant
    tail[0] = 1.0
    return tail.astype(np.float32)


def _response(equaliser_db: float, telephone: bool, random: np.random.Generator) -> NDArray[np.float32]:
    """A filter of random gains by octave, and of a telephone's band; without delay."""
    frequency = np.linspace(0, SAMPLE_RATE / 2, 129)
    gains = random.uniform(-equaliser_db, equaliser_db, len(_OCTAVE_BANDS))
    octave = np.log2(np.maximum(frequency, _OCTAVE_BANDS[0]))
    amplitude = 10 ** (np.interp(octave, np.log2(_OCTAVE_BANDS), gains) / 20)
    if telephone:
        amplitude = np.where((frequency >= 300) & (frequency <= 3400), amplitude, 0.003 * amplitude)
    taps: NDArray[np.float32] = firwin2(_TAPS, frequency, amplitude, fs=SAMPLE_RATE).astype(np.float32)
    return taps


def _noise(count: int, colour: float, babble: bool, random: np.random.Generator) -> NDArray[np.floating]:
    """Noise [count] whose power falls with frequency to the power of `colour`."""
    size = next_fast_len(count, real=True)
    frequency = np.maximum(rfftfreq(size), 50 / SAMPLE_RATE).astype(np.float32)
    spectrum = rfft(random.standard_normal(size, np.float32)) * frequency ** (-colour / 2)
    noise: NDArray[np.floating] = irfft(spectrum, size)[:count]
    if babble:
        knots = random.lognormal(0, 0.7, 2 + count * 6 // SAMPLE_RATE)  # about six syllables a second
        noise = noise * np.interp(np.linspace(0, 1, count), np.linspace(0, 1, len(knots)), knots)
    return noise
