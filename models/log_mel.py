"""Log-mel features of 16 kHz speech; processing in chunks gives the same frames."""

import kaldi_native_fbank
import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 16_000
FRAME_LENGTH_MS = 25.0
FRAME_SHIFT_MS = 10.0


class LogMelStream:
    """Kaldi-style log-mel filter banks over a stream of samples, in constant memory.

    Frames of 25 ms start every 10 ms; only whole frames count, so n samples give
    `max(0, 1 + (n - 400) // 160)` frames. Values are natural logarithms of power, samples in int16 units.
    """

    def __init__(self, bins: int) -> None:
        options = kaldi_native_fbank.FbankOptions()
        options.frame_opts.samp_freq = SAMPLE_RATE
        options.frame_opts.frame_length_ms = FRAME_LENGTH_MS
        options.frame_opts.frame_shift_ms = FRAME_SHIFT_MS
        options.frame_opts.dither = 0.0
        options.frame_opts.snip_edges = True
        options.mel_opts.num_bins = bins
        self._fbank = kaldi_native_fbank.OnlineFbank(options)
        self._bins = bins
        self._taken = 0

    def accept(self, samples: NDArray[np.int16]) -> NDArray[np.float32]:
        """Process the next samples [n], any number of them; returns the completed frames [t, bins]."""
        self._fbank.accept_waveform(SAMPLE_RATE, samples.astype(np.float32))
        ready = self._fbank.num_frames_ready
        frames = np.empty((ready - self._taken, self._bins), np.float32)
        for row, index in enumerate(range(self._taken, ready)):
            frames[row] = self._fbank.get_frame(index)
        self._fbank.pop(ready - self._taken)
        self._taken = ready
        return frames


def whole_frames(samples: int) -> int:
    """Number of frames in so many samples."""
    return max(0, 1 + (samples - 400) // 160)


def log_mel(samples: NDArray[np.int16], bins: int) -> NDArray[np.float32]:
    """Log-mel features of a whole recording: int16 samples [n] -> [T, bins] (see `LogMelStream`)."""
    return LogMelStream(bins).accept(samples)
