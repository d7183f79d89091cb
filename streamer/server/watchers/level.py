"""How loud a stream is."""

import math

import numpy as np

from streamer.audio.frame import FRAME_SAMPLES, AudioFrame

FLOOR_DBFS = -90.0
"""Levels below this are digital silence."""


class Level:
    """The loudest 20 ms since the level was last taken: RMS, in dB below full scale."""

    def __init__(self) -> None:
        self._loudest: float | None = None

    def hear(self, frame: AudioFrame) -> None:
        """Take note of a frame of any channel."""
        count = len(frame.samples)
        if not count:
            return
        starts = np.arange(0, count, FRAME_SAMPLES)
        squares = np.add.reduceat(frame.samples.astype(np.float32) ** 2, starts)
        mean = float((squares / np.diff(starts, append=count)).max()) / 32_768**2
        level = max(10 * math.log10(mean), FLOOR_DBFS) if mean > 0 else FLOOR_DBFS
        self._loudest = level if self._loudest is None else max(level, self._loudest)

    def take(self) -> float | None:
        """The level since the last time, None where there was no sound; starts anew."""
        level, self._loudest = self._loudest, None
        return None if level is None else round(level, 1)
