"""Augmentation of speech that keeps its emotion: other voices, rooms and microphones.

`vary` changes samples and is applied once, for a few variants of each clip. `FeatureAugment` changes log-mel
frames, and is cheap enough to be applied each time a clip is used.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.signal import fftconvolve, resample_poly
from torch import Tensor
from torch.nn import functional

_SAMPLE_RATE = 16_000


@dataclass(frozen=True)
class WaveAugment:
    """Settings of `vary`.

    Attributes:
        speed: largest change of speed and pitch together, as a fraction.
        noise: probability of coloured noise, stationary or modulated like babble.
        snr_db: range of signal-to-noise ratios.
        reverb: probability of a synthetic room.
        rt60_s: range of its reverberation time.
        gain_db: range of the level.
    """

    speed: float = 0.12
    noise: float = 0.5
    snr_db: tuple[float, float] = (5.0, 30.0)
    reverb: float = 0.4
    rt60_s: tuple[float, float] = (0.1, 0.7)
    gain_db: tuple[float, float] = (-20.0, 3.0)


def vary(audio: NDArray[np.int16], settings: WaveAugment, random: np.random.Generator) -> NDArray[np.int16]:
    """Another voice, room, noise and level: int16 samples [n] at 16 kHz -> int16 samples [m]."""
    percent = round(100 * (1 + random.uniform(-settings.speed, settings.speed)))
    wave: NDArray[np.floating] = resample_poly(audio.astype(np.float32), 100, percent)
    if random.random() < settings.reverb:
        wave = fftconvolve(wave, _room(random.uniform(*settings.rt60_s), random))[: len(wave)]
    if random.random() < settings.noise:
        noise = _noise(len(wave), random)
        ratio = 10 ** (random.uniform(*settings.snr_db) / 20)
        wave = wave + noise * (_rms(wave) / (ratio * _rms(noise)))
    wave = wave * 10 ** (random.uniform(*settings.gain_db) / 20)
    clipped: NDArray[np.int16] = np.clip(np.round(wave), -32768, 32767).astype(np.int16)
    return clipped


def _rms(wave: NDArray[np.floating]) -> float:
    return float(np.sqrt(np.mean(np.square(wave)))) + 1e-9


def _room(rt60_s: float, random: np.random.Generator) -> NDArray[np.float32]:
    """A direct path followed by exponentially decaying noise, 60 dB down after `rt60_s`."""
    time = np.arange(int(rt60_s * _SAMPLE_RATE)) / _SAMPLE_RATE
    tail = random.standard_normal(len(time)) * 10 ** (-3 * time / rt60_s)
    tail *= 10 ** (random.uniform(-15, 0) / 20) / (np.linalg.norm(tail) + 1e-9)  # direct to reverberant
    tail[0] = 1.0
    return tail.astype(np.float32)


def _noise(count: int, random: np.random.Generator) -> NDArray[np.float64]:
    """Noise whose power falls by 0 to 6 dB per octave; half of the time modulated like distant voices."""
    size = count + count % 2
    frequency = np.maximum(np.fft.rfftfreq(size), 50 / _SAMPLE_RATE)
    spectrum = np.fft.rfft(random.standard_normal(size)) * frequency ** -random.uniform(0, 1)
    noise = np.fft.irfft(spectrum, size)[:count]
    if random.random() < 0.5:
        knots = random.lognormal(0, 0.7, 2 + count * 6 // _SAMPLE_RATE)  # about six syllables a second
        noise = noise * np.interp(np.linspace(0, 1, count), np.linspace(0, 1, len(knots)), knots)
    return noise


@dataclass(frozen=True)
class FeatureAugment:
    """Augmentation of log-mel frames.

    Attributes:
        stretch: largest change of tempo, as a fraction; the pitch is kept.
        crop: shortest part of a clip that is used, as a fraction.
        frequency_masks: number of masked bands (SpecAugment, Park et al. 2019).
        frequency_mask: widest masked band, as a fraction of the bands.
        time_masks: number of masked spans.
        time_mask: longest masked span, as a fraction of the frames.
        equalise: standard deviation of a smooth random gain over frequency, in units of CARE's input.
    """

    stretch: float = 0.1
    crop: float = 0.85
    frequency_masks: int = 1
    frequency_mask: float = 0.15
    time_masks: int = 1
    time_mask: float = 0.12
    equalise: float = 0.3

    def __call__(self, frames: Tensor, generator: torch.Generator) -> Tensor:
        """Augment a clip's frames [T, F] -> [T', F]; masked values become the clip's mean."""

        def uniform(low: float, high: float) -> float:
            return low + (high - low) * float(torch.rand((), generator=generator))

        count, bins = frames.shape
        kept = max(1, int(count * uniform(self.crop, 1)))
        start = int(uniform(0, count - kept + 1))
        target = max(1, round(kept * (1 + uniform(-self.stretch, self.stretch))))
        frames = frames[start : start + kept]
        frames = functional.interpolate(frames.T[None], size=target, mode="linear", align_corners=False)[0].T
        knots = self.equalise * torch.randn(1, 1, 6, generator=generator)
        frames = frames + functional.interpolate(knots, size=bins, mode="linear", align_corners=True)[0]
        fill = frames.mean()
        for _ in range(self.frequency_masks):
            width = int(uniform(0, self.frequency_mask * bins + 1))
            low = int(uniform(0, bins - width + 1))
            frames[:, low : low + width] = fill
        for _ in range(self.time_masks):
            width = int(uniform(0, self.time_mask * target + 1))
            low = int(uniform(0, target - width + 1))
            frames[low : low + width] = fill
        return frames
