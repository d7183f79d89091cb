"""Sounds whose measures are known."""

import numpy as np
from numpy.typing import NDArray

RATE = 16_000


def int16(sound: NDArray[np.float64]) -> NDArray[np.int16]:
    """Samples from -1 to 1 as they come from a microphone, clipped."""
    return np.clip(np.round(32768 * sound), -32768, 32767).astype(np.int16)


def sine(hertz: float, amplitude: float, seconds: float) -> NDArray[np.float64]:
    sound: NDArray[np.float64] = amplitude * np.sin(2 * np.pi * hertz * np.arange(int(seconds * RATE)) / RATE)
    return sound


def buzz(hertz: float, seconds: float, level: float = 0.1, highest_hz: float = 4000) -> NDArray[np.float64]:
    """A pulse train without aliasing: all harmonics up to 4 kHz, of equal strength; `level` is its RMS."""
    time = np.arange(int(seconds * RATE)) / RATE
    harmonics = np.arange(1, int(highest_hz / hertz) + 1)
    sound: NDArray[np.float64] = np.cos(2 * np.pi * hertz * harmonics[:, None] * time).sum(axis=0)
    sound *= level / np.sqrt(len(harmonics) / 2)
    return sound


def noise(seconds: float, level: float, seed: int = 0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(0, level, int(seconds * RATE))


def bursts(count: int, sound_s: float = 0.14, gap_s: float = 0.1, hertz: float = 120) -> NDArray[np.float64]:
    """Voiced syllables that swell and die away; quiet between them, and for a second at both ends."""
    length, gap = int(sound_s * RATE), int(gap_s * RATE)
    syllable = buzz(hertz, sound_s) * np.sin(np.pi * np.arange(length) / length)
    beat = np.concatenate([syllable, np.zeros(gap)])
    sound = np.concatenate([np.zeros(RATE), *[beat] * count, np.zeros(RATE)])
    return sound + noise(len(sound) / RATE, 1e-4)
