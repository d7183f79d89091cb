"""Divides sound that comes in pieces of any length into frames."""

import numpy as np
from numpy.typing import NDArray

from streamer.audio.frame import FRAME_SAMPLES, AudioFrame, AudioGap


class FrameCutter:
    """Cuts the sound of one channel, into frames of at most `longest` samples, and counts them.

    Attributes:
        at: index of the first sample of the next frame.
    """

    def __init__(self, channel: int = 0, longest: int = FRAME_SAMPLES) -> None:
        self.at = 0
        self._longest = longest
        self._channel = channel
        self._rest: NDArray[np.int16] = np.zeros(0, np.int16)

    def append(self, samples: NDArray[np.int16]) -> None:
        """Append int16 [n], any n."""
        self._rest = np.concatenate([self._rest, samples]) if len(self._rest) else samples

    def end_at(self, stop: int) -> None:
        """Truncate the appended sound, or pad it with silence, to end at index `stop`, which is near."""
        length = max(0, stop - self.at)
        self._rest = np.pad(self._rest[:length], (0, max(0, length - len(self._rest))))

    def cut(self, flush: bool = False) -> list[AudioFrame]:
        """Return the complete frames; with `flush` also a rest shorter than `FRAME_SAMPLES`."""
        frames = []
        stop = len(self._rest) if flush else len(self._rest) // FRAME_SAMPLES * FRAME_SAMPLES
        for start in range(0, stop, self._longest):
            samples = self._rest[start : min(start + self._longest, stop)]
            frames.append(AudioFrame(samples, self.at, self._channel))
            self.at += len(samples)
        self._rest = self._rest[stop:]
        return frames

    def skip(self, length: int, reason: str) -> AudioGap:
        """Count `length` lost samples, after everything appended so far has been cut with `flush`."""
        gap = AudioGap(self.at, length, reason)
        self.at += length
        return gap
