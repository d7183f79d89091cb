"""Streaming resampling of one channel to the rate used downstream."""

import av
import numpy as np
from numpy.typing import NDArray

from streamer.audio.frame import SAMPLE_RATE


class MonoResampler:
    """Resamples consecutive blocks as one signal (FFmpeg's swresample).

    Args:
        rate: of what comes in, in Hz.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._resampler = av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)

    def resample(self, sound: NDArray[np.float32]) -> NDArray[np.int16]:
        """Take in float32 [n] in -1..1; return int16 [m] at 16 kHz: what is ready by now."""
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound[None]), format="fltp", layout="mono")
        frame.sample_rate = self._rate
        return _joined(self._resampler.resample(frame))

    def flush(self) -> NDArray[np.int16]:
        """Return what the filter still holds; nothing can be resampled afterwards."""
        return _joined(self._resampler.resample(None))


def _joined(frames: list[av.AudioFrame]) -> NDArray[np.int16]:
    parts = [frame.to_ndarray()[0] for frame in frames]
    return np.concatenate(parts) if parts else np.zeros(0, np.int16)
