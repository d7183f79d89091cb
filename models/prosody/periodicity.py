"""Where a sound repeats itself: maxima of its short-term correlation.

After Paul Boersma, "Accurate short-term analysis of the fundamental frequency and the harmonics-to-noise
ratio of a sampled sound", Proceedings of the Institute of Phonetic Sciences 17 (1993), 97-110.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.prosody.frames import Array

DEPTH = 30
"""Lags on either side that take part in an interpolation."""

_OFFSETS = np.linspace(-1, 1, 33)
_DISTANCES = _OFFSETS[:, None] - np.arange(-DEPTH, DEPTH + 1)
_SINC = np.sinc(_DISTANCES) * np.square(np.cos(np.pi / 2 * np.clip(_DISTANCES / (DEPTH + 1), -1, 1)))
"""Interpolation by sin(x)/x, Hann-windowed: from the lags around one to offsets from it [33, 2 DEPTH + 1]."""


class Maxima(NamedTuple):
    """The highest maxima of each frame's correlation, in no order.

    Attributes:
        lags: in samples [F, C]; 1 where there are no more.
        heights: correlation, at most 1 [F, C]; -inf where there are no more.
    """

    lags: Array
    heights: Array


def around_local_mean(frames: Array, period: int) -> Array:
    """Frames [F, W] less the mean of the two periods in their middle."""
    middle = frames.shape[1] // 2
    centred: Array = frames - frames[:, middle - period : middle + period].mean(axis=1, keepdims=True)
    return centred


def relative_peak(frames: Array, period: int, sound: Array) -> Array:
    """Largest amplitude in the period in the middle of frames [F, W], as a part of the sound's own [F]."""
    middle, half = frames.shape[1] // 2, period // 2
    loudest = np.abs(sound - sound.mean()).max()
    local: Array = np.abs(frames[:, middle - half : middle + half]).max(axis=1)
    return local / loudest if loudest > 0 else local


def autocorrelation(windowed: Array, window: Array, lags: int) -> Array:
    """Autocorrelation of frames times a window [F, W], divided by that of the window [W] -> [F, lags].

    The quotient is near the autocorrelation of the sound itself as long as lags stay below W / 2.
    """
    size = _fast_size(len(window) + lags)

    def correlate(signal: Array) -> Array:
        spectrum = np.fft.rfft(signal, size)
        found: Array = np.fft.irfft(spectrum.real**2 + spectrum.imag**2, size)[..., :lags]
        return found

    own, correlation = correlate(window), correlate(windowed)
    quotient: Array = _quotient(correlation, correlation[:, :1]) / (own / own[0])
    return quotient


def cross_correlation(frames: Array, width: int) -> Array:
    """Correlation of the start of frames [F, n], `width` samples, with what follows -> [F, n - width + 1]."""
    n = frames.shape[1]
    lags, size = n - width + 1, _fast_size(n)
    start = np.fft.rfft(frames[:, :width], size)
    products = np.fft.irfft(np.conj(start) * np.fft.rfft(frames, size), size)[:, :lags]
    sums = np.cumsum(np.pad(np.square(frames), ((0, 0), (1, 0))), axis=1)
    powers = np.maximum(sums[:, width:] - sums[:, :lags], 0)
    return _quotient(products, np.sqrt(powers[:, :1] * powers))


def maxima(correlation: Array, longest: int, least: float, most: int, octave_cost: float = 0.0) -> Maxima:
    """Find the maxima of a correlation, between its lags.

    Args:
        correlation: of each frame at lags 0, 1, ... [F, L], L > longest + DEPTH + 1; even in the lag.
        longest: only lags from 2 up to this one are looked at.
        least: only maxima above this are found.
        most: how many to keep, those with the highest `height - octave_cost * log2(lag)`.
        octave_cost: makes shorter lags win among equals.
    """
    before, here, after = (correlation[:, 1 + shift : longest + shift] for shift in range(3))
    peak = (here > before) & (here >= after) & (here > least)
    rough = np.full((len(peak), longest - 1), -np.inf)
    _, tops = parabola(before[peak], here[peak], after[peak])
    rough[peak] = tops - octave_cost * np.log2(peak.nonzero()[1] + 2)
    most = int(min(most, peak.sum(axis=1).max()))
    if not most:
        return Maxima(np.ones((len(peak), 1)), np.full((len(peak), 1), -np.inf))
    columns = np.argpartition(-rough, most - 1, axis=1)[:, :most]
    found = np.take_along_axis(peak, columns, axis=1)
    lags, heights = np.ones(found.shape), np.full(found.shape, -np.inf)
    lags[found], heights[found] = _interpolated(correlation, found.nonzero()[0], columns[found] + 2)
    return Maxima(lags, heights)


def parabola(before: Array, here: Array, after: Array) -> tuple[Array, Array]:
    """Maximum of the parabola through three points: steps from the middle one, and height."""
    slope, bend = (after - before) / 2, 2 * here - before - after
    shift = np.clip(_quotient(slope, bend), -1, 1)
    return shift, here + slope * shift - bend * shift**2 / 2


def _interpolated(correlation: Array, rows: NDArray[np.intp], lags: NDArray[np.intp]) -> tuple[Array, Array]:
    """Exact lags and heights of maxima near whole lags: [P] each."""
    around = correlation[rows[:, None], np.abs(lags[:, None] + np.arange(-DEPTH, DEPTH + 1))]
    fine = around @ _SINC.T  # [P, 33]
    top = np.clip(fine.argmax(axis=1), 1, fine.shape[1] - 2)
    shift, height = parabola(*(fine[np.arange(len(fine)), top + step] for step in (-1, 0, 1)))
    exact = lags + _OFFSETS[top] + shift * (_OFFSETS[1] - _OFFSETS[0])
    return exact, np.where(height > 1, 1 / height, height)


def _quotient(value: Array, by: Array) -> Array:
    """Divide, with 0 where the divisor is not above 0."""
    return np.divide(value, by, out=np.zeros_like(value), where=by > 0)


def _fast_size(least: int) -> int:
    """A size, at least this, for which the Fourier transform is fast."""
    return min(odd << ((least - 1) // odd).bit_length() for odd in (1, 3, 5, 9, 15))
