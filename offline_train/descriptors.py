"""Frame descriptors that the acoustic encoder is taught to predict, as in PASE+ (arXiv 2001.09239)."""

import numpy as np
from numpy.typing import NDArray

from models.features import FRAME_LENGTH_MS, FRAME_SHIFT_MS, SAMPLE_RATE

NAMES = ("pitch", "voicing")
_WINDOW = 1024  # samples, 64 ms: three periods of the lowest pitch
_LOWEST, _HIGHEST = 67.0, 500.0  # Hz
_REFERENCE = 160.0  # Hz


def describe(samples: NDArray[np.int16], frames: int) -> NDArray[np.float32]:
    """Pitch and voicing of each log-mel frame, by normalised autocorrelation (Boersma, 1993).

    Args:
        samples: int16 samples [n] at 16 kHz, without noise.
        frames: how many frames `models.features.log_mel` makes of them.

    Returns:
        [frames, 2]: octaves above 160 Hz, and the height of the autocorrelation's peak, about 0 to 1.
    """
    hop = int(FRAME_SHIFT_MS * SAMPLE_RATE / 1000)
    centre = int(FRAME_LENGTH_MS * SAMPLE_RATE / 2000)
    padded = np.pad(samples.astype(np.float32), _WINDOW)
    starts = _WINDOW - _WINDOW // 2 + centre + hop * np.arange(frames)
    window = np.hanning(_WINDOW).astype(np.float32)
    pieces = np.stack([padded[start : start + _WINDOW] for start in starts])
    own = _autocorrelation(window)
    correlation = _autocorrelation((pieces - pieces.mean(1, keepdims=True)) * window)
    correlation /= (correlation[:, :1] + 1.0) * (own / own[0] + 1e-3)
    low, high = int(SAMPLE_RATE / _HIGHEST), int(SAMPLE_RATE / _LOWEST)
    lag = low + correlation[:, low:high].argmax(1)
    voicing = correlation[np.arange(frames), lag]
    return np.stack([np.log2(SAMPLE_RATE / lag / _REFERENCE), voicing], axis=1).astype(np.float32)


def _autocorrelation(pieces: NDArray[np.float32]) -> NDArray[np.float32]:
    """Along the last axis, at lags from 0 to half the length."""
    spectrum = np.abs(np.fft.rfft(pieces, 2 * _WINDOW)) ** 2
    return np.fft.irfft(spectrum)[..., : _WINDOW // 2].astype(np.float32)
