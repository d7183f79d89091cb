"""Streaming resampling to 16 kHz."""

from collections.abc import Iterator

import av
import numpy as np
from numpy.typing import NDArray

from streamer.audio.cutter import FrameCutter
from streamer.audio.frame import SAMPLE_RATE, AudioFrame, AudioGap

_PIECE_S = 1
"""Samples resampled at a time: from a far lower rate, a frame becomes many times larger."""


class MonoResampler:
    """Resamples consecutive blocks of one channel as one signal (FFmpeg's swresample).

    Args:
        rate: sample rate of the input, in Hz.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._resampler = av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)

    def resample(self, sound: NDArray[np.float32]) -> NDArray[np.int16]:
        """Resample float32 [n] in -1..1; returns the finished part, int16 [m] at 16 kHz."""
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound[None]), format="fltp", layout="mono")
        frame.sample_rate = self._rate
        return _joined(self._resampler.resample(frame))

    def flush(self) -> NDArray[np.int16]:
        """Return the rest in the filter; the resampler cannot be used afterwards."""
        return _joined(self._resampler.resample(None))


class Lanes:
    """Converts parallel channels of any rate to frames at 16 kHz, with a length exact to the sample."""

    def __init__(self, channels: int) -> None:
        self._cutters = [FrameCutter(channel) for channel in range(channels)]
        self._resamplers: list[MonoResampler] = []
        self._rate = SAMPLE_RATE
        self._began = 0  # output samples at the start of the resamplers
        self._taken = 0  # input samples since

    @property
    def position_s(self) -> float:
        """Length so far, in seconds."""
        return self._began / SAMPLE_RATE + self._taken / self._rate

    def take_in(self, sound: NDArray[np.float32], rate: int) -> Iterator[AudioFrame]:
        """Append float32 [channels, n] in -1..1; yields the finished frames."""
        if rate != self._rate:
            self._settle()
            self._rate = rate
        for start in range(0, sound.shape[1], rate * _PIECE_S):
            piece = sound[:, start : start + rate * _PIECE_S]
            if not self._resamplers:
                self._resamplers = [MonoResampler(rate) for _ in self._cutters]
            self._taken += piece.shape[1]
            for cutter, resampler, channel in zip(self._cutters, self._resamplers, piece, strict=True):
                cutter.append(resampler.resample(channel))
            yield from self._cut()

    def silence(self, seconds: float, rate: int) -> Iterator[AudioFrame]:
        """Append silence; yields the finished frames."""
        left = round(seconds * rate)
        nothing = np.zeros((len(self._cutters), min(left, rate * _PIECE_S)), np.float32)
        while left > 0:
            yield from self.take_in(nothing[:, :left], rate)
            left -= nothing.shape[1]

    def end(self) -> Iterator[AudioFrame]:
        """Yield all remaining frames."""
        self._settle()
        yield from self._cut(flush=True)

    def skip(self, seconds: float, reason: str) -> AudioGap:
        """Skip lost sound, after `end`."""
        length = round(seconds * SAMPLE_RATE)
        gaps = [cutter.skip(length, reason) for cutter in self._cutters]
        self._began += length
        return gaps[0]

    def _settle(self) -> None:
        """Empty the resamplers, and correct the output to the exact length of the input."""
        self._began = round(self.position_s * SAMPLE_RATE)
        self._taken = 0
        for cutter, resampler in zip(self._cutters, self._resamplers, strict=False):
            cutter.append(resampler.flush())
            cutter.end_at(self._began)
        self._resamplers = []

    def _cut(self, flush: bool = False) -> Iterator[AudioFrame]:
        for frames in zip(*(cutter.cut(flush) for cutter in self._cutters), strict=True):
            yield from frames


def _joined(frames: list[av.AudioFrame]) -> NDArray[np.int16]:
    parts = [frame.to_ndarray()[0] for frame in frames]
    return np.concatenate(parts) if parts else np.zeros(0, np.int16)
