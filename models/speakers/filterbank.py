"""Kaldi's log mel filterbank, as the voice prints were trained on: 25 ms each 10 ms, 80 bands.

Of our own in numpy and torch, without dither; the tests compare it with kaldi-native-fbank where that is
installed (largest difference on a recording: 8e-5).
"""

from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.sample_rate import SAMPLE_RATE

STEP_SAMPLES = 160
"""From one frame to the next (10 ms)."""

SPAN_SAMPLES = 400
"""Of a frame (25 ms)."""

BANDS = 80

_POINTS = 512
_LOW_HZ, _HIGH_HZ = 20.0, SAMPLE_RATE / 2
_PRE_EMPHASIS = 0.97
_POVEY_POWER = 0.85
_FLOOR = float(np.finfo(np.float32).eps)


def filterbank(sound: Tensor) -> Tensor:
    """Log energies of mel bands; frames only where all of one is there.

    Args:
        sound: [..., n], full scale is 1.

    Returns:
        [..., max(0, (n - 400) // 160 + 1), 80].
    """
    if sound.shape[-1] < SPAN_SAMPLES:
        return sound.new_zeros(*sound.shape[:-1], 0, BANDS)
    frames = sound.unfold(-1, SPAN_SAMPLES, STEP_SAMPLES)
    frames = frames - frames.mean(-1, keepdim=True)
    earlier = torch.cat([frames[..., :1], frames[..., :-1]], dim=-1)
    window, mels = _tables()
    spectrum = torch.fft.rfft((frames - _PRE_EMPHASIS * earlier) * window, n=_POINTS)
    power = spectrum.real.square() + spectrum.imag.square()
    energies: Tensor = power @ mels
    return energies.clamp_min(_FLOOR).log()


def print_features(sound: Tensor) -> Tensor:
    """What the voice prints are computed from: the filterbank, each band's mean over time taken off.

    Args:
        sound: [..., n], full scale is 1.

    Returns:
        [..., frames, 80].
    """
    features = filterbank(sound)
    return features - features.mean(-2, keepdim=True) if features.shape[-2] else features


@cache
def _tables() -> tuple[Tensor, Tensor]:
    """Povey's window [400], and the triangles of the mel bands [257, 80]."""
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(SPAN_SAMPLES) / (SPAN_SAMPLES - 1))
    edges = np.linspace(_mel(np.array(_LOW_HZ)), _mel(np.array(_HIGH_HZ)), BANDS + 2)
    bins = _mel(np.arange(_POINTS // 2 + 1) * SAMPLE_RATE / _POINTS)[:, None]
    low, middle, high = edges[:-2], edges[1:-1], edges[2:]
    triangles = np.minimum((bins - low) / (middle - low), (high - bins) / (high - middle)).clip(0)
    triangles[-1] = 0  # Kaldi leaves out the bin of half the sample rate
    return torch.from_numpy(hann**_POVEY_POWER).float(), torch.from_numpy(triangles).float()


def _mel(hz: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(1127.0 * np.log1p(hz / 700.0))
