"""Intensity, as Praat's manual describes it ("Sound: To Intensity..."): the power of the sound, smoothed."""

import math

import numpy as np

from models.prosody.frames import Array, cut, frame_times
from models.sample_rate import SAMPLE_RATE

_HEARING = 2e-5
"""Pa, the threshold of hearing."""

_KAISER = 2 * math.pi**2 + 0.5
"""Shape of the Kaiser window whose side lobes lie 190 dB down."""

_LEAST = 1e-30
"""Of the power at the threshold of hearing: digital silence is -300 dB, as Praat has it."""


def intensity(sound: Array, floor_hz: float) -> tuple[Array, Array]:
    """Level of the sound, without its constant part and without ripple of periods above the floor.

    Args:
        sound: samples [n] in Pa.
        floor_hz: the lowest pitch there may be. A window lasts 6.4 of its periods, 3.2 of them effectively; a
            step 0.8.

    Returns:
        Times in seconds [F] and levels in dB re 20 uPa [F]; F = 0 for a sound shorter than a window.
    """
    window_s = 6.4 / floor_hz
    times = frame_times(len(sound), window_s, 0.8 / floor_hz)
    if not len(times):
        return times, np.empty(0)
    width = 2 * int(window_s / 2 * SAMPLE_RATE) + 1  # which may be a sample more than there are
    weights = np.kaiser(min(width, len(sound)), _KAISER)
    frames = cut(sound, times, len(weights))
    frames -= frames.mean(axis=1, keepdims=True)
    power = np.square(frames, out=frames) @ (weights / weights.sum())
    return times, 10 * np.log10(np.maximum(power / _HEARING**2, _LEAST))
