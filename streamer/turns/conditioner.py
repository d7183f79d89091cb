"""Prepares sound for the voice activity detector."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from streamer.audio.frame import SAMPLE_RATE
from streamer.turns.silero import CHUNK_SAMPLES

_LOWEST, _HIGHEST = np.float32(-1), np.float32(1)


class Conditioned(NamedTuple):
    """Sound prepared for voice activity detection.

    Attributes:
        plain: float32 [n] in -1..1, without DC.
        amplified: the same, amplified.
        gain: factor of the amplification, at least 1.
    """

    plain: NDArray[np.float32]
    amplified: NDArray[np.float32]
    gain: float


class InputConditioner:
    """Removes a slowly moving DC offset, and amplifies faint sound to the levels the models were trained on.

    For the voice activity detector only. The gain never exceeds `MAX_GAIN` (24 dB), falls at once when the
    sound gets louder and rises by 6 dB a second; loud sound is unchanged.
    """

    TARGET_RMS = 1500 / 32768
    MAX_GAIN = 16.0
    _RELEASE = 10 ** (-6 / 20 * CHUNK_SAMPLES / SAMPLE_RATE)
    _DC_ADAPTATION = 0.05

    def __init__(self) -> None:
        self._dc: float | None = None
        self._level = 0.0

    def follow_dc(self, mean: float) -> float:
        """Update with the mean of the next chunk; returns the offset."""
        self._dc = mean if self._dc is None else self._dc + self._DC_ADAPTATION * (mean - self._dc)
        return self._dc

    def follow_level(self, rms: float) -> float:
        """Update with the level of the next chunk; returns the gain."""
        self._level = max(rms, self._level * self._RELEASE)
        return max(1.0, min(self.MAX_GAIN, self.TARGET_RMS / max(self._level, 1e-9)))


def condition(conditioners: Sequence[InputConditioner], chunks: NDArray[np.int16]) -> list[Conditioned]:
    """Condition chunks, int16 [k, n], one for each entry; chunks of one conditioner are consecutive."""
    sound = chunks * np.float32(1 / 32768)
    means = (np.add.reduce(sound, axis=1) / sound.shape[1]).tolist()
    dc = [each.follow_dc(mean) for each, mean in zip(conditioners, means, strict=True)]
    sound -= np.array(dc, np.float32)[:, None]
    powers = (np.einsum("kn,kn->k", sound, sound) / sound.shape[1]).tolist()
    gains = [each.follow_level(math.sqrt(power)) for each, power in zip(conditioners, powers, strict=True)]
    plain = _clipped(sound)
    amplified = plain if max(gains) == 1 else _clipped(sound * np.array(gains, np.float32)[:, None])
    return list(map(Conditioned, plain, amplified, gains))


def _clipped(sound: NDArray[np.float32]) -> NDArray[np.float32]:
    """Clip to -1..1; on small arrays, binary ufuncs take a third of `clip`'s time."""
    clipped: NDArray[np.float32] = np.minimum(np.maximum(sound, _LOWEST), _HIGHEST)
    return clipped
