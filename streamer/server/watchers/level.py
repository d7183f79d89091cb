"""The loudness of a stream."""

import math

import numpy as np

from streamer.audio.frame import FRAME_SAMPLES, AudioFrame

FLOOR_DBFS = -90.0
"""Levels below this count as digital silence."""


class Level:
    """The loudest 20 ms since the last `take`: RMS, in dB relative to full scale."""

    def __init__(self) -> None:
        self._loudest: float | None = None

    def hear(self, frame: AudioFrame) -> None:
        """Measure a frame of any channel."""
        count = len(frame.samples)
        if not count:
            return
        starts = np.arange(0, count, FRAME_SAMPLES)
        squares = np.add.reduceat(frame.samples.astype(np.float32) ** 2, starts)
        mean = float((squares / np.diff(starts, append=count)).max()) / 32_768**2
        level = max(10 * math.log10(mean), FLOOR_DBFS) if mean > 0 else FLOOR_DBFS
        self._loudest = level if self._loudest is None else max(level, self._loudest)

    def take(self) -> float | None:
        """The level since the last call, None if there was no sound; resets it."""
        level, self._loudest = self._loudest, None
        return None if level is None else round(level, 1)
