"""How far the sound stands out from the steady noise behind it, by minimum statistics in bands."""

import math
from collections import deque

import numpy as np
from numpy.typing import NDArray

from streamer.audio.frame import SAMPLE_RATE

_BAND_EDGES_HZ = (250, 500, 1000, 1500, 2000, 3000, 4000, 5500, 7500)
_FRICATIVE_BANDS = 2
"""An /s/ stands out in the uppermost bands only; these weigh `_FRICATIVE_WEIGHT` by themselves."""
_FRICATIVE_WEIGHT = 0.6

_SMOOTHING = 0.25
_BLOCK_CHUNKS = 16
_BLOCKS = 20
_WARM_UP_CHUNKS = 31
_MAX_EXCESS_DB = np.float32(40)


class NoiseFloor:
    """Tracks the level of the background in each band as the least it was lately (about 10 s).

    After Martin, "Noise power spectral density estimation based on optimal smoothing and minimum statistics",
    IEEE TSAP 9(5), 2001, with a fixed smoothing and without its bias compensation.

    Args:
        chunk_samples: length of the chunks it is fed.
    """

    def __init__(self, chunk_samples: int) -> None:
        self._window = np.hanning(chunk_samples).astype(np.float32)
        bins = np.array([round(edge * chunk_samples / SAMPLE_RATE) for edge in _BAND_EDGES_HZ])
        self._last_bin = int(bins[-1])
        self._parts = 2 * bins[:-1]  # where bands begin among real and imaginary parts
        self._widths = np.diff(bins).astype(np.float32)
        self._smoothed: NDArray[np.float32] | None = None
        self._minimum = np.full(len(self._widths), np.inf, np.float32)  # of the block that goes on
        self._minima: deque[NDArray[np.float32]] = deque(maxlen=_BLOCKS)
        self._least = self._minimum  # of all of those
        self._heard = 0

    def excess_db(self, chunks: NDArray[np.int16]) -> list[float]:
        """Take in the next chunks.

        Args:
            chunks: int16 [k, chunk_samples].

        Returns:
            Of each, decibels above the floor, averaged over the bands (or over those where fricatives are, if
            that is more); infinite in the first second, when the floor is not known yet.
        """
        spectra = np.fft.rfft(chunks * self._window)[:, : self._last_bin]
        parts = np.ascontiguousarray(spectra).view(np.float32)
        bands = np.add.reduceat(parts * parts, self._parts, axis=1) / self._widths
        levels_db = np.float32(10) * np.log10(bands + np.float32(10))
        excess = levels_db - np.array([self._floor_under(level_db) for level_db in levels_db])
        excess = np.minimum(np.maximum(excess, np.float32(0)), _MAX_EXCESS_DB)
        everywhere = np.add.reduce(excess, axis=1) / excess.shape[1]
        fricatives = np.add.reduce(excess[:, -_FRICATIVE_BANDS:], axis=1) / _FRICATIVE_BANDS
        found: list[float] = np.maximum(everywhere, np.float32(_FRICATIVE_WEIGHT) * fricatives).tolist()
        unknown = min(max(_WARM_UP_CHUNKS - self._heard + len(found), 0), len(found))
        return [math.inf] * unknown + found[unknown:]

    def _floor_under(self, level_db: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take in the levels of one more chunk, [bands], and say where the floor is now."""
        if self._smoothed is None:
            self._smoothed = level_db
        else:
            self._smoothed = self._smoothed + np.float32(_SMOOTHING) * (level_db - self._smoothed)
        self._minimum = np.minimum(self._minimum, self._smoothed)
        floor: NDArray[np.float32] = np.minimum(self._least, self._minimum)
        self._heard += 1
        if self._heard % _BLOCK_CHUNKS == 0:
            self._minima.append(self._minimum)
            self._least = np.minimum.reduce(self._minima)
            self._minimum = self._smoothed
        return floor
