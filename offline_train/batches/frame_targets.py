"""Acoustic descriptors of frames, which the acoustic encoder of CARE learns to predict.

As in PASE+ (Ravanelli et al., ICASSP 2020), they are spectra, cepstra and prosody over short and long
windows: log-mel energies and MFCC of 25 ms and 200 ms; F0, periodicity, energy and zero crossings, with their
deltas and their statistics over half a second; and the shape of the spectrum.
"""

from typing import Any

import librosa
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from models.sample_rate import SAMPLE_RATE

HOP = 320
"""Samples from one frame to the next: 20 ms."""

_WINDOW = 400  # samples, 25 ms; its middle is the time of a frame
_LONG_WINDOW = 3200  # samples, 200 ms
_F0_WINDOW = 1024  # samples: two periods of the lowest F0
_F0_HZ = (62.5, 500.0)
_VOICED = 0.5  # threshold of the periodicity
_SPAN = 25  # frames in the statistics of prosody
_MELS, _LONG_MELS, _CEPSTRA = 80, 40, 20

DIMENSION = _MELS + 3 * _CEPSTRA + _LONG_MELS + _CEPSTRA + 5 * 4 + 4
"""Number of descriptors."""

Rows = NDArray[np.float64]


def frame_targets(audio: NDArray[np.int16]) -> NDArray[np.float32]:
    """Descriptors of each frame of 20 ms, independent of the level of the recording.

    Args:
        audio: samples [n] at 16 kHz.

    Returns:
        Descriptors [1 + max(0, n - 400) // 320, DIMENSION], finite, each on its own scale.
    """
    wave = audio.astype(np.float64)
    wave -= wave.mean() if len(wave) else 0.0
    wave /= max(1.0, float(np.sqrt(np.mean(np.square(wave))))) if len(wave) else 1.0
    count = 1 + max(0, len(wave) - _WINDOW) // HOP
    short = _magnitudes(wave, count, _WINDOW, size=512)
    mel = _log_mel(short, _MELS)
    cepstra = librosa.feature.mfcc(S=mel, n_mfcc=_CEPSTRA)
    long_mel = _log_mel(_magnitudes(wave, count, _LONG_WINDOW, size=4096), _LONG_MELS)
    prosody = _prosody(wave, count)
    rows = [
        mel,
        cepstra,
        _course(cepstra, 1),
        _course(cepstra, 2),
        long_mel,
        librosa.feature.mfcc(S=long_mel, n_mfcc=_CEPSTRA),
        prosody,
        _course(prosody, 1),
        _course(prosody, 2),
        *_statistics(prosody),
        _shape(short),
    ]
    targets: NDArray[np.float32] = np.nan_to_num(np.concatenate(rows).T).astype(np.float32)
    return targets


def _frames(wave: NDArray[np.float64], count: int, window: int) -> Rows:
    """Windows [window, count] around the middles of `count` frames; zero beyond the end of the sound."""
    before = (window - _WINDOW) // 2
    needed = (count - 1) * HOP + window
    padded = np.pad(wave, (before, max(0, needed - before - len(wave))))[:needed]
    frames: Rows = librosa.util.frame(padded, frame_length=window, hop_length=HOP)
    return frames


def _magnitudes(wave: NDArray[np.float64], count: int, window: int, size: int) -> Rows:
    """Magnitude spectra [1 + size / 2, count]."""
    shaped = _frames(wave, count, window) * librosa.filters.get_window("hann", window)[:, None]
    return np.abs(np.fft.rfft(shaped, size, axis=0))


def _log_mel(magnitudes: Rows, bands: int) -> Rows:
    """Energies in dB [bands, count], at most 80 below the utterance's highest."""
    filters = librosa.filters.mel(sr=SAMPLE_RATE, n_fft=2 * (len(magnitudes) - 1), n_mels=bands)
    decibels: Rows = librosa.power_to_db(filters @ np.square(magnitudes), amin=1e-6, top_db=80)
    return decibels


def _prosody(wave: NDArray[np.float64], count: int) -> Rows:
    """log2 F0, interpolated in unvoiced frames; periodicity; energy in dB; zero crossings: [4, count]."""
    frames = _frames(wave, count, _F0_WINDOW)
    lowest, highest = _F0_HZ
    f0 = librosa.yin(
        frames.T.reshape(-1), fmin=lowest, fmax=highest, sr=SAMPLE_RATE, frame_length=_F0_WINDOW,
        hop_length=_F0_WINDOW, center=False,
    )  # fmt: skip
    periodicity = _periodicity(frames, np.round(SAMPLE_RATE / f0).astype(int))
    voiced = np.flatnonzero(periodicity > _VOICED)
    octaves = np.log2(f0)
    if len(voiced):
        octaves = np.interp(np.arange(count), voiced, octaves[voiced])
    near = _frames(wave, count, _WINDOW)
    energy = 10 * np.log10(np.mean(np.square(near), axis=0) + 1e-6)
    crossings = np.mean(np.signbit(near[1:]) != np.signbit(near[:-1]), axis=0)
    return np.stack([octaves, periodicity, energy, crossings])


def _periodicity(frames: Rows, lags: NDArray[np.int_]) -> NDArray[np.float64]:
    """Autocorrelation of each frame [window, count] at its lag: [count], 0 for silence."""
    found = np.zeros(frames.shape[1])
    for number, lag in enumerate(lags):
        now, later = frames[:-lag, number], frames[lag:, number]
        power = float(np.sqrt((now @ now) * (later @ later)))
        found[number] = now @ later / power if power > 1e-6 else 0.0
    return found


def _course(rows: Rows, order: int) -> Rows:
    change: Rows = librosa.feature.delta(rows, order=order, mode="nearest")
    return change


def _statistics(rows: Rows) -> tuple[Rows, Rows]:
    """Mean and deviation over half a second around each frame."""
    mean = uniform_filter1d(rows, _SPAN, axis=1, mode="nearest")
    square = uniform_filter1d(np.square(rows), _SPAN, axis=1, mode="nearest")
    return mean, np.sqrt(np.maximum(square - np.square(mean), 0))


def _shape(magnitudes: Rows) -> Rows:
    """Centroid, bandwidth and roll-off in octaves, flatness in dB: [4, count]."""
    options: dict[str, Any] = {"S": magnitudes + 1e-6, "sr": SAMPLE_RATE}
    hertz = [
        librosa.feature.spectral_centroid(**options),
        librosa.feature.spectral_bandwidth(**options),
        librosa.feature.spectral_rolloff(**options),
    ]
    flatness = librosa.power_to_db(librosa.feature.spectral_flatness(S=magnitudes + 1e-6), top_db=None)
    return np.concatenate([np.log2(np.maximum(np.concatenate(hertz), 1.0)), flatness])
