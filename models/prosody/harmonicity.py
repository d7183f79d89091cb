"""Harmonics-to-noise ratio: how much of a frame repeats itself, against the rest (Boersma 1993)."""

import numpy as np

from models.prosody.frames import Array, cut, frame_times
from models.prosody.periodicity import DEPTH, around_local_mean, cross_correlation, maxima, relative_peak
from models.sample_rate import SAMPLE_RATE

_FLOOR_HZ = 75.0
_STEP_S = 0.01
_SILENCE = 0.1  # amplitude, as a part of the largest there is, of a silent frame
_MAXIMA = 3  # of a frame, to look at closely


def harmonicity(sound: Array) -> Array:
    """Harmonics-to-noise ratio, as in "Sound: To Harmonicity (cc)..." of Praat's manual.

    A period of the floor, 75 Hz, is correlated with what follows it up to a period later.

    Args:
        sound: samples [n].

    Returns:
        dB, every 10 ms [F]; NaN where silent or without any period. F = 0 for less than two periods.
    """
    period = int(SAMPLE_RATE / _FLOOR_HZ)
    times = frame_times(len(sound), 2 / _FLOOR_HZ, _STEP_S)
    if not len(times):
        return np.empty(0)
    beyond = DEPTH + 2  # lags for interpolation, past the sound's ends too
    frames = cut(np.pad(sound, beyond), times + beyond / SAMPLE_RATE, 2 * (period + beyond))
    frames = around_local_mean(frames, period)
    width = 2 * (period // 2 - 1)  # as Praat rounds a period
    repeated = maxima(cross_correlation(frames[:, beyond - 1 :], width), period, 0.0, _MAXIMA)
    strength = repeated.heights.max(axis=1)
    silent = np.maximum(0, 2 - relative_peak(frames, period, sound) / _SILENCE)
    strength = np.where(strength > silent, np.clip(strength, 1e-15, 1 - 1e-15), np.nan)
    ratio: Array = 10 * np.log10(strength / (1 - strength))
    return ratio
