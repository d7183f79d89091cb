"""The level of sound above the steady background noise, by minimum statistics in bands."""

from collections import deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from streamer.audio.frame import SAMPLE_RATE
from streamer.turns.silero import CHUNK_SAMPLES

_BAND_EDGES_HZ = (250, 500, 1000, 1500, 2000, 3000, 4000, 5500, 7500)
_FRICATIVE_BANDS = 2
"""An /s/ exceeds the noise only in the uppermost bands, which are also averaged separately."""
_FRICATIVE_WEIGHT = 0.6

_SMOOTHING = 0.25
_BLOCK_CHUNKS = 16
_BLOCKS = 20
_WARM_UP_CHUNKS = 31
_MAX_EXCESS_DB = np.float32(40)

_WINDOW = np.hanning(CHUNK_SAMPLES).astype(np.float32)
_BINS = np.array([round(edge * CHUNK_SAMPLES / SAMPLE_RATE) for edge in _BAND_EDGES_HZ])
_LAST_BIN = int(_BINS[-1])
_PARTS = 2 * _BINS[:-1]
"""Start indices of the bands in the array of real and imaginary parts."""
_WIDTHS = np.diff(_BINS).astype(np.float32)


class NoiseFloor:
    """Tracks the background level in each band: the minimum of the last 10 s or so.

    After Martin, "Noise power spectral density estimation based on optimal smoothing and minimum statistics",
    IEEE TSAP 9(5), 2001, with a fixed smoothing and without its bias compensation.
    """

    def __init__(self) -> None:
        self._smoothed: NDArray[np.float32] | None = None
        self._minimum = np.full(len(_WIDTHS), np.inf, np.float32)  # of the present block
        self._minima: deque[NDArray[np.float32]] = deque(maxlen=_BLOCKS)
        self._least = self._minimum  # of all recent blocks
        self._heard = 0

    @property
    def known(self) -> bool:
        """Whether the floor is known."""
        return self._heard > _WARM_UP_CHUNKS

    def under(self, level_db: NDArray[np.float32]) -> NDArray[np.float32]:
        """Update with the levels of the next chunk, [bands]; returns the floor."""
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


def excess_db(floors: Sequence[NoiseFloor], chunks: NDArray[np.int16]) -> list[float]:
    """Process chunks, int16 [k, CHUNK_SAMPLES], one for each floor entry; chunks of one are consecutive.

    Returns:
        For each chunk its level in dB above the floor, averaged over all bands, or over those of fricatives
        if that is more; infinite in the first second, before the floor is known.
    """
    spectra = np.fft.rfft(chunks * _WINDOW)[:, :_LAST_BIN]
    parts = np.ascontiguousarray(spectra).view(np.float32)
    bands = np.add.reduceat(parts * parts, _PARTS, axis=1) / _WIDTHS
    levels_db = np.float32(10) * np.log10(bands + np.float32(10))
    under, known = [], []
    for floor, level_db in zip(floors, levels_db, strict=True):
        under.append(floor.under(level_db))
        known.append(floor.known)
    excess = np.minimum(np.maximum(levels_db - np.array(under), np.float32(0)), _MAX_EXCESS_DB)
    everywhere = np.add.reduce(excess, axis=1) / excess.shape[1]
    fricatives = np.add.reduce(excess[:, -_FRICATIVE_BANDS:], axis=1) / _FRICATIVE_BANDS
    most = np.maximum(everywhere, np.float32(_FRICATIVE_WEIGHT) * fricatives)
    found: list[float] = np.where(known, most, np.inf).tolist()
    return found
